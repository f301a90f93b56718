"""An edition of the homework as a table: what is asked, what runs for it, what others published.

Each edition is a file beside this one, `ist-2024.toml` say; docs/reproduce.md writes a new one step
by step. Its fields, * for those that may be left out:

    title       of the edition
    data        its data file, relative to the repository
    prepare     the command that fetches or makes that file
    standin *   true: where the file is missing, the stand-in images serve
    known *     the name of its data set in lab/known_data.toml; or, for any other data set,
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
import re
import shlex
import tomllib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from editions.dataset import DIGESTS
from editions.fields import Fields
from lab.known_data import KNOWN
from utils import SPLITS, InputError

FOLDER = Path(__file__).resolve().parent
QUANTITIES = (*SPLITS, "w_norm", "loss", "val_loss", "seconds")
SCRIPTS = ("hw1-q1.py", "hw1-q2.py", "hw1-q3.py")
# The columns that a published log may have.
PRINTED = ("train_acc", "val_acc", "loss", "train_loss", "val_loss", "w_norm")


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
    return sorted(path.stem for path in FOLDER.glob("*.toml") if path.is_file())


def load(name):
    """The `Edition` of that name; InputError, which names the place, where its file is not one."""
    if name not in names():
        meant = Path(name).stem
        hint = f"write {meant}" if meant in names() else f"there are {', '.join(names())}"
        raise InputError(f"{name}: no such edition; {hint}")
    path = FOLDER / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{path.name}: not TOML: {error}; texts stand in quotes, numbers have a point, and a "
            "question starts with [[questions]]"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: not a text in UTF-8; save it as one") from error
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
    if edition.known and tuple(edition.examples.values()) != KNOWN[edition.known].sizes:
        sizes = zip(SPLITS, KNOWN[edition.known].sizes, strict=True)
        sizes = ", ".join(f"{split} = {count}" for split, count in sizes)
        meant = f"if known = '{edition.known}' is meant, write {{ {sizes} }}"
        raise top.wrong("examples", f"{edition.known} has others; {meant}")
    if edition.known and edition.digests:
        raise top.wrong("digests", f"'{edition.known}' has its own; leave out known or digests")
    numbers = [question.number for question in edition.questions]
    for number in numbers:
        if numbers.count(number) > 1:
            raise InputError(f"{path.name}: {number}: two questions have this number; change one")
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
    if question.compare and len(question.experiments) < 2:
        raise fields.wrong("compare", "takes two experiments at least; add one, or leave it out")
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
        leave_out = "leave out python; it " if command[:1] == ["python"] else ""
        scripts = f"{', '.join(SCRIPTS[:2])} or {SCRIPTS[2]}"
        raise fields.wrong("command", f"{leave_out}must start with {scripts}")
    inner = Fields(fields.take("band", dict, {}), f"{fields.where}band: ")
    band = {split: inner.numbers(split) for split in ("val", "test") if split in inner.table}
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
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error):
        raise entry.wrong("file", f"{name}: is no csv file") from None
    columns = list(lines[0]) if lines else []
    if columns[:1] != ["epoch"] or not columns[1:] or not set(columns[1:]) <= set(PRINTED):
        raise entry.wrong(
            "file", f"{name}: its first line must be epoch and some of {', '.join(PRINTED)}"
        )
    for i, line in enumerate(lines, 1):
        if line["epoch"] != str(i):
            raise entry.wrong("file", f"{name}, line {i + 1}: must be epoch {i}")
        for key in columns[1:]:
            text = line[key]
            if not isinstance(text, str) or not re.fullmatch(r"-?\d+\.\d+|nan|-?inf", text):
                raise entry.wrong(
                    "file", f"{name}, line {i + 1}: {key} must be a number as printed, 0.4597 say"
                )
            if key.endswith("_acc") and not 0 <= float(text) <= 1:
                raise entry.wrong("file", f"{name}, line {i + 1}: {key} must be a fraction")
    rows = {key: [line[key] for line in lines] for key in columns[1:]}
    log = Log(entry.text("source"), entry.text("flaw", ""), rows)
    entry.finish("a log")
    return log
