"""What check.py knows of a mistake: an `Entry` in one of the tables mistakes_*.py."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One known mistake, fragility or deviation.

    id           its name, as in reports
    severity     "wrong", "fragile" (right on ordinary inputs only) or "deviation" (no mistake)
    title        what is wrong, in one line
    explanation  what is wrong, and why it matters
    hint         where to look, without the solution
    twins        {part: [change, ...]}: a change is the fields of the part's right twin that differ.
                 A mistake that is written in several ways has several. Where an entry has none,
                 the judge sees it in another way: in a value returned, a crash, a structure.
    fitted       a twin's learning rate is not the one given but one constant, to be found
    """

    id: str
    severity: str
    title: str
    explanation: str
    hint: str
    twins: dict = field(default_factory=dict)
    fitted: bool = False
