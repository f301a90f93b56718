"""Question 3's convexity: gradients and curvature against differences, the descent against a solver,
what is invariant, and wrong formulas failing their claims."""

import importlib

import numpy as np
import pytest
from conftest import tiny_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import process
from theory import convexity as qc
from theory import convexity_checks
from theory.descent import descend, flat, like

script = importlib.import_module("hw1-q3")
examples = settings(deadline=None, max_examples=20)
seeds = st.integers(0, 2**32 - 1)


def problem(seed, n=12, features=7, n_classes=3, hidden_size=4):
    """Examples, labels, weights of logistic regression and an MLP, all random."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, features)), rng.integers(0, n_classes, n)
    mlp = qc.random_mlp(features, features, hidden_size, n_classes, rng)
    mlp = mlp._replace(b1=rng.normal(size=hidden_size), b2=rng.normal(size=n_classes))
    return X, y, rng.normal(size=n_classes * features), mlp


def slopes(cost, theta, step=1e-6):
    """The gradient by centred differences."""
    moves = np.eye(len(theta)) * step
    return np.array([(cost(theta + m)[0] - cost(theta - m)[0]) / (2 * step) for m in moves])


@examples
@given(seed=seeds)
def test_costs_and_gradients(seed):
    X, y, theta, mlp = problem(seed)
    losses = []
    for x, label in zip(X, y, strict=True):
        logits = theta.reshape(3, 7) @ x
        losses.append(np.log(np.sum(np.exp(logits))) - logits[label])
    cost, gradient = qc.logistic_regression_cost(theta, X, y, 3, 0.1)
    assert cost == pytest.approx(np.mean(losses) + 0.05 * np.sum(theta**2))
    expected = slopes(lambda t: qc.logistic_regression_cost(t, X, y, 3, 0.1), theta)
    np.testing.assert_allclose(gradient, expected, atol=1e-7)

    losses = []
    for x, label in zip(X, y, strict=True):
        logits = mlp.W2 @ np.maximum(mlp.W1 @ x + mlp.b1, 0) + mlp.b2
        losses.append(np.log(np.sum(np.exp(logits))) - logits[label])
    cost, gradient = qc.mlp_cost(flat(mlp), mlp, X, y, 0.1)
    assert cost == pytest.approx(np.mean(losses) + 0.05 * np.sum(flat(mlp) ** 2))
    expected = slopes(lambda t: qc.mlp_cost(t, mlp, X, y, 0.1), flat(mlp))
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_large_logits_do_not_overflow():
    loss, gradient = qc.cross_entropy(np.array([[1000.0, 0.0], [0.0, -1000.0]]), np.array([1, 0]))
    assert loss == 500
    assert gradient.tolist() == [[0.5, -0.5], [0, 0]]


@examples
@given(seed=seeds, l2_penalty=st.sampled_from([0.0, 0.3]))
def test_curvature_is_the_hessian_along_a_line(seed, l2_penalty):
    X, y, theta, _ = problem(seed)
    direction = np.random.default_rng(seed).normal(size=theta.shape)

    def slope(t):
        return qc.logistic_regression_cost(theta + t * direction, X, y, 3, l2_penalty)[1]

    expected = (slope(1e-5) - slope(-1e-5)) @ direction / 2e-5
    found = qc.curvature(theta, direction, X, 3, l2_penalty)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert found >= l2_penalty * direction @ direction


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_the_span_has_the_same_scores_and_norms(shape):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=shape), rng.normal(size=shape[1])
    small = qc.span_coordinates(X)
    assert small.shape == (shape[0], min(shape))
    np.testing.assert_allclose(small @ small.T, X @ X.T, atol=1e-12)
    weights = np.linalg.pinv(X) @ X @ weights  # its part in the span
    coordinates = np.linalg.lstsq(small, X @ weights, rcond=None)[0]
    assert np.linalg.norm(coordinates) == pytest.approx(np.linalg.norm(weights))


@examples
@given(seed=seeds)
def test_permuted_units_are_the_same_network(seed):
    X, y, _, mlp = problem(seed)
    order = np.random.default_rng(seed).permutation(4)
    permuted, cost = mlp.permuted(order), qc.mlp_cost(flat(mlp), mlp, X, y)[0]
    assert qc.mlp_cost(flat(permuted), mlp, X, y)[0] == pytest.approx(cost, abs=1e-12)
    assert all(map(np.array_equal, like(mlp, flat(mlp)), mlp))
    assert mlp.least_distance(permuted) == pytest.approx(0, abs=1e-12)
    moved = permuted._replace(b2=permuted.b2 + 1, b1=permuted.b1 + 1e-3)
    assert mlp.least_distance(moved) <= np.linalg.norm([*[1e-3] * 4, 1, 1, 1]) + 1e-12
    other = problem(seed + 1)[3]
    assert 0 < mlp.least_distance(other) <= np.linalg.norm(flat(mlp) - flat(other))
    every = [flat(mlp.permuted(np.roll(np.arange(4), i))) for i in range(4)]
    np.testing.assert_allclose(flat(mlp.mean_of_permutations()), np.mean(every, axis=0))


def test_the_descent_ends_at_the_minimum():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(9, 6))
    b = rng.normal(size=9)

    def squares(x):
        return np.sum((A @ x - b) ** 2), 2 * A.T @ (A @ x - b)

    end, costs = descend(squares, 100 * rng.normal(size=6), 500)
    np.testing.assert_allclose(end, np.linalg.lstsq(A, b, rcond=None)[0], atol=1e-9)
    assert np.all(np.diff(costs) <= 1e-12)
    assert len(costs) < 100
    assert len(descend(squares, np.ones(6), 3)[1]) == 4  # the start and three steps


def test_lines_by_hand():
    points = np.linspace(0, 1, 5)
    costs = qc.along_line(lambda x: (float(x @ x), None), np.array([-2.0]), np.array([2.0]), points)
    assert costs.tolist() == [4, 1, 0, 1, 4]
    assert qc.above_chord(costs, points).tolist() == [0, -3, -4, -3, 0]
    assert qc.above_chord(-costs + points, points).max() == 4


# --------------------------------------------------------------------------------------------
# The command


@pytest.fixture
def run(capsys, tmp_path):
    """run("-starts 2"): the exit status and the output on a tiny data set, figures in plots/."""
    np.savez(tmp_path / "tiny.npz", **tiny_arrays())

    def run(words=""):
        files = ["-data_path", str(tmp_path / "tiny.npz"), "-plots_dir", str(tmp_path / "plots")]
        sizes = "-hidden_size 3 -starts 3 -steps 300"
        status = script.main(["convexity", *files, *sizes.split(), *words.split()])
        return status, capsys.readouterr().out

    return run


def test_the_command(run, tmp_path):
    status, output = run()
    assert (status, output.count("PASS"), output.count("FAIL")) == (0, 15, 0)
    assert output.startswith("tiny: 60 training images of 90 pixels, 3 classes\n")
    names = [path.name for path in (tmp_path / "plots").iterdir()]
    assert len(names) == 2
    assert all(name.startswith("Q3-convexity-data-tiny-") for name in names)
    assert {name.rpartition("-")[2] for name in names} == {"mlp.pdf", "regression.pdf"}


def concave_in_the_middle(theta, X, y, n_classes, l2_penalty=0.0):
    """Logistic regression's cost with its sign turned."""
    cost, gradient = right_cost(theta, X, y, n_classes, l2_penalty)
    return -cost, -gradient


