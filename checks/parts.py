"""The parts of the homework that are judged, the verdicts on them, and the results of a judging."""

import dataclasses
import tomllib
from dataclasses import dataclass, field

import utils
from checks.submissions.names import printable

PARTS = {  # name: (what to call it, the question it belongs to)
    "perceptron": ("Perceptron", "q1"),
    "logistic_regression": ("Logistic regression", "q1"),
    "logistic_regression_l2": ("Logistic regression with l2", "q1"),
    "mlp": ("MLP", "q1"),
    "torch_logistic_regression": ("Logistic regression in PyTorch", "q2"),
    "torch_mlp": ("Feedforward network in PyTorch", "q2"),
    "torch_train_batch": ("train_batch in PyTorch", "q2"),
}

# The sentence a verdict is reported with, the best verdict first.
VERDICTS = {
    "correct": "correct",
    "convention": "correct, by another convention",
    "fragile": "correct here, but fragile",
    "mistake": "a mistake, and its name",
    "unknown": "wrong, and none of the known mistakes",
    "unfinished": "not filled in yet",
    "absent": "not there",
    "uncallable": "could not be run",
}
# What findings of a severity are called together, the gravest first.
SEVERITIES = {
    "wrong": "Mistakes",
    "fragile": "Right here, but fragile",
    "deviation": "Conventions and interfaces, no mistakes",
}
PASSING = ("correct", "convention", "fragile")

MAX_TEXT = 20_000  # characters of one text in a finding


@dataclass
class Judged:
    """What was found in one submission.

    parts    {part: {"verdict", "findings": [...]}}, as in `PARTS`' order
    seconds  how long it took; 0 if it was known already
    """

    name: str
    path: str
    edition: str
    parts: dict
    notes: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passes(self):
        return all(found["verdict"] in PASSING for found in self.parts.values())

    def as_json(self):
        """The submission's entry of -format json."""
        fields = dataclasses.asdict(self)
        del fields["seconds"]
        return fields


def failed(submission, only, sentence, edition=None):
    """The Judged of a submission that the judge itself failed on: each part is uncallable."""
    finding = {
        "id": "judge_failed",
        "severity": "wrong",
        "title": "Not judged",
        "explanation": clean(f"The judge itself failed: {sentence}", 500),
        "hint": "This is no verdict on the program: look at it yourself.",
        "certificate": None,
    }
    parts = {part: {"verdict": "uncallable", "findings": [finding]} for part in only}
    name, path = submission.name, printable(submission.source)
    return Judged(name, path, edition or submission.edition, parts, submission.notes)


def checked(found, parts):
    """A judge's findings, complete, their texts printable and of a length; ValueError otherwise.

    They quote the submission, and what the cache holds anyone may have written.
    """
    if not isinstance(found, dict) or not isinstance(found.get("parts"), dict):
        raise ValueError("no findings")  # noqa: TRY004
    kept = {}
    for part in parts:
        verdict = found["parts"][part]["verdict"] if part in found["parts"] else "absent"
        if verdict not in VERDICTS:
            raise ValueError(f"no verdict: {verdict!r}")
        findings = found["parts"].get(part, {}).get("findings", [])
        kept[part] = {"verdict": verdict, "findings": [_finding(each) for each in findings]}
    notes = [clean(note, MAX_TEXT) for note in found.get("notes", [])]
    return {"parts": kept, "notes": notes}


def _finding(said):
    if said.get("severity") not in SEVERITIES:
        raise ValueError(f"no severity: {said.get('severity')!r}")
    texts = ("id", "severity", "title", "explanation", "hint")
    finding = {name: clean(said.get(name) or "", MAX_TEXT) for name in texts}
    certificate = said.get("certificate")
    finding["certificate"] = certificate and {
        name: clean(certificate.get(name) or "", MAX_TEXT) for name in ("text", "markdown")
    }
    return finding


def clean(text, length):
    """`text` without control characters and terminal escapes, cut at `length`; lines stay."""
    kept = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return kept if len(kept) <= length else kept[:length] + " ..."


def load_points(path):
    """{part: points} from a TOML file with a table [points]; each part 1 without a file.

        [points]
        perceptron = 10
        mlp = 20

    Parts that are not listed carry no points. InputError says what is wrong with the file.
    """
    if path is None:
        return dict.fromkeys(PARTS, 1)
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise utils.InputError(f"{path}: cannot be read as TOML ({reason})") from None
    points = table.get("points")
    if set(table) != {"points"} or not isinstance(points, dict):
        raise utils.InputError(f"{path}: must hold one table, [points], and nothing else")
    for part, value in points.items():
        if part not in PARTS:
            raise utils.InputError(f"{path}: no part {part!r}; the parts are {', '.join(PARTS)}")
        if type(value) not in (int, float) or not 0 <= value <= 1e6:
            raise utils.InputError(f"{path}: points of {part} must be a number from 0 to 1,000,000")
    return {part: points.get(part, 0) for part in PARTS}
