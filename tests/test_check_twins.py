"""The inputs that check.py sends tell every pair of twins apart, by far more than rounding."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from checks import experiments, explain, judge_linear, judge_mlp, mistakes, mistakes_l2, twins
from checks.mistakes_loss import right_loss
from checks.observed import Call

EDITIONS = list(experiments.CLASSES)
RIGHT = {**judge_linear.TEXTBOOKS, "mlp": twins.MLP()}

# Twins of two entries that are one and the same: each can be written as the other.
SAME = {
    frozenset({"no_update", "lr_ignored"}),  # a learning rate of 0
    frozenset({"weights_overwritten", "no_update"}),
}


def steps_of(role, n_classes):
    """[(weights, x, y, rate, penalty)] of the single steps a submission is asked to make."""
    if role == "mlp":
        checks = experiments.mlp_checks(n_classes)
    else:
        checks = experiments.linear_checks(role, n_classes, experiments.PENALTY)
    (single,) = [check for check in checks if check["key"] == f"{role}/single"]
    found = []
    for asked in single["calls"]:
        call = Call(asked, None, None, {}, None, {})
        weights = {name: np.array(value) for name, value in asked["set"].items()}
        if role != "mlp":
            weights = {"W": weights["W"]}
        found.append((weights, call.X[0], int(call.y[0]), call.rate, call.penalty))
    return found


def course_of(textbook, steps):
    with np.errstate(all="ignore"):
        return [textbook.step(*step) for step in steps]


def agree(first, second, steps):
    return all(
        explain.agree(a, b, step[0]) for a, b, step in zip(first, second, steps, strict=True)
    )


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("role", ["perceptron", "logistic_regression", "mlp"])
def test_steps_separate_every_pair_of_twins(role, edition):
    steps = steps_of(role, experiments.CLASSES[edition])
    right = course_of(RIGHT[role], steps)
    made = []
    for entry, change in mistakes.changes(role):
        if entry.fitted:
            continue
        with np.errstate(all="ignore"):
            course = course_of(replace(RIGHT[role], **change), steps)
        assert not agree(course, right, steps), f"{entry.id} is not told from the right twin"
        made.append((entry.id, course))
    for (one, first), (other, second) in combinations(made, 2):
        if one != other and frozenset({one, other}) not in SAME:
            assert not agree(first, second, steps), f"{one} is not told from {other}"


@pytest.mark.parametrize("role", ["perceptron", "logistic_regression", "mlp"])
def test_steps_are_of_every_kind(role):
    """Every class is gold, class 0 too; predictions right and wrong; units live and dead."""
    steps = steps_of(role, 6)
    gold = [step[2] for step in steps]
    predicted = [int(np.argmax(RIGHT[role].scores(step[0], step[1]))) for step in steps]
    assert set(gold) == set(range(6))
    assert any(a != b for a, b in zip(gold, predicted, strict=True))
    assert len({step[3] for step in steps}) == 2
    assert all((step[1] < 0).any() and (step[1] > 0).any() for step in steps)
    if role == "mlp":
        for weights, x, *_ in steps:
            z = weights["W1"] @ x + weights["b1"]
            assert 2 < (z > 0).sum() < len(z) - 2
    else:
        assert any(a == b for a, b in zip(gold, predicted, strict=True))


@pytest.mark.parametrize("edition", EDITIONS)
def test_epochs_separate_every_pair_of_loss_twins(edition):
    calls = experiments.mlp_epochs(experiments.CLASSES[edition])
    epochs, courses = [], []
    for asked in calls:
        call = Call(asked, None, None, {}, None, {})
        weights = {name: np.array(value) for name, value in asked["set"].items()}
        epochs.append((weights, call.X, call.y, call.rate, 0.0, None))
        courses.append(explain.course(RIGHT["mlp"], weights, call.X, call.y, call.rate, 0.0))

    def values(twin):
        pairs = zip(courses, epochs, strict=True)
        return [float(twin(RIGHT["mlp"], c, e[1], [int(k) for k in e[2]])) for c, e in pairs]

    made = [("right", right_loss)]
    made += [(e.id, t) for e in mistakes.TABLE.values() for t in e.twins.get("mlp_loss", ())]
    for (one, first), (other, second) in combinations(made, 2):
        if one != other:
            given = values(second)
            scale = judge_mlp.loss_scale(first, RIGHT["mlp"], courses, epochs, given)
            assert scale is None, f"{other} is not told from {one}"


def test_penalties_are_separate():
    steps = steps_of("logistic_regression", 6)
    right = RIGHT["logistic_regression"]
    stepped = course_of(right, [step[:4] for step in steps])

    def changes(twin):
        pairs = zip(steps, stepped, strict=True)
        return [twin(s[0]["W"], a["W"], s[3], experiments.PENALTY) + 0 * a["W"] for s, a in pairs]

    made = [("right", mistakes_l2.right_l2), ("right", mistakes_l2.after_the_step)]
    made += [(e.id, t) for e in mistakes_l2.TABLE for t in e.twins["logistic_regression_l2"]]
    for (one, first), (other, second) in combinations(made, 2):
        if one != other:
            pairs = zip(changes(first), changes(second), strict=True)
            largest = max(np.abs(a - b).max() for a, b in pairs)
            assert largest > 5e-3, f"{one} is not told from {other}"


def test_right_twins_follow_the_gradient():
    """One step of each textbook is a step down the cross-entropy, by centred differences."""
    for role in ("logistic_regression", "mlp"):
        weights, x, y, rate, _ = steps_of(role, 6)[0]
        after = RIGHT[role].step(weights, x, y, rate, 0.0)
        for name, value in weights.items():
            place = np.unravel_index(np.argmax(np.abs(after[name] - value)), value.shape)
            losses = []
            for sign in (1, -1):
                moved = {n: v.copy() for n, v in weights.items()}
                moved[name][place] += sign * 1e-6
                losses.append(twins.cross_entropy(RIGHT[role].scores(moved, x), y))
            slope = (losses[0] - losses[1]) / 2e-6
            assert after[name][place] - value[place] == pytest.approx(-rate * slope, rel=1e-5)


def test_entries_say_what_they_should():
    assert len(mistakes.TABLE) == sum(len(module.TABLE) for module in mistakes.TABLES)
    for entry in mistakes.TABLE.values():
        assert entry.severity in ("wrong", "fragile", "deviation")
        assert all(len(text) > 10 for text in (entry.title, entry.explanation, entry.hint))
        assert not entry.title.endswith(".")
