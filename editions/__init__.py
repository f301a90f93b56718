"""The homework's editions, as data: what is asked, what runs for it, what others published.

Each edition is a file beside this one, `ist-2024.toml` say; for next year's, copy one and change it.
Its fields, * for those that may be left out:

    title       of the edition
    data        its data file, relative to the repository
    prepare     the command that fetches or makes that file
    standin *   true: where the file is missing, the stand-in images serve
    examples    { train, val, test }: how many the course's own split has
    questions   a table each:
        number      as in the handout; -only takes it, or the start of it
        title
        asked       what the handout asks for, in a sentence or two
        compare *   the option, or options, in which the experiments differ
        finding *   what was published about the comparison
        experiments a table each:
            name        a word or two, unlike the others' of the question
            command     a command line of hw1-q1.py or hw1-q2.py that is one run
            band *      { val, test }: [lowest, highest] accuracy of the programs known to be correct
            published * { source, train *, val *, test *, w_norm *, loss *, seconds *, note * } each;
                        a number or [lowest, highest], accuracies as fractions

A question may repeat an experiment of another one; it runs once.
"""

import shlex
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from utils import InputError

FOLDER = Path(__file__).resolve().parent
FRACTIONS = ("train", "val", "test")
QUANTITIES = (*FRACTIONS, "w_norm", "loss", "seconds")


@dataclass(frozen=True)
class Experiment:
    """One command line and its published numbers: each a Decimal, as it was written, or a pair."""

    name: str
    command: list
    band: dict
    published: list
    where: str  # in the file, for messages


@dataclass(frozen=True)
class Question:
    """A question of the handout; `compare` is a list of options, empty where nothing is compared."""

    number: str
    title: str
    asked: str
    compare: list
    finding: str
    experiments: list


@dataclass(frozen=True)
class Edition:
    """What a file of this folder holds; `name` is the file's."""

    name: str
    title: str
    data: str
    prepare: str
    standin: bool
    examples: dict
    questions: list = field(default_factory=list)


def names():
    """The editions that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name):
    """The `Edition` of that name; InputError, which names the field, where its file is not one."""
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
        examples=_examples(top),
        questions=[_question(fields) for fields in top.tables("questions")],
    )
    top.finish()
    numbers = [question.number for question in edition.questions]
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{path.name}: questions: two have the same number")
    return edition


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
    """A table of the file from which the fields are taken; what is left over is a mistake."""

    def __init__(self, table, where):
        self.table, self.where = dict(table), where

    def wrong(self, name, expected):
        return InputError(f"{self.where}{name}: {expected}")

    def take(self, name, kind, *default):
        """The field `name`, of type `kind`; the default, where there is one, if it is missing."""
        if name not in self.table and default:
            return default[0]
        value = self.table.pop(name, None)
        if type(value) is not kind:
            what = {str: "a text", int: "a whole number", bool: "true or false"}
            what |= {list: "a list", dict: "a table"}
            raise self.wrong(name, f"must be there, as {what[kind]}")
        return value

    def text(self, name, *default):
        value = self.take(name, str, *default)
        if not default and not value.strip():
            raise self.wrong(name, "must not be empty")
        return value

    def tables(self, name):
        """The list of tables `name`, as `Fields`; not empty."""
        tables = self.take(name, list)
        if not tables or not all(isinstance(table, dict) for table in tables):
            raise self.wrong(name, "must be a list of tables, at least one")
        return [Fields(table, f"{self.where}{name}[{i}].") for i, table in enumerate(tables, 1)]

    def numbers(self, name):
        """A number, or [lowest, highest]; None where the field is missing. Fractions lie in [0, 1]."""
        if name not in self.table:
            return None
        value = self.table.pop(name)
        pair = value if isinstance(value, list) else [value]
        if len(pair) > 2 or not pair or not all(type(v) in (int, Decimal) for v in pair):
            raise self.wrong(name, "must be a number or [lowest, highest]")
        if not all(Decimal(v).is_finite() and v >= 0 for v in pair) or pair != sorted(pair):
            raise self.wrong(name, "must be a number or [lowest, highest], none below 0")
        if name in FRACTIONS and pair[-1] > 1:
            raise self.wrong(name, "an accuracy is a fraction, at most 1")
        return value

    def finish(self):
        for name in self.table:
            raise self.wrong(name, "is no field of an edition")


def _examples(top):
    fields = Fields(top.take("examples", dict), f"{top.where}examples.")
    counts = {split: fields.take(split, int) for split in FRACTIONS if split in fields.table}
    if set(counts) != set(FRACTIONS) or min(counts.values()) < 1:
        raise top.wrong("examples", "must be { train, val, test }, whole numbers of at least 1")
    fields.finish()
    return counts


def _question(fields):
    compare = fields.table.pop("compare", [])
    if isinstance(compare, str):
        compare = [compare]
    if not isinstance(compare, list) or not all(isinstance(name, str) for name in compare):
        raise fields.wrong("compare", "must be an option's name or a list of such")
    question = Question(
        number=fields.text("number"),
        title=fields.text("title"),
        asked=fields.text("asked"),
        compare=compare,
        finding=fields.text("finding", ""),
        experiments=[_experiment(inner) for inner in fields.tables("experiments")],
    )
    fields.finish()
    experiments = [experiment.name for experiment in question.experiments]
    if len(set(experiments)) < len(experiments):
        raise fields.wrong("experiments", "two have the same name")
    if not all(c.isalnum() or c in ".-" for c in question.number):  # it names files
        raise fields.wrong("number", "must be of letters, digits, points and dashes")
    return question


def _experiment(fields):
    name = fields.text("name")
    try:
        command = shlex.split(fields.text("command"))
    except ValueError as error:
        raise fields.wrong("command", str(error)) from None
    if not command or command[0] not in ("hw1-q1.py", "hw1-q2.py"):
        raise fields.wrong("command", "must start with hw1-q1.py or hw1-q2.py")
    inner = Fields(fields.take("band", dict, {}), f"{fields.where}band.")
    band = {split: inner.numbers(split) for split in FRACTIONS if split in inner.table}
    inner.finish()
    for split, pair in band.items():
        if not isinstance(pair, list) or len(pair) != 2:
            raise fields.wrong(f"band.{split}", "must be [lowest, highest]")
    published = []
    for entry in fields.tables("published") if "published" in fields.table else []:
        values = {quantity: entry.numbers(quantity) for quantity in QUANTITIES}
        published.append(
            {
                "source": entry.text("source"),
                **{quantity: value for quantity, value in values.items() if value is not None},
                "note": entry.text("note", ""),
            }
        )
        entry.finish()
    fields.finish()
    return Experiment(name, command, band, published, fields.where)