right_cost = qc.logistic_regression_cost
curvature = qc.curvature


@pytest.mark.parametrize(
    ("function", "wrong", "claim"),
    [
        ("logistic_regression_cost", concave_in_the_middle, "no second difference is negative"),
        ("logistic_regression_cost", concave_in_the_middle, "nowhere above the chord"),
        ("curvature", lambda *a: 1.001 * curvature(*a), "is the mean variance"),
        ("curvature", lambda *a: -curvature(*a), "which is never negative"),
        ("descend", lambda cost, theta, steps: (theta, np.array([cost(theta)[0]])), "the ends'"),
        ("mlp_cost", lambda t, *_: (float(t @ t), 2 * t), "the cost rises above the chord"),
        ("mlp_cost", lambda t, *_: (float(t @ t), 2 * t), "on the line between the two"),
        ("mlp_cost", lambda t, *_: (float(t @ t), 2 * t), "the ends' costs differ"),
        ("mlp_cost", lambda t, *_: (float(t @ t), 2 * t), "the mean of all permutations"),
    ],
)
def test_a_wrong_formula_fails_its_claim(monkeypatch, run, function, wrong, claim):
    for name in ("plot_logistic_regression", "plot_mlp"):
        monkeypatch.setattr(convexity_checks, name, lambda *arguments: None)
    monkeypatch.setattr(script, "save_figure", lambda figure, path: None)
    monkeypatch.setattr(convexity_checks if function == "descend" else qc, function, wrong)
    status, output = run("-starts 2 -steps 50")
    assert status == 1
    assert "FAIL" in [line.split()[-1] for line in output.splitlines() if claim in line]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-data_path no-such.npz", "no-such.npz: no such file"),
        ("-starts 1", "-starts"),
        ("-examples 1", "-examples"),
        ("-hidden_size 1", "-hidden_size"),
        ("-l2_penalty 0", "-l2_penalty"),
        ("-draws 3", "-draws"),
        ("-examples 200000", "-examples must be from 2 to 111111, not 200000"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, run, words, said):
    with pytest.raises(SystemExit) as stopped:
        process.run_script(lambda _: run(words))
    out, err = capsys.readouterr()
    assert (stopped.value.code, out, err.count("\n")) == (2, "", 1)
    assert said in err
