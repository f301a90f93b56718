"""Statistics of a few runs: worked by hand, against scipy, and by simulation."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab import statistics as s

A, B = [0.51, 0.52, 0.50, 0.53, 0.52], [0.41, 0.44, 0.40, 0.43, 0.42]
groups = st.lists(st.integers(0, 6), min_size=2, max_size=6)


def test_a_setting_by_hand():
    assert s.summary([4, 5, 6]) == s.Summary(3, 5, 1, 4, 6)
    # t = 4.3027 for 2 degrees of freedom and 95%.
    assert s.mean_interval([4, 5, 6]) == pytest.approx((5 - 2.48414, 5 + 2.48414), abs=1e-5)
    assert s.next_run_interval([4, 5, 6]) == pytest.approx((5 - 4.96828, 5 + 4.96828), abs=1e-5)
    assert 0.1 in s.next_run_interval([4, 5, 6])
    assert 0.02 not in s.next_run_interval([4, 5, 6])


@pytest.mark.parametrize(
    ("k", "of_the_mean", "of_the_next"),
    [(5, 1.24, 3.04), (8, 0.84, 2.51), (10, 0.72, 2.37), (20, 0.47, 2.14)],
)
def test_half_widths_in_deviations(k, of_the_mean, of_the_next):
    values = np.random.default_rng(k).normal(size=k)
    deviation = np.std(values, ddof=1)
    for interval, width in ((s.mean_interval, of_the_mean), (s.next_run_interval, of_the_next)):
        low, high = interval(values)
        assert (high - low) / 2 / deviation == pytest.approx(width, abs=0.005)
    scale = deviation / math.sqrt(k)
    expected = stats.t.interval(0.95, k - 1, loc=values.mean(), scale=scale)
    assert s.mean_interval(values) == pytest.approx(expected)


def test_welch_by_hand():
    # Variances 1 and 4 over 3 runs: error sqrt(5 / 3), 2.941 degrees of freedom.
    error, freedom = math.sqrt(5 / 3), (5 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2)
    difference = s.welch([1, 2, 3], [2, 4, 6])
    assert difference.mean == -2
    assert difference.p == pytest.approx(2 * stats.t.cdf(-2 / error, freedom))
    half = stats.t.ppf(0.975, freedom) * error
    assert difference.interval == pytest.approx((-2 - half, -2 + half))


@pytest.mark.parametrize(
    ("sizes", "least"),
    [((2, 2), 1 / 3), ((3, 3), 0.1), ((4, 4), 2 / 70), ((5, 5), 2 / 252)],
)
def test_groups_apart_reach_the_least_p(sizes, least):
    low, high = np.arange(sizes[0]), 100 + np.arange(sizes[1])
    assert s.permutation(low, high) == pytest.approx((least, least))
    assert s.permutation(high, low) == pytest.approx((least, least))


@settings(deadline=None, max_examples=25)
@given(first=groups, second=groups)
def test_permutations_by_counting(first, second):
    """In whole numbers, where equal sums are equal; in tenths, summed in any order, they must count as
    equal too."""
    sums = [sum(chosen) for chosen in itertools.combinations(first + second, len(first))]
    tails = sum(x >= sum(first) for x in sums), sum(x <= sum(first) for x in sums)
    expected = min(1, 2 * min(tails) / len(sums))
    assert s.permutation(np.array(first) / 10, np.array(second) / 10).p == pytest.approx(expected)


def test_large_groups_are_sampled_and_repeat(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=7), rng.normal(size=7) + 0.8
    exact = s.permutation(first, second)
    monkeypatch.setattr(s, "RELABELLINGS", 100)
    sampled = s.permutation(first, second)
    assert sampled == s.permutation(first, second)
    assert sampled.p == pytest.approx(exact.p, abs=0.1)
    assert s.permutation(range(20), range(100, 120)) == (2 / 101, 2 / 101)


def test_holm_by_hand():
    assert s.holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert s.holm([0.5, 0.9]).tolist() == [1, 1]
    assert s.holm([0.2]).tolist() == [0.2]
    assert s.holm([]).tolist() == []
    with_nan = s.holm([0.02, math.nan, 0.03]).tolist()
    assert with_nan[::2] == pytest.approx([0.04, 0.04])
    assert math.isnan(with_nan[1])


def test_mcnemar_by_hand():
    labels = np.arange(20) % 4
    wrong = labels + 1
    first, second = labels.copy(), labels.copy()
    first[:1], second[1:9], first[9:12], second[9:12] = wrong[:1], wrong[1:9], 9, 9
    test = s.mcnemar(first, second, labels)
    assert test == s.McNemar(8, 1, 20, pytest.approx(2 * (1 + 9) / 2**9))
    assert test.difference == pytest.approx(np.mean(first == labels) - np.mean(second == labels))
    assert s.mcnemar(first, first, labels[:, None]).p == 1
    assert s.mcnemar(second, first, labels) == s.McNemar(1, 8, 20, test.p)
    with pytest.raises(ValueError, match="same images"):
        s.mcnemar(first, second[1:], labels)


@pytest.mark.parametrize("disputed", [0, 1, 5, 6, 9, 50, 600])
def test_the_least_significant_difference_is_where_mcnemar_turns(disputed):
    significant = [
        (disputed - 2 * few) / 3000
        for few in range(disputed // 2 + 1)
        if stats.binomtest(few, disputed or 1).pvalue <= 0.05 and disputed
    ]
    least = s.least_significant_difference(disputed, 3000)
    assert least == min(significant) if significant else math.isnan(least)
    if disputed == 600:
        assert least == pytest.approx(0.016, abs=0.001)


def test_comparing_all_settings():
    comparisons = s.compare_all({"a": A, "b": B, "c": [x + 0.001 for x in A], "one": [0.5]})
    assert [(each.first, each.second) for each in comparisons] == [
        *(("a", "b"), ("a", "c"), ("a", "one"), ("b", "c"), ("b", "one"), ("c", "one"))
    ]
    told = {(each.first, each.second): each.told_apart for each in comparisons}
    assert [pair for pair in told if told[pair]] == [("a", "b"), ("b", "c")]
    assert s.not_told_from("a", comparisons) == ["c", "one"]
    assert s.not_told_from("b", comparisons) == ["one"]
    ps = [each.difference.p for each in comparisons]
    np.testing.assert_allclose([each.holm for each in comparisons], s.holm(ps))


# --------------------------------------------------------------------------------------------
# Few runs, equal runs, runs that are no numbers


def test_one_run_bounds_nothing():
    everything = (-math.inf, math.inf)
    assert s.mean_interval([0.5]) == s.next_run_interval([0.5]) == everything
    assert math.isnan(s.summary([0.5]).deviation)
    difference = s.welch([0.5], A)
    assert difference.interval == everything
    assert math.isnan(difference.p)
    assert math.isnan(s.permutation([0.5], A).p)
    assert 0 < s.mean_interval([0.4, 0.5]).high < 1.1  # t = 12.7: two runs say very little
    assert s.mean_interval([0.4, 0.5]).low < 0


def test_no_sentence_leaves_the_range_of_an_accuracy():
    said = s.describe([0.1, 0.9])
    assert "the 95% t interval of the mean is .0000 to 1.0000." in said
    (pair,) = s.compare_all({"a": [0.1, 0.9], "b": [0.2, 0.8]})
    assert "may be anything between -1.0000 and 1.0000" in s.describe_comparison(pair)


def test_runs_that_do_not_vary():
    same = [0.1, 0.1, 0.1]
    assert s.summary(same) == (3, 0.1, 0, 0.1, 0.1)
    assert s.mean_interval(same) == s.next_run_interval(same) == (0.1, 0.1)
    assert s.welch(same, same) == (0, (0, 0), 1)
    assert s.welch([0.3] * 3, [0.2] * 3) == (pytest.approx(0.1), pytest.approx((0.1, 0.1)), 0)
    assert s.permutation(same, same).p == 1
    with warnings.catch_warnings(action="error"):
        assert s.welch(same, [0.1, 0.2]).p < 1  # one varies


@pytest.mark.parametrize("values", [[], [0.5, math.nan], [math.inf, 0.5]])
@pytest.mark.parametrize(
    "function",
    [s.summary, s.mean_interval, s.next_run_interval, lambda v: s.welch(v, A), s.describe]
    + [lambda v: s.permutation(A, v)],
)
def test_what_is_no_number_is_refused(function, values):
    with pytest.raises(ValueError, match="needed" if not values else "nan or infinite"):
        function(values)


# --------------------------------------------------------------------------------------------
# By simulation: the intervals cover what they say, and the tests err as often as they say


@pytest.mark.parametrize("k", [3, 5, 10])
def test_intervals_cover_what_they_say(k):
    draws = np.random.default_rng(k).normal(0.5, 0.01, (1500, k + 1))
    means = np.mean([0.5 in s.mean_interval(values[1:]) for values in draws])
    next_runs = np.mean([values[0] in s.next_run_interval(values[1:]) for values in draws])
    assert means == pytest.approx(0.95, abs=0.02)
    assert next_runs == pytest.approx(0.95, abs=0.02)


def test_welch_covers_unequal_spreads():
    rng = np.random.default_rng(1)
    tests = [s.welch(rng.normal(3, 1, 8), rng.normal(1, 3, 5)) for _ in range(1200)]
    assert np.mean([2 in test.interval for test in tests]) == pytest.approx(0.95, abs=0.02)
    assert all((0 in test.interval) == (test.p > 0.05) for test in tests)


def test_the_exact_test_errs_at_most_as_often_as_it_says():
    rng = np.random.default_rng(2)
    pairs = [rng.exponential(size=(2, 5)) for _ in range(1000)]
    ps = np.array([s.permutation(*pair).p for pair in pairs])
    assert np.mean(ps <= 0.05) <= 0.065
    assert np.mean(ps <= 0.25) == pytest.approx(0.25, abs=0.05)


def test_holm_calls_equal_settings_different_in_one_family_of_twenty():
    rng = np.random.default_rng(3)
    families = [
        s.holm([s.welch(a, b).p for a, b in rng.normal(size=(4, 2, 6))]) for _ in range(500)
    ]
    assert np.mean([np.min(family) <= 0.05 for family in families]) == pytest.approx(0.05, abs=0.03)


def test_mcnemar_errs_at_most_as_often_as_it_says():
    rng = np.random.default_rng(4)
    labels = np.zeros(400, dtype=int)
    runs = (rng.random((2, 400)) < 0.4 for _ in range(500))
    assert np.mean([s.mcnemar(*run, labels).p <= 0.05 for run in runs]) <= 0.07


# --------------------------------------------------------------------------------------------
# In plain words


def sentence(first, second, **others):
    comparison = s.compare_all({"dropout .25": first, "dropout .5": second, **others})[0]
    return s.describe_comparison(comparison)


def limit(first, second, **others):
    comparison = s.compare_all({"a": first, "b": second, **others})[0]
    return s.describe_limit(comparison)


def test_settings_that_differ_say_by_how_much_at_least():
    said = sentence(A, B)
    low, high = s.welch(A, B).interval
    assert said.startswith("On average dropout .25 is above dropout .5 by .0960, by at least ")
    assert f"at least {s.as_share(low)} and at most {s.as_share(high)}" in said
    assert said.endswith("exact permutation test, p = .0079).")
    assert sentence(B, A).startswith("On average dropout .5 is above dropout .25 by .0960")
    assert "by Holm over all 3 pairs" in sentence(A, B, third=A)


def test_settings_that_cannot_be_told_apart_say_so():
    said = sentence([0.50, 0.54, 0.46], [0.51, 0.47, 0.55])
    assert said.startswith(
        "No difference can be told between dropout .5 and dropout .25: the mean of dropout .5 is "
        "higher by .0100, and the true difference may be anything between -"
    )
    low, high = s.welch([0.51, 0.47, 0.55], [0.50, 0.54, 0.46]).interval
    assert f"between {s.as_share(low)} and {s.as_share(high)} (" in said
    assert "each needs two or more" in sentence(A, [0.5])
    assert "they do not differ" in sentence([0.5, 0.5], [0.5, 0.5])
    assert "they differ by .1000" in sentence([0.5, 0.5], [0.4, 0.4])


def test_what_so_few_seeds_can_tell():
    said = "With 5 against 5 seeds the permutation test cannot go below p = .0079"
    assert limit(A, B) == f"{said}."
    many = {str(i): A for i in range(4)}
    assert (
        limit(A, B, **many) == f"{said}: alone it can call no difference over 15 pairs significant."
    )
    assert "below p = .100: alone it can call no difference significant." in limit(A[:3], B[:3])


def test_a_setting_in_words():
    assert s.describe(A).startswith("Over 5 seeds the mean is .5160, the standard deviation .0114")
    assert "the 95% t interval of the mean is .5018 to .5302." in s.describe(A)
    assert s.describe([0.5]).startswith("One seed, .5000: it does not say")
    assert s.describe([0.5, 0.5]) == "All 2 seeds gave .5000."


def test_single_runs_in_words():
    said = s.describe_mcnemar("a", "b", s.McNemar(320, 280, 3000, 0.11))
    assert "with 600 images in dispute a difference under .0167 is not significant" in said
    said = s.describe_mcnemar("a", "b", s.McNemar(250, 350, 3000, 0.00005))
    assert "p < .0001" in said and "This run of b is above this run of a by .0333" in said
    assert "too few to tell anything" in s.describe_mcnemar("a", "b", s.McNemar(1, 0, 3000, 1.0))


def test_numbers():
    written = [s.as_share(x) for x in (0.404, -0.01, 1, 10.25, 0)]
    assert written == [".4040", "-.0100", "1.0000", "10.2500", ".0000"]
    assert [s.p_value(p) for p in (0.00001, 2 / 252, 0.5)] == ["p < .0001", "p = .0079", "p = .500"]


def test_no_seed_is_ever_best():
    said = [s.describe(A), sentence(A, B), sentence(A, A)]
    assert not any(word in text for text in said for word in ("best", "worst", "winner"))
