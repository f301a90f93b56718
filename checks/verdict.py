"""A part's verdict and its findings, put together from what the judges found."""

from dataclasses import dataclass, field

from checks.mistakes import TABLE

UNKNOWN_TITLE = "The numbers are not the right ones, and no known mistake gives them"
UNKNOWN_HINT = "Work the example below by hand and compare line by line."
UNCALLABLE_TITLE = "It could not be called"
UNCALLABLE_HINT = "Call it yourself on a few small numbers and read the error."
SYNTAX_HINT = "Python cannot read the script: correct this line, or the one before it."
OVERTIME_HINT = "Look for a loop that never ends, or for one over far more than it was given."


@dataclass
class Part:
    """What is found of one part while it is judged.

    blocked  (verdict, sentence) where it could not be judged
    found    {id: {"detail": sentence, "certificate": dict or None}} in the order found
    unknown  [(sentence, certificate)] of what is wrong without a name
    notes    sentences without consequence
    """

    blocked: tuple | None = None
    found: dict = field(default_factory=dict)
    unknown: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, id, detail="", certificate=None):
        self.found.setdefault(id, {"detail": detail, "certificate": certificate})

    def has_wrong(self):
        return bool(self.unknown) or any(TABLE[id].severity == "wrong" for id in self.found)

    def report(self):
        """{"verdict", "findings", "notes"}"""
        if self.blocked is not None:
            verdict, sentence = self.blocked
            findings = [known(id, more) for id, more in self.found.items()]
            if verdict == "uncallable" and not findings:  # every format says why
                hint = uncallable_hint(sentence)
                findings = [finding("uncallable", UNCALLABLE_TITLE, sentence, hint)]
            return {"verdict": verdict, "findings": findings, "notes": [sentence, *self.notes]}
        order = {"wrong": 0, "fragile": 1, "deviation": 2}
        ids = sorted(self.found, key=lambda id: order[TABLE[id].severity])
        findings = [known(id, self.found[id]) for id in ids]
        severities = {TABLE[id].severity for id in ids}
        if "wrong" in severities:
            verdict = "mistake"
        elif self.unknown:
            verdict = "unknown"
        elif "fragile" in severities:
            verdict = "fragile"
        elif any(id.startswith("conv_") for id in ids):
            verdict = "convention"
        else:
            verdict = "correct"
        for sentence, certificate in self.unknown[:2]:
            findings.append(finding("unknown", UNKNOWN_TITLE, sentence, UNKNOWN_HINT, certificate))
        return {"verdict": verdict, "findings": findings, "notes": self.notes}


def uncallable_hint(sentence):
    """Where to look, by the error that a part failed with."""
    if sentence.startswith(("SyntaxError", "IndentationError", "TabError")):
        return SYNTAX_HINT
    if "TooLong: " in sentence or sentence.startswith("timeout: "):
        return OVERTIME_HINT
    return UNCALLABLE_HINT


def finding(id, title, explanation, hint, certificate=None, severity="wrong"):
    """A finding as every format has it."""
    return {
        "id": id,
        "severity": severity,
        "title": title,
        "explanation": explanation,
        "hint": hint,
        "certificate": certificate,
    }


def known(id, more):
    """The finding of an entry of the table; `more` has a detail and a certificate."""
    entry = TABLE[id]
    explanation = f"{entry.explanation} {more['detail']}".rstrip()
    return finding(
        id, entry.title, explanation, entry.hint, more["certificate"], severity=entry.severity
    )
