"""Finds the twin that agrees with what was observed: the right one, a wrong one, or a pair of them."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from checks.entry import Entry
from checks.mistakes import changes
from checks.twins import TEXTBOOKS

# A difference counts when it is larger than this part of the step and this part of the weights:
# float32's rounding and an epsilon within a logarithm stay far below, twins lie far above.
OF_STEP, OF_WEIGHTS = 3e-4, 3e-6


class Run(NamedTuple):
    """Training that was observed, on one example or a few: X (n, features), y (n,)."""

    before: dict
    X: np.ndarray
    y: np.ndarray
    rate: float
    penalty: float
    after: dict | None = None


@dataclass(frozen=True)
class Explanation:
    """A textbook that agrees with all observations, and how it differs from the right one."""

    right: object  # the right textbook, by the same conventions
    textbook: object
    entries: tuple[Entry, ...] = ()
    rate: float | None = None  # the constant learning rate it uses in place of the one given

    @property
    def is_right(self):
        return all(entry.severity == "deviation" for entry in self.entries)


def agree(observed, expected, start):
    """Whether the observed parameters are the expected ones, up to rounding."""
    if observed is None or expected is None:
        return False
    for name, right in expected.items():
        seen = observed.get(name)
        if seen is None:
            if name.startswith("b") and name not in start:
                continue
            return False
        if seen.shape != right.shape:
            return False
    if not are_finite(expected):
        return not are_finite(observed)
    step = max(np.abs(expected[n] - start[n]).max() for n in expected if n in start)
    size = max(np.abs(start[n]).max() for n in expected if n in start)
    allowed = OF_STEP * step + OF_WEIGHTS * size + 1e-12
    for name, right in expected.items():
        if name in observed and not np.abs(observed[name] - right).max() <= allowed:
            return False
    return True


def are_finite(weights):
    return all(np.isfinite(value).all() for value in weights.values())


def have_same_shapes(first, second):
    return {n: v.shape for n, v in first.items()} == {n: v.shape for n, v in second.items()}


def course(textbook, run):
    """The weights before each example's step, and after the last."""
    found = [run.before]
    with np.errstate(all="ignore"):
        for x, y in zip(run.X, run.y, strict=True):
            found.append(textbook.step(found[-1], x, int(y), run.rate, run.penalty))
    return found


def agrees(textbook, run):
    """Whether the textbook, a step per example, ends where the run does."""
    return agree(run.after, course(textbook, run)[-1], run.before)


def conventions(role):
    """[(entries, textbook)] of what is right: the textbook, and the same by other conventions."""
    right = TEXTBOOKS[role]
    others = [(entry, change) for entry, change in changes(role) if entry.severity == "deviation"]
    return [((), right), *[((entry,), replace(right, **change)) for entry, change in others]]


def mistakes(role):
    """[(entry, change)] of the wrong twins."""
    return [(entry, change) for entry, change in changes(role) if entry.severity != "deviation"]


def explain_right(role, runs):
    """The Explanation by the right twin, or by another convention; None where neither agrees."""
    for entries, textbook in conventions(role):
        if runs and all(agrees(textbook, run) for run in runs):
            return Explanation(textbook, textbook, entries)
    return None


def explain(role, runs):
    """The first Explanation that agrees with all runs; None where none does or there are no runs.

    Mistakes are tried one at a time, then in pairs.
    """
    found = explain_right(role, runs)
    if found is not None or not runs:
        return found
    singles, accepted = mistakes(role), conventions(role)
    tried = [((entry,), change) for entry, change in singles]
    tried += [
        ((one, two), {**first, **second})
        for (one, first), (two, second) in combinations(singles, 2)
        if one != two and not set(first) & set(second) and not (one.fitted and two.fitted)
    ]
    for entries, change in tried:
        for convention, right in accepted:
            textbook, rate = replace(right, **change), None
            if any(entry.fitted for entry in entries):
                rate = fitted_rate(textbook, runs[0])
                if rate is None:
                    continue
                textbook = replace(textbook, rate=lambda _, constant=rate: constant)
            if all(agrees(textbook, run) for run in runs):
                return Explanation(right, textbook, convention + entries, rate)
    return None


