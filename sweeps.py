"""Sweeps: an option with several values is a run for each of them, then a table and figures of all.

    python hw1-q2.py logistic_regression -epochs 100 -learning_rate 0.00001 0.001 0.1

`parse` turns a command line into a `Sweep`, most often one of a single run, and `run` trains what is
in it. Each combination of values is the run that the command with those single values would be:
seeded and built anew, with the same lines on standard output and the same files.
"""

import argparse
import csv
import io
import itertools
import sys
from dataclasses import dataclass

import runs
import utils
from utils import notice

YLABELS = {
    "train_acc": "training accuracy",
    "val_acc": "validation accuracy",
    "train_loss": "training cross-entropy",
    "val_loss": "validation cross-entropy",
    "train_cost": "training cost (loss and l2 penalty)",
    "val_cost": "validation cost (loss and l2 penalty)",
    "loss": "training cross-entropy",
    "w_norm": "norm of the weights",
}


@dataclass(frozen=True)
class Sweep:
    """What a command line asks for.

    runs : list of (opt, name): the options of a run, resolved, a single value each, and the name of
        its files, for `runs.file_path`.
    swept : {option: its values} for the options that have several; empty for a single run.
    name : of the sweep's own files.
    title : of its figures: the model and the options that differ from their defaults.
    unused : the options given that the model makes no use of, as '-dropout, -layers'.
    """

    runs: list
    swept: dict
    name: str
    title: str
    unused: str

    def label(self, opt):
        """What sets one of the runs apart: 'batch_size 32, learning_rate 0.1'."""
        return ", ".join(f"{name} {getattr(opt, name)}" for name in self.swept)


def model_first(arguments, models):
    """The command line with the model's word in front, where no option before it can swallow it.

    `-epochs 20 mlp` would otherwise be two values of -epochs. A word after an option that takes one
    value of any kind is that option's: `-plots_dir mlp`.
    """
    for i, word in enumerate(arguments):
        before = arguments[i - 1] if i else ""
        is_value = len(before) > 1 and any(name.startswith(before) for name in runs.ONE_VALUE)
        if word in models and not is_value:
            return [word, *arguments[:i], *arguments[i + 1 :]]
    return arguments


