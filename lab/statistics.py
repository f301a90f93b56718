"""What can be said from a few runs: intervals, tests, and a plain sentence for each.

`values` are the results of a setting's k seeds, one finite number each, else ValueError. The methods hold
for 3 to 20 runs: Student's t, Welch, exact permutations, Holm, McNemar. Seeds are never ranked: a lowest
and a highest are a range. scipy is imported where it is needed: a run does without.
"""

import itertools
import math
import statistics
import warnings
from typing import NamedTuple

import numpy as np

from lab.quantities import as_share

LEVEL = 0.05  # a p above it says "cannot be told apart"
CONFIDENCE = f"{1 - LEVEL:.0%}"  # of the intervals
RELABELLINGS = 200_000  # up to so many a permutation test is exact: 10 v 10 runs, 17 pairs


class Summary(NamedTuple):
    """A setting over its seeds; the deviation (divisor k - 1) of one run is nan."""

    count: int
    mean: float
    deviation: float
    low: float
    high: float


class Interval(NamedTuple):
    """From low to high, both included; of one run from -inf to inf."""

    low: float
    high: float

    def __contains__(self, value):
        return bool(self.low <= value <= self.high)


class Difference(NamedTuple):
    """Mean of the first less mean of the second, its Welch interval, and Welch's two-sided p."""

    mean: float
    interval: Interval
    p: float  # nan where a group has one run


class Exact(NamedTuple):
    """A permutation test: its two-sided p, nan of one run, and the least that so few can reach."""

    p: float
    least: float


class Comparison(NamedTuple):
    """Two settings, by name, among several: `holm` is Welch's p adjusted for all the pairs."""

    first: str
    second: str
    seeds: tuple  # how many the first has, and the second
    difference: Difference
    exact: Exact
    holm: float
    pairs: int  # of settings that were compared

    @property
    def told_apart(self):
        return bool(self.holm <= LEVEL)


class McNemar(NamedTuple):
    """Two runs on the same images: how many each alone gets right, and the exact two-sided p."""

    only_first: int
    only_second: int
    images: int
    p: float

    @property
    def difference(self):
        """The first's accuracy less the second's."""
        return (self.only_first - self.only_second) / self.images


def summary(values):
    """The `Summary` of one or more runs."""
    values = _finite(values)
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return Summary(len(values), statistics.mean(values), deviation, min(values), max(values))


def mean_interval(values):
    """Student's interval for the mean: mean +- t s / sqrt(k), with k - 1 degrees of freedom."""
    return _t_interval(values, 0)


def next_run_interval(values):
    """Where one more run would fall: mean +- t s sqrt(1 + 1/k), for runs normally distributed."""
    return _t_interval(values, 1)


def _t_interval(values, runs):
    """mean +- t s sqrt(runs + 1/k)."""
    from scipy import stats

    k, mean, deviation, *_ = summary(values)
    if k == 1:
        return Interval(-math.inf, math.inf)
    t = float(stats.t.ppf(1 - LEVEL / 2, k - 1))
    half = t * deviation * math.sqrt(runs + 1 / k)
    return Interval(mean - half, mean + half)


def welch(first, second):
    """The `Difference` of two settings' means, without assuming equal variances.

    Where neither varies, the interval is the difference itself, and p 1 or 0. A single run bounds nothing.
    """
    from scipy import stats

    first, second = _finite(first), _finite(second)
    mean = statistics.mean(first) - statistics.mean(second)
    if min(len(first), len(second)) < 2:
        return Difference(mean, Interval(-math.inf, math.inf), math.nan)
    if not np.ptp(first) and not np.ptp(second):
        return Difference(mean, Interval(mean, mean), float(mean == 0))
    with warnings.catch_warnings(action="ignore"):  # of one group that does not vary: it may not
        test = stats.ttest_ind(first, second, equal_var=False)
    low, high = map(float, test.confidence_interval(1 - LEVEL))
    return Difference(mean, Interval(low, high), float(test.pvalue))


def permutation(first, second):
    """The `Exact` test of two means: how often relabelled runs differ as much, two-sided.

    Above RELABELLINGS ways to relabel, that many are drawn, with a seed of their own.
    """
    from scipy import stats

    first, second = _finite(first), _finite(second)
    ways = math.comb(len(first) + len(second), len(first))
    least = min(1.0, 2 / min(ways, RELABELLINGS + 1))
    if min(len(first), len(second)) < 2:
        return Exact(math.nan, least)
    # The sum of all is fixed, so the difference of the means grows with the first group's sum.
    test = stats.permutation_test(
        (first, second), lambda ours, _, axis: ours.sum(axis), n_resamples=RELABELLINGS, rng=0
    )
    return Exact(float(test.pvalue), least)


def mcnemar(first, second, labels):
    """`McNemar`'s exact test of two runs' predictions of the same images, arrays of shape (n,).

    Only the images in dispute count, those that one alone gets right; if the runs were equally
    good each of these would be a fair coin.
    """
    from scipy import stats

    first, second, labels = (np.asarray(array).ravel() for array in (first, second, labels))
    if not len(first) == len(second) == len(labels) > 0:
        sizes = f"{len(first)} and {len(second)} with {len(labels)} labels"
        raise ValueError(f"predictions of the same images are needed, not of {sizes}")
    only_first = int(np.sum((first == labels) & (second != labels)))
    only_second = int(np.sum((second == labels) & (first != labels)))
    disputed = only_first + only_second
    p = stats.binomtest(only_first, disputed).pvalue if disputed else 1.0
    return McNemar(only_first, only_second, len(labels), float(p))