def fitted_rate(textbook, run):
    """The learning rate with which the textbook makes an observed step; None if there is none."""
    if run.after is None:
        return None
    expected = course(replace(textbook, rate=lambda _: 1.0), run)[-1]
    shared = [n for n in expected if n in run.after and run.after[n].shape == expected[n].shape]
    direction = np.concatenate([(expected[n] - run.before[n]).ravel() for n in shared])
    moved = np.concatenate([(run.after[n] - run.before[n]).ravel() for n in shared])
    length = direction @ direction
    if not np.isfinite(length) or length == 0 or not np.isfinite(moved).all():
        return None
    rate = float(moved @ direction / length)
    return rate if abs(rate) > 1e-12 else None


# ----------------------------------------------------------------------------------------------
# How an epoch is made of steps: one after the other, as it should be, or otherwise


def all_at_once(textbook, run):
    """The course of one step along the changes of all examples, or their mean, as the run ends;
    None where it ends elsewhere.
    """
    alone = [course(textbook, run._replace(X=run.X[i : i + 1], y=run.y[i : i + 1]))[-1]
             for i in range(len(run.X))]  # fmt: skip
    summed = {n: sum(each[n] - start for each in alone) for n, start in run.before.items()}
    for factor in (1, 1 / len(run.X)):
        end = {n: start + factor * summed[n] for n, start in run.before.items()}
        if agree(run.after, end, run.before):
            return [run.before] * len(run.X) + [end]
    return None


def one_example(choose):
    """Whether a run is one step, on one of the examples choose(n)."""
    return lambda textbook, run: any(
        agrees(textbook, run._replace(X=run.X[i : i + 1], y=run.y[i : i + 1]))
        for i in choose(len(run.X))
    )


def in_another_order(textbook, run):
    """Whether the steps were made in some order; for few examples only."""

    def visit(weights, left):
        if not left:
            return agree(run.after, weights, run.before)
        return any(
            visit(
                textbook.step(weights, run.X[i], int(run.y[i]), run.rate, run.penalty), left - {i}
            )
            for i in left
        )

    return len(run.X) <= 7 and visit(run.before, frozenset(range(len(run.X))))


SCHEMES = {
    "": agrees,
    "first_only": one_example(lambda n: [0]),
    "one_sample_epoch": one_example(range),
    "full_batch": all_at_once,
    "own_shuffle": in_another_order,
}


def explain_epochs(role, epochs, explanation):
    """(scheme, explanation): how epochs are made of steps, a key of SCHEMES, or None.

    Starts from the explanation of the single steps; without one every twin is tried.
    """
    tried = [explanation]
    if explanation is None:
        if not any(run.after is not None and are_finite(run.after) for run in epochs):
            return None, None
        right = TEXTBOOKS[role]
        tried = [
            Explanation(textbook, textbook, entries) for entries, textbook in conventions(role)
        ]
        tried += [
            Explanation(right, replace(right, **change), (entry,))
            for entry, change in mistakes(role)
            if not entry.fitted
        ]
    for each in tried:
        clear = [run for run in epochs if not diverges(each.textbook, run)]
        if explanation is not None and not clear:
            return "", explanation  # as far as it can be seen
        for name, made_so in SCHEMES.items():
            if name == "own_shuffle" and explanation is None and not each.is_right:
                continue  # thousands of orders for each of the twins
            if clear and all(made_so(each.textbook, run) for run in clear):
                return name, each
    return None, explanation


def diverges(textbook, run):
    """Whether the textbook's weights become so large that nothing can be compared."""
    return not all(np.abs(value).max() < 1e9 for value in course(textbook, run)[-1].values())
