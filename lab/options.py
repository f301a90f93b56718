"""The command line's options: one table of what each is, how files and titles call it, who uses it."""

import argparse
import difflib
import math
from dataclasses import dataclass
from pathlib import Path

import utils

PLOTS = utils.ROOT / "plots"
# Options that do not change a run's numbers, or, as data_path, are there as the data file's digest.
NOT_IDENTIFYING = {"data_path", "plots_dir", "plot_format", "show", "resume"}
# Options that take exactly one value which could be any word.
ONE_VALUE = ("-data_path", "-plots_dir", "-device")


# --------------------------------------------------------------------------------------------
# Kinds of values


def whole_number(least, most):
    """An argparse type: a whole number from `least` to `most`."""

    def parse(text):
        digits = text.isascii() and text.isdigit() and len(text) < 100  # int() refuses thousands
        if not digits or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least:,} to {most:,}, not {text[:40]}"
            )
        return int(text)

    return parse


count = whole_number(1, 2**31 - 1)
seed = whole_number(0, 2**32 - 1)  # what NumPy's global generator takes


def finite_number(holds, words):
    """An argparse type: a finite number of which `holds` is true; `words` say which they are."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (holds(value) and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"must be a number {words}, not {text}")
        return value

    return parse


positive = finite_number(lambda value: value > 0, "above 0")
non_negative = finite_number(lambda value: value >= 0, "of at least 0")
fraction = finite_number(lambda value: 0 <= value < 1, "of at least 0 and below 1")


# --------------------------------------------------------------------------------------------
# Parsers


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on standard error, with exit status 2.

    Options have one dash, as the course's skeleton has them; two work as one.
    """

    def parse_args(self, arguments):
        """The options of a list of words."""
        return super().parse_args([one_dash(str(word)) for word in arguments])

    def error(self, message):
        _, _, unknown = message.partition("unrecognized arguments: ")
        meant = did_you_mean(unknown.partition(" ")[0], self._option_string_actions)
        self.exit(2, f"{self.prog}: {message}{meant} ('{self.prog} -h' lists the options)\n")


def did_you_mean(word, known):
    """'; did you mean -dropout?', of the known words that which is nearest; "" if none is near."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def one_dash(word):
    """`--epochs` as `-epochs`; argparse's own `--help`, and whatever is no option, as they are."""
    return word[1:] if word[:2] == "--" and word[2:3].isalpha() and word != "--help" else word


@dataclass(frozen=True)
class Option:
    """An option that bears on a run's numbers.

    models : those that make use of it.
    short : what it is called in a file's name.
    title : how a figure's title says its value, "{:g} units" say, always; "" never; None: as
        "name value", where it is not the default.
    """

    default: object
    models: tuple
    short: str
    title: str | None

    def in_title(self, name, value):
        """The words for a value in a title, or ""."""
        if self.title is not None:
            return self.title.format(value)
        if value == self.default:
            return ""
        return name if value is True else f"{name.replace('_', ' ')} {value}"


class ModelParser(Parser):
    """The command line of a script that trains one of several models.

    table : {name: `Option`} of the options that bear on the numbers, in the order of definition.
    """

    def __init__(self, prog, description, models):
        super().__init__(
            prog=prog,
            description=description,
            epilog="In brackets: the models that use the option. Where it takes several values they are "
            "a sweep: a run for each, then a table and figures of all.",
        )
        self.models, self.table = tuple(models), {}
        self.add_argument("model", choices=models)

    def option(self, name, kind, default, text, models=(), short=None, title=None, nargs="+"):
        """Add an option that takes one value, or several for a sweep; with `nargs` None only one.

        kind : an argparse type, or a list of choices; bool for a switch.
        text : what it is, for -h.
        models, short, title : see `Option`; no models are all of them, `short` is `name` if None.
        """
        self.table[name] = Option(default, tuple(models) or self.models, short or name, title)
        who = ", ".join(models) or "all"
        values = {"choices": kind} if isinstance(kind, list) else {"type": kind}
        switch = kind is bool
        self.add_argument(
            f"-{name}",
            default=default,
            help=f"{text} [{who}] (default: {'no' if switch else '%(default)s'})",
            **({"action": "store_true"} if switch else {"nargs": nargs, **values}),
        )

    def shared_options(self):
        """Add the options that mean the same in both scripts."""
        self.option("standardize", bool, False, "standardise each feature")
        self.option(
            "seed", seed, 42, "random seed of the weights, the order of examples and dropout"
        )
        add = self.add_argument
        add("-data_path", metavar="NPZ", help="images and labels; a folder of .npy files is read "
            "from disk a block at a time [all] (default: data/intel_landscapes.npz or, where that "
            "file is missing, the stand-in images that the program draws itself)")  # fmt: skip
        add("-plots_dir", type=Path, default=PLOTS, metavar="DIR",
            help="where figures and records go [all] (default: plots, beside this script)")  # fmt: skip
        add("-plot_format", nargs="+", choices=["pdf", "png"], default=["pdf"],
            help="one or both [all] (default: pdf)")  # fmt: skip
        add("-show", action="store_true", help="open the figures in windows [all] (default: no)")
        add("-resume", action="store_true", help="go on from this run's checkpoint; -epochs may be "
            "raised [all] (default: start anew)")  # fmt: skip

    def unused(self, opt):
        """The options given that do nothing for the model chosen, as '-dropout, -layers'."""
        return ", ".join(
            f"-{name}"
            for name, option in self.table.items()
            if opt.model not in option.models and getattr(opt, name) != option.default
        )

    def title(self, opt):
        """The model and its settings, for the figures' titles."""
        words = [opt.model.replace("_", " ").replace("mlp", "MLP")]
        for name, option in self.table.items():
            if opt.model in option.models:
                words.append(option.in_title(name, getattr(opt, name)))
        return ", ".join(filter(None, words))


def recorded_options(opt):
    """The options that bear on a run's numbers, but for the data, which a record describes."""
    return {name: value for name, value in vars(opt).items() if name not in NOT_IDENTIFYING}
