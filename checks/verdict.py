"""A part's verdict and its findings, put together from what the judges found."""

from dataclasses import dataclass, field

from checks.mistakes import TABLE

UNKNOWN_TITLE = "The numbers are not the right ones, and no known mistake gives them"


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
            findings = [finding for id, more in self.found.items() for finding in [known(id, more)]]
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
            findings.append(
                {
                    "id": "unknown",
                    "severity": "wrong",
                    "title": UNKNOWN_TITLE,
                    "explanation": sentence,
                    "hint": "Work the example below by hand and compare line by line.",
                    "certificate": certificate,
                }
            )
        return {"verdict": verdict, "findings": findings, "notes": self.notes}


def known(id, more):
    entry = TABLE[id]
    explanation = entry.explanation
    if more["detail"]:
        explanation = f"{explanation} {more['detail']}"
    return {
        "id": id,
        "severity": entry.severity,
        "title": entry.title,
        "explanation": explanation,
        "hint": entry.hint,
        "certificate": more["certificate"],
    }
