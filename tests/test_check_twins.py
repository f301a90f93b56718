"""The inputs that check.py sends tell every pair of twins apart, by far more than rounding."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from checks import experiments, explain, judge_mlp, mistakes, mistakes_l2, twins
from checks.explain import Run
from checks.mistakes_loss import right_loss

EDITIONS = list(experiments.CLASSES)
RIGHT = twins.TEXTBOOKS

# Twins of two entries that are one and the same: each can be written as the other.
SAME = {
    frozenset({"no_update", "lr_ignored"}),  # a learning rate of 0
    frozenset({"weights_overwritten", "no_update"}),
}


def runs_of(role, calls):
    """The training calls of a check as Runs, without what came of them."""
    names = ("W1", "b1", "W2", "b2") if role == "mlp" else ("W",)
    return [
        Run(
            {name: np.array(call["set"][name]) for name in names},
            np.array(call["X"]),
            np.array(call["y"]),
            call["hyper"]["learning_rate"],
            call["hyper"]["l2_penalty"],
        )
        for call in calls
    ]


def runs_of_check(role, name, n_classes):
    """What a submission is asked to do in a check of its training."""
    checks = experiments.model_checks(role, n_classes, penalised=role == "perceptron")
    (found,) = [check for check in checks if check["key"] == f"{role}/{name}"]
    return runs_of(role, found["calls"])


def steps_of(role, n_classes):
    return runs_of_check(role, "single", n_classes)


def ends_of(textbook, runs):
    return [explain.course(textbook, run)[-1] for run in runs]


def agree(first, second, runs):
    return all(
        explain.agree(a, b, run.before) for a, b, run in zip(first, second, runs, strict=True)
    )


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("role", ["perceptron", "logistic_regression", "mlp"])
def test_steps_separate_every_pair_of_twins(role, edition):
    steps = steps_of(role, experiments.CLASSES[edition])
    right = ends_of(RIGHT[role], steps)
    made = []
    for entry, change in mistakes.changes(role):
        if entry.fitted:
            continue
        ends = ends_of(replace(RIGHT[role], **change), steps)
        assert not agree(ends, right, steps), f"{entry.id} is not told from the right twin"
        made.append((entry.id, ends))
    for (one, first), (other, second) in combinations(made, 2):
        if one != other and frozenset({one, other}) not in SAME:
            assert not agree(first, second, steps), f"{one} is not told from {other}"


@pytest.mark.parametrize("role", ["perceptron", "logistic_regression", "mlp"])
def test_steps_are_of_every_kind(role):
    """Every class is gold, class 0 too; predictions right and wrong; units live and dead."""
    steps = steps_of(role, 6)
    gold = [int(run.y[0]) for run in steps]
    predicted = [int(np.argmax(RIGHT[role].scores(run.before, run.X[0]))) for run in steps]
    assert set(gold) == set(range(6))
    assert any(a != b for a, b in zip(gold, predicted, strict=True))
    assert len({run.rate for run in steps}) == 2
    assert all((run.X < 0).any() and (run.X > 0).any() for run in steps)
    if role == "mlp":
        for run in steps:
            z = run.before["W1"] @ run.X[0] + run.before["b1"]
            assert 2 < (z > 0).sum() < len(z) - 2
    else:
        assert any(a == b for a, b in zip(gold, predicted, strict=True))


@pytest.mark.parametrize("edition", EDITIONS)
def test_epochs_separate_every_pair_of_loss_twins(edition):
    epochs = runs_of_check("mlp", "epoch", experiments.CLASSES[edition])
    courses = [explain.course(RIGHT["mlp"], run) for run in epochs]

    def values(twin):
        pairs = zip(courses, epochs, strict=True)
        return [float(judge_mlp.loss_of(twin, RIGHT["mlp"], *pair)) for pair in pairs]

    made = [("right", right_loss)]
    made += [(entry.id, twin) for entry, twin in mistakes.changes("mlp_loss")]
    for (one, first), (other, second) in combinations(made, 2):
        if one != other:
            scale = judge_mlp.loss_scale(values(first), values(second), len(epochs[0].X))
            assert scale is None, f"{other} is not told from {one}"


def test_penalties_are_separate():
    steps = steps_of("logistic_regression", 6)
    stepped = ends_of(RIGHT["logistic_regression"], steps)

    def changes(twin):
        pairs = [
            (run.before["W"], end["W"], run.rate) for run, end in zip(steps, stepped, strict=True)
        ]
        return [twin(W, end, rate, experiments.PENALTY) + 0 * W for W, end, rate in pairs]

    made = [("right", mistakes_l2.right_l2), ("right", mistakes_l2.after_the_step)]
    made += [(entry.id, twin) for entry, twin in mistakes.changes("logistic_regression_l2")]
    for (one, first), (other, second) in combinations(made, 2):
        if one != other:
            pairs = zip(changes(first), changes(second), strict=True)
            largest = max(np.abs(a - b).max() for a, b in pairs)
            assert largest > 5e-3, f"{one} is not told from {other}"


def test_right_twins_follow_the_gradient():
    """One step of each textbook is a step down the cross-entropy, by centred differences."""
    for role in ("logistic_regression", "mlp"):
        run = steps_of(role, 6)[0]
        weights, x, y, rate = run.before, run.X[0], int(run.y[0]), run.rate
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
