"""Fields taken one by one from a table of a TOML file; whatever is wrong is a line that leads there."""

import difflib
from decimal import Decimal

from lab.options import did_you_mean
from utils import SPLITS, InputError

# How a field that is missing, or no list, is written.
SAMPLES = {
    "data": 'data = "data/breastmnist.npz"',
    "prepare": 'prepare = "the command that fetches or makes the data file"',
    "examples": "examples = { train = 546, val = 78, test = 156 }",
    "questions": "a table that starts with [[questions]]",
    "number": 'number = "1.1a"',
    "command": 'command = "hw1-q1.py perceptron -epochs 100"',
    "published": 'published = [{ source = "handout", test = 0.46 }]',
    "logs": 'logs = [{ file = "group-3.csv", source = "group 3" }]',
}
# What stands above the questions; further down it would be a field of the table before it.
OF_AN_EDITION = ("data", "prepare", "standin", "known", "digests", "examples", "seeds")
KINDS = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table, { ... }",
}


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
            near = difflib.get_close_matches(name, self.table, 1)
            sample = SAMPLES.get(name, f"{name} = 1" if kind is int else f'{name} = "..."')
            meant = f"call {near[0]} so" if near else f"write {sample}"
            raise self.wrong(name, f"is missing; {meant}")
        value = self.table.pop(name)
        if type(value) is not kind:
            sample = f", as in {SAMPLES[name]}" if kind is list and name in SAMPLES else ""
            raise self.wrong(name, f"must be {KINDS[kind]}{sample}")
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
            if not isinstance(called, str) or not called:
                called = f"{what} {i}" + (f" ({table['title']})" if "title" in table else "")
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
            raise self.wrong(name, "must be a finite number, 0 at least")
        if isinstance(value, list) and parts != sorted(parts):
            low, high = sorted(parts)
            raise self.wrong(name, f"is written high to low; write [{low}, {high}]")
        if name in SPLITS and max(parts) > 1:
            percent = max(parts)
            fraction = f"{Decimal(percent) / 100} for {percent}%"
            raise self.wrong(name, f"an accuracy is a fraction, at most 1: {fraction}")
        return value

    def finish(self, what):
        """Refuse what was not taken."""
        for name in self.table:
            hint = did_you_mean(name, self.known) or f"; {what} has {', '.join(self.known)}"
            if name in OF_AN_EDITION and name not in self.known:
                hint = "; it belongs above the first [[questions]]"
            raise self.wrong(name, f"unknown field{hint}")
