"""The commands of an edition: each read as its script reads it, and refused where it cannot be meant.

Every mistake is answered by a line that names question and experiment and says what to do.
"""

import contextlib
import importlib
import io
import os
from pathlib import Path

import utils
from lab.options import NOT_IDENTIFYING, did_you_mean, one_dash
from lab.quantities import join_words
from utils import InputError

PROOFS = "hw1-q3.py"


def script_module(name):
    """One of the homework's scripts as a module."""
    return importlib.import_module(name.removesuffix(".py"))


def figures_of(script, model):
    """The `lab.figures.Figure`s that a script draws of a run of a model."""
    return script_module(script).FIGURES[model]


def check(edition):
    """InputError, which names question and experiment, where a command is not that of one run, or a
    question compares runs that differ in more than it says.
    """
    for question in edition.questions:
        runs = [only_run(experiment, experiment.command[1:]) for experiment in question.experiments]
        if question.compare:
            check_comparison(question, runs)


def only_run(experiment, words):
    """(opt, pattern of its files' names, table of options) of the one run that a script makes of some words.

    (None, None, {}) for hw1-q3.py.
    """
    place, script = f"{experiment.where}command: ", experiment.command[0]
    module = script_module(script)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            sweep = module.parse_arguments(words)
        except SystemExit:
            raise InputError(f"{place}{said.getvalue().strip()}") from None
    given = {one_dash(word).partition("=")[0] for word in words if len(word) > 1}

    def is_given(option):
        return any(f"-{option}".startswith(word) for word in given)

    for option in NOT_IDENTIFYING:
        if is_given(option):
            raise InputError(f"{place}remove -{option}; reproduce.py sets it")
    if script == PROOFS:
        return None, None, {}
    if sweep.swept:
        option = next(iter(sweep.swept))
        raise InputError(
            f"{place}-{option} has several values; write an experiment for each, and "
            f'compare = "{option}"'
        )
    ((opt, names),) = sweep.runs
    for word in given:
        meant = [f"-{option}" for option in sweep.table if f"-{option}".startswith(word)]
        if word[1:2].isalpha() and meant and word not in meant:
            raise InputError(f"{place}write {meant[0]} in full, not {word}")
    for option, about in sweep.table.items():
        if opt.model not in about.models and is_given(option):
            raise InputError(f"{place}-{option} has no effect on {opt.model}; remove it")
    return opt, names.files, sweep.table


def check_comparison(question, runs):
    """InputError where a question's runs cannot be compared by the options that it says."""
    place = f"{question.where}compare: "
    by = join_words([f"-{option}" for option in question.compare])
    if any(opt is None for opt, *_ in runs):
        raise InputError(f"{place}runs of {PROOFS} are not compared; leave out compare")
    named = [(e, opt) for e, (opt, *_) in zip(question.experiments, runs, strict=True)]
    for (experiment, opt), (*_, table) in zip(named, runs, strict=True):
        for option in question.compare:
            if option not in table:
                meant = did_you_mean(option, table)
                raise InputError(f"{place}{experiment.command[0]} has no option -{option}{meant}")
            if opt.model not in table[option].models:
                raise InputError(
                    f"{experiment.where}-{option}, by which the question compares, has no effect on "
                    f"{opt.model}"
                )
    (first, ours), *others = named
    seen = {}
    for experiment, opt in named:
        values = tuple(getattr(opt, option) for option in question.compare)
        if values in seen:
            raise InputError(
                f"{experiment.where}has the same {by} as {seen[values]}; give it another, or drop one"
            )
        seen[values] = experiment.name
    for experiment, opt in others:
        differ = [
            f"-{option}"
            for option in vars(ours) | vars(opt)
            if option not in question.compare and getattr(ours, option, None) != getattr(opt, option, None)
        ]  # fmt: skip
        if "-model" in differ or experiment.command[0] != first.command[0]:
            raise InputError(
                f"{experiment.where}is another model than {first.name}; compare within a model, and "
                "give the other one a question of its own"
            )
        if differ:
            raise InputError(
                f"{experiment.where}differs from {first.name} in {join_words(differ)} too, not only "
                f"in {by}; make them equal, or add the option to compare"
            )
    for key in question.curves:
        figures = figures_of(first.command[0], ours.model)
        drawn = [key for figure in figures for key in figure.curves.values()]
        if key not in drawn:
            raise InputError(f"{question.where}curves: {key}: there are {', '.join(drawn)}")


def with_epochs(words, epochs):
    """The command line with another number of epochs."""
    if "-epochs" in words:
        at = words.index("-epochs") + 1
        return [*words[:at], str(epochs), *words[at + 1 :]]
    return [*words, "-epochs", str(epochs)]


def relative(path):
    """A path as seen from the repository; one that was given absolute stays so."""
    path = Path(path)
    if path.is_absolute() and utils.ROOT not in path.parents:
        return str(path)
    path = os.path.relpath(path, utils.ROOT)
    return os.path.join(".", path) if path.startswith("-") else path  # else it looks like an option