def least_significant_difference(disputed, images):
    """The least difference of accuracies that McNemar's test calls significant, nan if none is.

    `disputed` of the `images` are right in one of the two runs alone.
    """
    from scipy import stats

    # The most images one run alone may get right while the p of both tails is LEVEL at most.
    few = int(stats.binom.ppf(LEVEL / 2, disputed, 0.5))
    if stats.binom.cdf(few, disputed, 0.5) > LEVEL / 2:
        few -= 1
    return (disputed - 2 * few) / images if few >= 0 else math.nan


def holm(p_values):
    """Holm's adjusted p-values, in the same order; at most 1. nan stays nan and is not counted.

    The i-th smallest of m is multiplied by m - i + 1, and is no smaller than those before it: the
    chance that any of the equal pairs is called different stays below the level.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: int(np.sum(~np.isnan(p_values)))]  # nan sorts last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p_values[order]))
    return adjusted


def compare_all(settings):
    """A `Comparison` for each pair of {name: values}, in their order, Holm over all of them."""
    pairs = list(itertools.combinations(settings.items(), 2))
    differences = [welch(first, second) for (_, first), (_, second) in pairs]
    adjusted = holm([difference.p for difference in differences]).tolist()
    comparisons = []
    for pair, difference, p in zip(pairs, differences, adjusted, strict=True):
        (name, first), (other, second) = pair
        seeds, exact = (len(first), len(second)), permutation(first, second)
        comparisons.append(Comparison(name, other, seeds, difference, exact, p, len(pairs)))
    return comparisons


def not_told_from(name, comparisons):
    """The settings that the comparisons cannot tell from the one named, in their order."""
    return [
        each.second if each.first == name else each.first
        for each in comparisons
        if name in (each.first, each.second) and not each.told_apart
    ]


def describe(values):
    """A sentence: a setting over its seeds."""
    count, mean, deviation, low, high = summary(values)
    if count == 1:
        return f"One seed, {as_share(mean)}: it does not say what another seed would give."
    if low == high:
        return f"All {count} seeds gave {as_share(mean)}."
    interval = np.clip(mean_interval(values), 0, 1)  # an accuracy cannot be elsewhere
    return (
        f"Over {count} seeds the mean is {as_share(mean)}, the standard deviation"
        f" {as_share(deviation)}, the range {as_share(low)} to {as_share(high)}; the {CONFIDENCE} t interval"
        f" of the mean is {as_share(interval[0])} to {as_share(interval[1])}."
    )


def describe_comparison(comparison):
    """A sentence: do two settings differ, and by how much at least."""
    above, below, (first, second), difference, exact, adjusted, pairs = comparison
    low, high = np.clip(difference.interval, -1, 1).tolist()  # accuracies differ by no more
    by, seeds = as_share(abs(difference.mean)), f"{first} against {second} seeds"
    if math.isnan(difference.p):
        return f"{above} and {below} cannot be compared: {seeds}, and each needs two or more."
    if low == high:
        differ = f"differ by {by}" if low else "do not differ"
        return f"Neither {above} nor {below} varies with the seed: they {differ} ({seeds})."
    if difference.mean < 0:
        above, below, low, high = below, above, -high, -low
    low, high = as_share(low), as_share(high)
    holm = f"; by Holm over all {pairs} pairs, {p_value(adjusted)}" if pairs > 1 else ""
    tests = f"{CONFIDENCE} Welch interval, {p_value(difference.p)}{holm}"
    tests += f"; exact permutation test, {p_value(exact.p)}"
    if comparison.told_apart:
        return f"On average {above} is above {below} by {by}, by at least {low} and at most {high} ({tests})."
    return (
        f"No difference can be told between {above} and {below}: the mean of {above} is higher by {by}, and"
        f" the true difference may be anything between {low} and {high} ({tests})."
    )


def describe_limit(comparison):
    """A sentence: what the permutation test can tell at most, with so many seeds each."""
    (first, second), least, pairs = comparison.seeds, comparison.exact.least, comparison.pairs
    seeds = f"With {first} against {second} seeds"
    limit = f"{seeds} the permutation test cannot go below {p_value(least)}"
    if least * pairs <= LEVEL:
        return f"{limit}."
    many = f" over {pairs} pairs" if pairs > 1 else ""
    return f"{limit}: alone it can call no difference{many} significant."


def describe_mcnemar(first, second, test):
    """Two sentences: two single runs on the same images."""
    disputed = test.only_first + test.only_second
    if not disputed:
        return f"{first} and {second} are right on exactly the same images of {test.images:,}."
    said = (
        f"Of the same {test.images:,} images {first} alone is right on {test.only_first:,},"
        f" {second} alone on {test.only_second:,}: {p_value(test.p)} (McNemar, exact)."
    )
    if test.p <= LEVEL:
        above, below = (first, second) if test.difference > 0 else (second, first)
        by = as_share(abs(test.difference))
        return f"{said} This run of {above} is above this run of {below} by {by}; other seeds may differ."
    least = least_significant_difference(disputed, test.images)
    why = f"with {disputed:,} images in dispute a difference under {as_share(least)} is not significant"
    if math.isnan(least):
        why = f"{disputed:,} images in dispute are too few to tell anything"
    return f"{said} The two runs cannot be told apart: {why}."


def p_value(p):
    """As "p = .0079", "p = .481" or "p < .0001"."""
    return "p < .0001" if p < 0.0001 else f"p = {as_share(p, 4 if p < 0.1 else 3)}"


def _finite(values):
    """The values as a list of one or more finite numbers."""
    values = np.ravel(values).astype(float).tolist()
    if not values:
        raise ValueError("one or more runs are needed, not 0")
    if not np.isfinite(values).all():
        raise ValueError("a result is nan or infinite: leave out runs that diverged, and say so")
    return values
