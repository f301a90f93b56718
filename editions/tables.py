"""An edition of the homework as a table: what is asked, what runs for it, what others published.

Each edition is a file beside this one, `ist-2024.toml` say; docs/reproduce.md writes a new one step
by step. Its fields, * for those that may be left out:

    title       of the edition
    data        its data file, relative to the repository
    prepare     the command that fetches or makes that file
    standin *   true: where the file is missing, the stand-in images serve
    known *     the name of its data set in lab/known_data.py; or, for any other data set,
    digests *   { train, val, test, images }: SHA-256 of each split and of all images however split,
                as the report of an edition without them shows
    seeds *     how many seeds each run is repeated with, if reproduce.py is not told otherwise
    examples    { train, val, test }: how many images the course's own splits have
    questions   a table each:
        number      as in the handout; -only takes it, or the start of it
        title
        asked       what the handout asks for, in a sentence or two
        text *      an answer in words; a question needs this or experiments
        compare *   the option, or options, in which the experiments differ
        curves *    the quantities whose curves are set side by side, as records call them
        finding *   what was published about the comparison
        experiments * a table each:
            name        a word or two, unlike the others' of the question
            command     a command line of hw1-q1.py, hw1-q2.py or hw1-q3.py that is one run
            band *      { val, test }: [lowest, highest] accuracy of the programs known to be correct
            no_verdict * why our number is set beside the published ones without a verdict
            published * { source, train *, val *, test *, w_norm *, loss *, val_loss *, seconds *,
                        note *, flaw * } each: a number, [lowest, highest] or
                        { mean, deviation, count }, accuracies as fractions; `flaw` says what is
                        wrong with them: then they are shown, and never compared with
            logs *      { file, source, flaw * } each: printed numbers, a line per epoch, in logs/

A question may repeat the command of another one: it runs once, and what was published about it is
written there alone.
"""

import csv
import difflib
import re
import shlex
import tomllib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from editions.dataset import DIGESTS
from lab.known_data import KNOWN
from utils import SPLITS, InputError

FOLDER = Path(__file__).resolve().parent
QUANTITIES = (*SPLITS, "w_norm", "loss", "val_loss", "seconds")
SCRIPTS = ("hw1-q1.py", "hw1-q2.py", "hw1-q3.py")
# How a field that is missing is written.
SAMPLES = {
    "data": 'data = "data/breastmnist.npz"',
    "prepare": 'prepare = "python data/prepare.py download intel"',
    "examples": "examples = { train = 546, val = 78, test = 156 }",
    "questions": "a table that starts with [[questions]]",
    "number": 'number = "1.1a"',
    "command": 'command = "hw1-q1.py perceptron -epochs 100"',
}


@dataclass(frozen=True)
class Log:
    """The figures that another program printed: `rows` is {quantity: [text]}, one text per epoch."""

    source: str
    flaw: str
    rows: dict


@dataclass(frozen=True)
class Experiment:
    """One command line and its published numbers: each a Decimal, as it was written, a pair of them
    or a dict of mean, deviation and count."""

    name: str
    command: list
    where: str = ""  # in the file, for messages
    band: dict = field(default_factory=dict)
    no_verdict: str = ""
    published: list = field(default_factory=list)
    logs: list = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """A question of the handout; `compare` is a list of options, empty where nothing is compared."""

    number: str
    title: str
    asked: str
    text: str = ""
    compare: list = field(default_factory=list)
    curves: list = field(default_factory=list)
    finding: str = ""
    experiments: list = field(default_factory=list)
    where: str = ""


@dataclass(frozen=True)
class Edition:
    """What a file of this folder holds; `name` is the file's."""

    name: str
    title: str
    data: str
    prepare: str
    standin: bool
    known: str
    digests: dict
    examples: dict
    seeds: int
    questions: list


