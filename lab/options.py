"""The command line's options: one table of what each is, how files and titles call it, who uses it."""

import argparse
import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import utils
from lab.quantities import shortest

PLOTS = utils.ROOT / "plots"
# Options that do not change a run's numbers, or, as data_path, are there as the data file's digest.
NOT_IDENTIFYING = {"data_path", "plots_dir", "plot_format", "show", "resume"}
# Options that take exactly one value which could be any word.
ONE_VALUE = ("-data_path", "-plots_dir", "-device")

# How the course's skeletons name their figures: Question 1 by a prefix and the options that differ from
# their defaults; Question 2 spells these options out first, in this order.
PREFIX = {"hw1-q1.py": "Q1-"}
SPELLED_OUT = {
    "mlp": "batch_size learning_rate epochs hidden_size dropout l2_decay layers activation optimizer "
    "momentum",
    "logistic_regression": "batch_size learning_rate epochs l2_decay optimizer",
}


# --------------------------------------------------------------------------------------------
# Kinds of values


def whole_number(least, most):
    """An argparse type: a whole number from `least` to `most`."""

    def parse(text):
        digits = text.isascii() and text.isdigit() and len(text) < 100  # int() refuses thousands
        if not digits or not least <= int(text) <= most:
            allowed = f", at least {least}" if most >= 2**31 - 1 else f" from {least} to {most:,}"
            if digits and int(text) > most:
                allowed = f", at most {most:,}"
            raise argparse.ArgumentTypeError(f"must be a whole number{allowed}; not {text[:40]}")
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
            point = ""
            if re.fullmatch(r"-?[0-9]+,[0-9]+", text):
                point = f"; use a decimal point: {text.replace(',', '.')}"
            raise argparse.ArgumentTypeError(f"must be a number {words}, not {text}{point}")
        return value

    return parse


positive = finite_number(lambda value: value > 0, "above 0")
non_negative = finite_number(lambda value: value >= 0, "of at least 0")
fraction = finite_number(lambda value: 0 <= value < 1, "of at least 0 and below 1")


def path(text):
    """An argparse type: a path, which the empty text is not."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; give a path, or leave the option out")
    return Path(text)


# --------------------------------------------------------------------------------------------
# Parsers


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on standard error, with exit status 2.

    Options have one dash, as the course's skeleton has them; two work as one.
    """

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        # argparse's own pattern takes -1e-5 for an option.
        self._negative_number_matcher = re.compile(
            r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.IGNORECASE
        )

    def parse_args(self, arguments):
        """The options of a list of words."""
        words = [one_dash(str(word)) for word in arguments]
        known = self._known_options()
        for word in words:
            option = word.partition("=")[0]
            # argparse would read -hidden_sizes as -h with a value.
            is_option = option[:1] == "-" and option[1:2].isalpha()
            if is_option and not any(name.startswith(option) for name in known):
                self.error(f"unrecognized arguments: {option}")
        return super().parse_args(words)

    def _known_options(self):
        """The options of the parser and of its sub-commands."""
        names = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                names += [
                    name for each in action.choices.values() for name in each._known_options()
                ]
        return names

    def error(self, message):
        """Print what is wrong, with what was probably meant, and leave with status 2."""
        _, _, unknown = message.partition("unrecognized arguments: ")
        meant = did_you_mean(unknown.partition(" ")[0], self._known_options())
        choice = re.match(r"argument \S+: invalid choice: '(\S+)' \(choose from (.*)\)", message)
        if choice:
            choices = re.findall(r"[\w.]+", choice[2])
            meant = did_you_mean(choice[1], choices)
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
    title : how a figure's title says its value, "{} units" say, always; "" never; None: as
        "name value", where it is not the default.
    """

    default: object
    models: tuple
    short: str
    title: str | None

    def in_title(self, name, value):
        """The words for a value in a title, or ""."""
        text = shortest(value).removesuffix(".0")
        if self.title is not None:
            return self.title.format(text)
        if value == self.default:
            return ""
        return name if value is True else f"{name.replace('_', ' ')} {text}"


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
        add("-data_path", type=path, metavar="NPZ", help="images and labels; a folder of .npy files is read "
            "from disk a block at a time [all] (default: data/intel_landscapes.npz or, where that "
            "file is missing, the stand-in images that the program draws itself)")  # fmt: skip
        add("-plots_dir", type=path, default=PLOTS, metavar="DIR",
            help="where figures go, and in runs/ what belongs to each run [all] (default: plots, beside this script)")  # fmt: skip
        add("-plot_format", nargs="+", choices=["pdf", "png"], default=["pdf"],
            help="one or both [all] (default: pdf)")  # fmt: skip
        add("-show", action="store_true", help="open the figures in windows [all] (default: no)")
        add("-resume", action="store_true", help="resume from this run's checkpoint; -epochs may be "
            "raised [all] (default: start anew)")  # fmt: skip

    def unused(self, opt):
        """The options given that have no effect on the model chosen, as ['-dropout', '-layers']."""
        return [
            f"-{name}"
            for name, option in self.table.items()
            if opt.model not in option.models and getattr(opt, name) != option.default
        ]

    def title(self, opt):
        """The model and its settings, for the figures' titles."""
        words = [opt.model.replace("_", " ").replace("mlp", "MLP")]
        for name, option in self.table.items():
            if opt.model in option.models:
                words.append(option.in_title(name, getattr(opt, name)))
        return ", ".join(filter(None, words))

    def file_name(self, opt):
        """The name of a run's files, for `folder.file_path`: 'Q1-mlp{quantity}-epochs-3{data}'.

        Each value is an option's, or a text that joins those of a sweep.
        """
        skeletons = self.prog == "hw1-q2.py"
        first = SPELLED_OUT.get(opt.model, "").split() if skeletons else []
        words = []
        for name in [*first, *(name for name in self.table if name not in first)]:
            option, value = self.table[name], getattr(opt, name)
            if name in first or value != option.default:
                words.append(option.short if value is True else f"{option.short}-{shortest(value)}")
        start = f"{PREFIX.get(self.prog, '')}{opt.model}"
        return f"{start}{{quantity}}{''.join(f'-{word}' for word in words)}{{data}}"


def recorded_options(opt):
    """The options that bear on a run's numbers, but for the data, which a record describes."""
    return {name: value for name, value in vars(opt).items() if name not in NOT_IDENTIFYING}
