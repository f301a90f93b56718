"""Finds the twin that agrees with what was observed: the right one, a wrong one, or a pair of them."""

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from checks.entry import Entry

# A difference counts when it is larger than this part of the step and this part of the weights:
# float32's rounding and an epsilon within a logarithm stay far below, twins lie far above.
OF_STEP, OF_WEIGHTS = 3e-4, 3e-6


@dataclass(frozen=True)
class Explanation:
    """A textbook that agrees with all observations, and how it differs from the right one."""

    textbook: object
    entries: tuple[Entry, ...] = ()
    conventions: tuple[str, ...] = ()
    rate: float | None = None  # the constant learning rate it uses in place of the one given
    change: dict = field(default_factory=dict)

    @property
    def is_right(self):
        return not self.entries


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
    if not all(np.isfinite(right).all() for right in expected.values()):
        return not all(np.isfinite(seen).all() for seen in observed.values())
    step = max(np.abs(expected[n] - start[n]).max() for n in expected if n in start)
    size = max(np.abs(start[n]).max() for n in expected if n in start)
    allowed = OF_STEP * step + OF_WEIGHTS * size + 1e-12
    for name, right in expected.items():
        if name in observed and not np.abs(observed[name] - right).max() <= allowed:
            return False
    return True


def candidates(right, changes, sizes=()):
    """[(textbook, entries, change, fitted)]: each wrong twin, then each pair of two entries.

    sizes are alternatives of the field `size` that are no mistake, to be combined with each twin.
    """
    singles = [((entry,), change, entry.fitted) for entry, change in changes]
    yield from ((entries, change, fitted) for entries, change, fitted in singles)
    for (one, first, fit_1), (two, second, fit_2) in combinations(singles, 2):
        if one == two or set(first) & set(second) or fit_1 and fit_2:
            continue
        yield one + two, {**first, **second}, fit_1 or fit_2


def explain(right, changes, observations, agrees, sizes=()):
    """The first Explanation whose textbook agrees with all observations; None.

    agrees(textbook, observation) -> bool; sizes: [(id of a convention, value of the field `size`)].
    """
    conventions = [((), {})] + [((id,), {"size": size}) for id, size in sizes]
    for ids, convention in conventions:
        textbook = replace(right, **convention)
        if all(agrees(textbook, o) for o in observations):
            return Explanation(textbook, (), ids)
    for entries, change, fitted in candidates(right, changes):
        for ids, convention in conventions:
            textbook = replace(right, **{**convention, **change})
            rate = None
            if fitted:
                rate = fitted_rate(textbook, observations)
                if rate is None:
                    continue
                textbook = replace(textbook, rate=lambda _, constant=rate: constant)
            if all(agrees(textbook, o) for o in observations):
                return Explanation(textbook, entries, ids, rate, change)
    return None


def fitted_rate(textbook, observations):
    """The learning rate with which the textbook makes the first observed step; None if none does."""
    textbook = replace(textbook, rate=lambda _: 1.0)
    for before, x, y, _, penalty, after in observations[:1]:
        if after is None:
            return None
        expected = textbook.step(before, x, y, 1.0, penalty)
        shared = [n for n in expected if n in after and after[n].shape == expected[n].shape]
        direction = np.concatenate([(expected[n] - before[n]).ravel() for n in shared])
        moved = np.concatenate([(after[n] - before[n]).ravel() for n in shared])
        length = direction @ direction
        if not np.isfinite(length) or length == 0 or not np.isfinite(moved).all():
            return None
        rate = float(moved @ direction / length)
        return rate if abs(rate) > 1e-12 else None
    return None


def step_agrees(textbook, observation):
    """Whether the textbook makes an observed step (before, x, y, rate, penalty, after)."""
    before, x, y, rate, penalty, after = observation
    with np.errstate(all="ignore"):
        expected = textbook.step(before, x, y, rate, penalty)
    return agree(after, expected, before)


# ----------------------------------------------------------------------------------------------
# A whole epoch


def course(textbook, weights, X, y, rate, penalty):
    """The weights before each example's step, and after the last."""
    found = [weights]
    with np.errstate(all="ignore"):
        for x_i, y_i in zip(X, y, strict=True):
            found.append(textbook.step(found[-1], x_i, int(y_i), rate, penalty))
    return found


def full_batch(textbook, weights, X, y, rate, penalty, after):
    """(course of one step along the summed changes of all examples, factor), as `after` has it."""
    with np.errstate(all="ignore"):
        steps = [
            textbook.step(weights, x_i, int(y_i), rate, penalty)
            for x_i, y_i in zip(X, y, strict=True)
        ]
    summed = {n: sum(step[n] - weights[n] for step in steps) for n in weights}
    for factor in (1, 1 / len(X)):
        end = {n: weights[n] + factor * summed[n] for n in weights}
        if agree(after, end, weights):
            return [weights] * len(X) + [end]
    return None


def epochs_agree(textbook, epochs):
    """Whether the textbook, a step per example, makes all epochs (and there are any)."""
    return bool(epochs) and all(agree(e[5], course(textbook, *e[:5])[-1], e[0]) for e in epochs)
