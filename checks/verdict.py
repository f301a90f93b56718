"""A part's verdict and its findings, put together from what the judges found."""

from dataclasses import dataclass, field

from checks.mistakes import TABLE
from checks.parts import SEVERITIES, finding

UNKNOWN_TITLE = "The numbers are not the right ones, and no known mistake gives them"
UNKNOWN_HINT = "Work the example below by hand and compare line by line."
UNCALLABLE_TITLE = "It could not be called"
UNCALLABLE_HINT = "Call it yourself on a few small numbers and read the error."


@dataclass
class Part:
    """What is found of one part while it is judged.

    blocked  (verdict, sentence) where it could not be judged
    found    {id: (sentence with what is particular, certificate or None)} in the order found
    unknown  [(sentence, certificate)] of what is wrong without a name
    notes    sentences without consequence
    """

    blocked: tuple | None = None
    found: dict = field(default_factory=dict)
    unknown: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, id, detail="", certificate=None):
        self.found.setdefault(id, (detail, certificate))

    def add_all(self, other):
        self.found |= other.found
        self.unknown += other.unknown
        self.notes += other.notes

    def severities(self):
        return {TABLE[id].severity for id in self.found}

    def has_wrong(self):
        return bool(self.unknown) or "wrong" in self.severities()

    def report(self):
        """{"verdict", "findings", "notes"}"""
        order = list(SEVERITIES)
        ids = sorted(self.found, key=lambda id: order.index(TABLE[id].severity))
        findings = [known(id, *self.found[id]) for id in ids]
        if self.blocked is not None:
            verdict, sentence = self.blocked
            if verdict == "uncallable" and not findings:  # every format says why
                findings = [finding("uncallable", UNCALLABLE_TITLE, sentence, UNCALLABLE_HINT)]
            return {"verdict": verdict, "findings": findings, "notes": [sentence, *self.notes]}
        for sentence, certificate in self.unknown[:2]:
            findings.append(finding("unknown", UNKNOWN_TITLE, sentence, UNKNOWN_HINT, certificate))
        return {"verdict": self.verdict(), "findings": findings, "notes": self.notes}

    def verdict(self):
        severities = self.severities()
        if "wrong" in severities:
            return "mistake"
        if self.unknown:
            return "unknown"
        if "fragile" in severities:
            return "fragile"
        return "convention" if any(id.startswith("conv_") for id in self.found) else "correct"


def known(id, detail, certificate):
    """The finding of an entry of the table."""
    entry = TABLE[id]
    explanation = f"{entry.explanation} {detail}".rstrip()
    return finding(id, entry.title, explanation, entry.hint, certificate, entry.severity)