def parse(parser, arguments, models, file_name, resolve, uses):
    """The `Sweep` of a command line (without the program's name; None for this process's own).

    Parameters
    ----------
    parser : whose options with nargs="+" may be swept over, but for those in `runs.FREE_OPTIONS`.
    models : what the positional argument may be.
    file_name : function of (opt, parser) that names a run's files from the options as given.
    resolve : function of (opt, parser) that fills in and checks what depends on several options.
    uses : see `runs.unused_options`.

    A value given twice, several values of an option that the model makes no use of, and a
    combination that cannot be are the parser's errors: nothing is trained then.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(model_first(arguments, models))
    values = {
        name: value
        for name, value in vars(given).items()
        if isinstance(value, list) and name not in runs.FREE_OPTIONS
    }
    swept = {name: several for name, several in values.items() if len(several) > 1}
    for name, several in swept.items():
        if len(set(several)) < len(several):
            parser.error(f"argument -{name}: a value is given twice")
        if given.model not in uses.get(name, {given.model}):
            parser.error(f"argument -{name}: {given.model} makes no use of it, so takes no sweep")

    def options(chosen):
        return argparse.Namespace(**{**vars(given), **chosen})

    planned = []
    for combination in itertools.product(*values.values()):
        opt = options(dict(zip(values, combination, strict=True)))
        name, unused = file_name(opt, parser), runs.unused_options(opt, parser, uses)
        resolve(opt, parser)
        planned.append((opt, name))
    # No value has an underscore in it, so names that are equal are those of equal sweeps.
    joined = options({name: "_".join(map(str, several)) for name, several in values.items()})
    words = [given.model]
    for name, value in vars(options(values)).items():
        if name not in {"model", *runs.FREE_OPTIONS} and value != parser.get_default(name):
            several = value if isinstance(value, list) else [value]
            words.append(" ".join([f"-{name}", *(str(v) for v in several if v is not True)]))
    return Sweep(planned, swept, file_name(joined, parser), " ".join(words), unused)


def run(sweep, train, open_data=runs.open_data):
    """Train the runs of a sweep in turn, `train(opt, name, data)` each; then compare them.

    `open_data` is a function of the options that returns `runs.Data`.

    A run stopped by Ctrl-C keeps its work and ends the program; -resume goes on with each run that
    has a checkpoint and starts the others. InputError where the data cannot be read.
    """
    first, _ = sweep.runs[0]
    data = open_data(first)
    if sweep.unused:
        notice(f"note: {first.model} makes no use of {sweep.unused}")
    if not sweep.swept:
        train(*sweep.runs[0], data)
    else:
        total, unwritten = len(sweep.runs), False
        for i, (opt, name) in enumerate(sweep.runs, 1):
            notice(f"run {i} of {total}: {sweep.label(opt)}")
            try:
                train_or_start(train, opt, name, data)
            except (SystemExit, utils.Stopped) as end:
                code = end.code if isinstance(end, SystemExit) else 128 + end.signum
                if code == 1:  # trained to the end, but not all of its files could be written
                    unwritten = True
                    continue
                notice(
                    f"the sweep was stopped in run {i} of {total}; the same command with -resume "
                    "goes on with it and with the runs after it"
                )
                sys.exit(code)
        try:
            compare(sweep, data)
        except utils.InputError as error:
            if not unwritten:
                raise
            notice(f"no table of the sweep: {error}")
        if unwritten:
            sys.exit(1)
    if first.show:
        utils.show_figures()


def train_or_start(train, opt, name, data):
    """`train`; where -resume finds no checkpoint of this run of the sweep, from the beginning."""
    try:
        train(opt, name, data)
    except runs.NoCheckpoint:
        notice("no checkpoint of this run: it starts from the beginning")
        train(argparse.Namespace(**{**vars(opt), "resume": False}), name, data)


# --------------------------------------------------------------------------------------------
# Comparing runs


def compare(sweep, data):
    """Print the table of a sweep's runs and write it, and their figures, beside the runs' files."""
    first, _ = sweep.runs[0]

    def path(quantity, ending):
        return runs.file_path(first.plots_dir, sweep.name, data, quantity, ending)

    records = [
        runs.read_record(runs.file_path(opt.plots_dir, name, data, "record", "json"))
        for opt, name in sweep.runs
    ]
    settings = [{name: getattr(opt, name) for name in sweep.swept} for opt, _ in sweep.runs]
    rows = table(settings, records)
    print(f"\n{formatted(rows, 'simple')}", flush=True)
    labels = [sweep.label(opt) for opt, _ in sweep.runs]
    title = f"{sweep.title}\n{data.title}"
    write_table(rows, lambda ending: path("sweep", ending))
    for quantity, figure in overlays(records, labels, title, first.show):
        for ending in first.plot_format:
            utils.save_figure(figure, path(quantity, ending))


def best_of(records):
    """The index of the record with the highest final validation accuracy, the first of equals."""
    accuracies = [record["epochs"][-1]["val_acc"] for record in records]
    return accuracies.index(max(accuracies))


def seconds_of(record):
    """The seconds that a run trained and evaluated."""
    return record["seconds"]["training"] + record["seconds"]["evaluation"]


def table(settings, records):
    """The rows of a comparison, dicts of strings: the settings, accuracies as fractions, seconds.

    The best run is that of the highest final validation accuracy, or the best are tied; the test
    accuracy is reported and selects nothing.
    """
    finals = [record["epochs"][-1]["val_acc"] for record in records]
    best = "best" if finals.count(max(finals)) == 1 else "tied"
    return [
        {
            **{name: str(value) for name, value in setting.items()},
            "val acc": f"{record['epochs'][-1]['val_acc']:.4f}",
            "highest val acc": f"{record['best']['val_acc']:.4f}",
            "in epoch": str(record["best"]["epoch"]),
            "test acc": f"{record['final']['test_acc']:.4f}",
            "seconds": f"{seconds_of(record):.1f}",
            "by val acc": best if final == max(finals) else "",
        }
        for setting, record, final in zip(settings, records, finals, strict=True)
    ]


def formatted(rows, style):
    """The rows, dicts with the same keys, as a table in one of tabulate's styles."""
    from tabulate import tabulate

    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


def write_table(rows, path_for):
    """Write the rows as CSV, Markdown and LaTeX (booktabs); `path_for(ending)` names the files."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    texts = {
        "csv": lines.getvalue(),
        "md": formatted(rows, "github") + "\n",
        "tex": formatted(rows, "latex_booktabs") + "\n",
    }
    for ending, text in texts.items():
        with utils.replacing(path_for(ending)) as stream:
            stream.write(text.encode())


def overlays(records, labels, title, show=False):
    """Yield (quantity, figure) for each quantity that all histories have, a curve a run.

    A run with fewer epochs than another ends earlier.
    """
    longest = max(len(record["epochs"]) for record in records)
    for quantity in records[0]["epochs"][0]:
        if quantity == "epoch" or any(quantity not in record["epochs"][0] for record in records):
            continue
        curves = {
            label: [row[quantity] for row in record["epochs"]]
            + [float("nan")] * (longest - len(record["epochs"]))
            for label, record in zip(labels, records, strict=True)
        }
        epochs = list(range(1, longest + 1))
        ylabel = YLABELS.get(quantity, quantity)
        yield quantity, utils.plot_curves(epochs, curves, ylabel, title, show=show)
