"""Sweeps: an option with several values is a run for each of them, then a table and figures of all.

    python hw1-q2.py logistic_regression -epochs 100 -learning_rate 0.00001 0.001 0.1

`parse` turns a command line into a `Sweep`, most often one of a single run, and `train_all` trains what is
in it. Each combination of values is the run that the command with those single values would be:
seeded and built anew, with the same lines on standard output and the same files. Several seeds are
repetitions of a setting; see `compare`.
"""

import argparse
import itertools
import shlex
from dataclasses import dataclass

from lab import compare, dataset
from lab.checkpoint import NoCheckpoint
from lab.figures import save_figure, show_figures
from lab.folder import Names, file_name, run_folder, shown
from lab.options import ONE_VALUE
from lab.process import Incomplete, Stopped
from lab.quantities import join_words, name_of, shortest
from lab.record import FINISHED, read_record
from utils import InputError, notice


@dataclass(frozen=True)
class Sweep:
    """What a command line asks for.

    runs : list of (opt, names): the options of a run, resolved, a single value each, and its `Names`.
    swept : {option: its values} for the options that have several; empty for a single run.
    name : of the sweep's own files, a pattern as in `Names`.
    unused : the options given that have no effect on the model, as ['-dropout', '-layers'].
    table : {name: `options.Option`} of all options.
    """

    runs: list
    swept: dict
    name: str
    unused: list
    table: dict

    def setting(self, opt):
        """What sets one of the runs apart, {option: value}."""
        return {name: getattr(opt, name) for name in self.swept}


def model_first(arguments, models):
    """The command line with the model's word in front, where no option before it can swallow it.

    `-epochs 20 mlp` would otherwise be two values of -epochs. A word after an option that takes one
    value of any kind is that option's: `-plots_dir mlp`.
    """
    for i, word in enumerate(arguments):
        before = arguments[i - 1].replace("--", "-") if i else ""
        is_value = len(before) > 1 and any(name.startswith(before) for name in ONE_VALUE)
        if word in models and not is_value:
            return [word, *arguments[:i], *arguments[i + 1 :]]
    return arguments


def parse(parser, arguments, resolve=None):
    """The `Sweep` of a command line, a list of words, or a text, without the program's name.

    Parameters
    ----------
    parser : `options.ModelParser`, whose options may be swept over, but for the switches.
    resolve : function of (opt, parser) that checks what depends on several options, or None.

    A value given twice, several values of an option that has no effect on the model, and a
    combination that cannot be are the parser's errors: nothing is trained then.
    """
    if isinstance(arguments, str):  # in a notebook: q1.main("mlp -epochs 3")
        arguments = shlex.split(arguments)
    given = parser.parse_args(model_first(list(map(str, arguments)), parser.models))
    values = {
        name: value if isinstance(value, list) else [value]
        for name, value in vars(given).items()
        if name in parser.table
    }
    swept = {name: several for name, several in values.items() if len(several) > 1}
    for name, several in swept.items():
        if len(set(several)) < len(several):
            parser.error(f"argument -{name}: a value is given twice")
        if given.model not in parser.table[name].models:
            parser.error(
                f"argument -{name}: has no effect on {compare.called(given.model)}, so takes no sweep"
            )

    def options(chosen):
        return argparse.Namespace(**{**vars(given), **chosen})

    runs = []
    for combination in itertools.product(*values.values()):
        opt = options(dict(zip(values, combination, strict=True)))
        if resolve:
            resolve(opt, parser)
        runs.append((opt, Names(parser.file_name(opt), parser.title(opt))))
    # No value has an underscore in it, so names that are equal are those of equal sweeps.
    joined = {n: "_".join(map(shortest, v)) if len(v) > 1 else v[0] for n, v in values.items()}
    name = parser.file_name(options(joined))
    return Sweep(runs, swept, name, parser.unused(runs[0][0]), parser.table)


def train_all(sweep, train, open_data=lambda opt: dataset.open_data(opt.data_path)):
    """Train the runs of a sweep in turn, `train(opt, names, data)` each; then compare them.

    `open_data` is a function of the options that returns `dataset.Data`. Returns what `train`
    returned, a list of it for a sweep, None in it for a run that failed.

    A run stopped by Ctrl-C keeps its work and ends the sweep; -resume goes on with each run that
    has a checkpoint and starts the others. A run that fails is named, and the others go on:
    `Incomplete` at the end. InputError where the data cannot be read.
    """
    first, _ = sweep.runs[0]
    data = open_data(first)
    if sweep.unused:
        have = "have" if len(sweep.unused) > 1 else "has"
        notice(
            f"note: {join_words(sweep.unused)} {have} no effect on {compare.called(first.model)}"
        )
    result = _train_several(sweep, train, data) if sweep.swept else train(*sweep.runs[0], data)
    if first.show:
        show_figures()
    return result


def _train_several(sweep, train, data):
    """`train_all` of a sweep of several runs."""
    results, failures, ended = [], [], []
    for i, (opt, names) in enumerate(sweep.runs, 1):
        where, label = f"run {i} of {len(sweep.runs)}", compare.label_of(sweep.setting(opt))
        notice(f"{where}: {label}")
        results.append(None)
        try:
            results[-1] = _train_or_start(train, opt, names, data)
        except Stopped as stopped:
            told = "the same command with -resume continues with it and the runs after it"
            notice(f"the sweep was stopped in {where}; {told}")
            raise Stopped(stopped.signum, told=True) from None
        except (InputError, Incomplete, MemoryError) as error:
            why = f"not enough memory ({error})" if isinstance(error, MemoryError) else error
            failures.append(f"{where} ({label}): {why}")
            notice(failures[-1])
            if not isinstance(error, Incomplete):
                continue  # a record under its name is another run's
        ended.append((opt, names))
    _compare(sweep, ended, data)
    if failures:
        raise Incomplete(f"{len(failures)} of {len(sweep.runs)} runs did not end well, see above")
    return results


def _train_or_start(train, opt, names, data):
    """`train`; where -resume finds no checkpoint of this run of the sweep, from the beginning."""
    try:
        return train(opt, names, data)
    except NoCheckpoint:
        notice("no checkpoint of this run: it starts from the beginning")
        return train(argparse.Namespace(**{**vars(opt), "resume": False}), names, data)


def _compare(sweep, ended, data):
    """Print the table of the runs that came to their end, and write it and their figures beside them."""
    first, _ = sweep.runs[0]

    def path(quantity, ending):
        return first.plots_dir / f"{file_name(sweep.name, data, quantity)}.{ending}"

    there = []
    for opt, names in ended:
        try:
            file = run_folder(opt.plots_dir, names.files, data) / "record.json"
            record = read_record(file)
            if record.status != FINISHED:
                raise InputError(f"{file}: is of an interrupted run")
            there.append((opt, record))
        except InputError as error:
            notice(f"not in the table: {error}")
    if not there:
        return
    opts, records = zip(*there, strict=True)
    settings = [sweep.setting(opt) for opt in opts]
    rows, sentences, figures = compare.compare(
        settings, records, first.model, data.title, first.show
    )
    print(f"\n{compare.formatted(rows, 'simple')}", *sentences, sep="\n", flush=True)
    compare.write_table(rows, lambda ending: path("sweep", ending))
    for quantity, figure in figures:
        word = name_of(quantity).replace(" ", "-")
        for ending in first.plot_format:
            save_figure(figure, path(word, ending))
    notice(f"table and figures of the sweep: {shown(path('sweep', 'csv'))} and beside it")