def names():
    """The editions that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name):
    """The `Edition` of that name; InputError, which names the place, where its file is not one."""
    if name not in names():
        raise InputError(f"{name}: no such edition; there are {', '.join(names())}")
    path = FOLDER / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: not a TOML file ({error})") from error
    top = Fields(table, f"{path.name}: ")
    edition = Edition(
        name=name,
        title=top.text("title"),
        data=top.text("data"),
        prepare=top.text("prepare"),
        standin=top.take("standin", bool, False),
        known=top.text("known", ""),
        digests=_digests(top),
        examples=_examples(top),
        seeds=top.take("seeds", int, 1),
        questions=_with_shared_numbers(
            [_question(fields) for fields in top.tables("questions", "question")]
        ),
    )
    top.finish("an edition")
    if not 1 <= edition.seeds <= 20:
        raise top.wrong("seeds", "must be from 1 to 20")
    if edition.known and edition.known not in KNOWN:
        raise top.wrong("known", f"there are {', '.join(KNOWN)}; for other data write digests")
    if edition.known and edition.digests:
        raise top.wrong("digests", f"'{edition.known}' has its own; leave out known or digests")
    numbers = [question.number for question in edition.questions]
    for number in numbers:
        if numbers.count(number) > 1:
            raise InputError(f"{path.name}: {number}: two questions have this number")
    return edition


def _with_shared_numbers(questions):
    """The questions, each experiment that repeats a command without numbers with those of the first."""
    first = {}
    for question in questions:
        for i, experiment in enumerate(question.experiments):
            known = first.setdefault(tuple(experiment.command), experiment)
            if experiment == Experiment(experiment.name, experiment.command, experiment.where):
                here = {"name": experiment.name, "where": experiment.where}
                question.experiments[i] = replace(known, **here)
    return questions


def choose(edition, only):
    """The questions that `only` names: 2.2b, or 2.2 for all its parts; all where it is None."""
    if only is None:
        return edition.questions

    def is_named(question, word):
        start, rest = question.number[: len(word)], question.number[len(word) :]
        return start == word and not rest[:1].isdigit()

    for word in only:
        if not any(is_named(question, word) for question in edition.questions):
            numbers = ", ".join(question.number for question in edition.questions)
            raise InputError(f"{word}: no such question in {edition.name}; there are {numbers}")
    return [q for q in edition.questions if any(is_named(q, word) for word in only)]


class Fields:
    """A table of the file from which the fields are taken; what is left over is a mistake.

    where : how messages say where it is, 'ist-2024.toml: 2.2b, dropout 0.5: '.
    """

    def __init__(self, table, where):
        self.table, self.where, self.known = dict(table), where, []

    def wrong(self, name, expected):
        return InputError(f"{self.where}{name}: {expected}")

    def take(self, name, kind, *default):
        """The field `name`, of type `kind`; the default, where there is one, if it is missing."""
        self.known.append(name)
        if name not in self.table:
            if default:
                return default[0]
            sample = SAMPLES.get(name, f'{name} = "..."')
            raise self.wrong(name, f"is missing; write {sample}")
        value = self.table.pop(name)
        if type(value) is not kind:
            what = {str: "a text in quotes", int: "a whole number", bool: "true or false"}
            what |= {list: "a list", dict: "a table, { ... }"}
            raise self.wrong(name, f"must be {what[kind]}")
        return value

    def text(self, name, *default):
        value = self.take(name, str, *default)
        if not default and not value.strip():
            raise self.wrong(name, "must not be empty")
        return value

    def texts(self, name):
        """A list of texts, or one text; empty where the field is missing."""
        self.known.append(name)
        value = self.table.pop(name, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, "must be a text in quotes or a list of such")
        return value

    def tables(self, name, what, *default):
        """The list of tables `name` as `Fields`, called by their own number or name, else counted."""
        tables = self.take(name, list, *default)
        if not all(isinstance(table, dict) for table in tables) or not (tables or default):
            raise self.wrong(name, "must be a list of tables, at least one")
        fields = []
        for i, table in enumerate(tables, 1):
            called = table.get("number", table.get("name"))
            called = called if isinstance(called, str) and called else f"{what} {i}"
            comma = ", " if self.where.count(": ") > 1 else ""
            before = self.where.removesuffix(": ") + comma if comma else self.where
            fields.append(Fields(table, f"{before}{called}: "))
        return fields

    def numbers(self, name):
        """A number, [lowest, highest] or { mean, deviation, count }; None where it is missing.

        Accuracies lie in [0, 1].
        """
        self.known.append(name)
        if name not in self.table:
            return None
        value = self.table.pop(name)
        if isinstance(value, dict):
            if value.keys() != {"mean", "deviation", "count"} or type(value["count"]) is not int:
                raise self.wrong(name, "must be { mean = ..., deviation = ..., count = ... }")
            parts = [value["mean"], value["deviation"]]
            if value["count"] < 2:
                raise self.wrong(name, "a deviation needs a count of at least 2")
        else:
            parts = value if isinstance(value, list) else [value]
        if not 0 < len(parts) <= 2 or not all(type(v) in (int, Decimal) for v in parts):
            raise self.wrong(
                name, "must be a number, [lowest, highest] or { mean, deviation, count }"
            )
        if not all(Decimal(v).is_finite() and v >= 0 for v in parts):
            raise self.wrong(name, "a number must not be below 0")
        if isinstance(value, list) and parts != sorted(parts):
            low, high = sorted(parts)
            raise self.wrong(name, f"is written high to low; write [{low}, {high}]")
        if name in SPLITS and max(parts) > 1:
            raise self.wrong(name, "an accuracy is a fraction, at most 1: 0.46 for 46%")
        return value

    def finish(self, what):
        """Refuse what was not taken."""
        for name in self.table:
            near = difflib.get_close_matches(name, self.known, 1)
            hint = f"did you mean {near[0]}?" if near else f"{what} has {', '.join(self.known)}"
            raise self.wrong(name, f"unknown field; {hint}")


def _examples(top):
    fields = Fields(top.take("examples", dict), f"{top.where}examples: ")
    counts = {split: fields.take(split, int) for split in SPLITS}
    for split, count in counts.items():
        if count < 1:
            raise fields.wrong(split, "must be at least 1")
    fields.finish("examples")
    return counts


def _digests(top):
    fields = Fields(top.take("digests", dict, {}), f"{top.where}digests: ")
    if not fields.table:
        return {}
    digests = {name: fields.text(name) for name in DIGESTS}
    for name, digest in digests.items():
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise fields.wrong(name, "must be a SHA-256, 64 digits, as the report shows it")
    fields.finish("digests")
    return digests


def _question(fields):
    question = Question(
        number=fields.text("number"),
        title=fields.text("title"),
        asked=fields.text("asked"),
        text=fields.text("text", ""),
        compare=fields.texts("compare"),
        curves=fields.texts("curves"),
        finding=fields.text("finding", ""),
        experiments=[
            _experiment(inner) for inner in fields.tables("experiments", "experiment", [])
        ],
        where=fields.where,
    )
    fields.finish("a question")
    if not question.experiments and not question.text:
        raise fields.wrong("experiments", "write one, [[questions.experiments]], or a text")
    for option in question.compare:
        if option.startswith("-"):
            raise fields.wrong("compare", f"write {option.lstrip('-')}, without the dash")
    names = [experiment.name for experiment in question.experiments]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{fields.where}two experiments are called {name}; rename one")
    if not all(c.isalnum() or c in ".-" for c in question.number):  # it names files
        raise fields.wrong("number", "must be of letters, digits, points and dashes")
    return question


def _experiment(fields):
    name = fields.text("name")
    try:
        command = shlex.split(fields.text("command"))
    except ValueError as error:
        raise fields.wrong("command", f"{error}; close the quotes") from None
    if not command or command[0] not in SCRIPTS:
        raise fields.wrong("command", f"must start with {', '.join(SCRIPTS[:2])} or {SCRIPTS[2]}")
    inner = Fields(fields.take("band", dict, {}), f"{fields.where}band: ")
    band = {split: inner.numbers(split) for split in SPLITS if split in inner.table}
    inner.finish("a band")
    for split, pair in band.items():
        if not isinstance(pair, list) or len(pair) != 2:
            raise inner.wrong(split, "must be [lowest, highest]")
    published = [_published(entry) for entry in fields.tables("published", "published", [])]
    experiment = Experiment(
        name=name,
        command=command,
        where=fields.where,
        band=band,
        no_verdict=fields.text("no_verdict", ""),
        published=published,
        logs=[_log(entry) for entry in fields.tables("logs", "log", [])],
    )
    fields.finish("an experiment")
    return experiment


def _published(entry):
    values = {quantity: entry.numbers(quantity) for quantity in QUANTITIES}
    published = {
        "source": entry.text("source"),
        **{quantity: value for quantity, value in values.items() if value is not None},
        "note": entry.text("note", ""),
        "flaw": entry.text("flaw", ""),
    }
    entry.finish("published numbers")
    return published


def _log(entry):
    """A published log: epochs counting from 1, and numbers as they were printed."""
    name = entry.text("file")
    path = FOLDER / "logs" / name
    if not re.fullmatch(r"[\w.-]+\.csv", name) or not path.is_file():
        raise entry.wrong("file", f"{name}: no such file in editions/logs")
    with open(path, encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    number = re.compile(r"-?\d+\.\d+|nan|-?inf")
    for i, line in enumerate(lines, 1):
        values = [value for key, value in line.items() if key != "epoch"]
        right = values and all(isinstance(v, str) and number.fullmatch(v) for v in values)
        if line.get("epoch") != str(i) or not right:
            raise entry.wrong("file", f"{name}, line {i + 1}: must be epoch {i} and its numbers")
    if not lines:
        raise entry.wrong("file", f"{name}: has no epochs")
    rows = {key: [line[key] for line in lines] for key in lines[0] if key != "epoch"}
    log = Log(entry.text("source"), entry.text("flaw", ""), rows)
    entry.finish("a log")
    return log
