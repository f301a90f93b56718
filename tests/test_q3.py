"""Question 3: the formulas against plain loops and other solvers, and the commands as users run them."""

import itertools
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, run_script, started
from hypothesis import given, settings
from hypothesis import strategies as st

import utils

q3 = utils.load_script("hw1-q3.py")

examples = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def intervals(draw, largest_D=9):
    D = draw(st.integers(1, largest_D))
    A = draw(st.integers(-D - 4, D + 4))
    return D, A, draw(st.integers(A, D + 5))


def run_main(capsys, *arguments):
    """main() in this process: its exit status and what it printed."""
    status = q3.main([str(argument) for argument in arguments])
    return status, capsys.readouterr().out


def verdicts(output, claim):
    """PASS or FAIL of every printed claim that contains `claim`."""
    return [line.split()[-1] for line in output.splitlines() if claim in line]


# --------------------------------------------------------------------------------------------
# quadratic


def test_phi_by_hand():
    assert q3.phi(np.array([[3.0, 5.0]])).tolist() == [[1, 3, 5, 9, 30, 25]]


def test_a_theta_and_c_theta_by_hand():
    # z = 2 x1 - x2 + 3 and h = z - z^2, then y = 10 - 2 h.
    theta = q3.Theta(np.array([[2.0, -1.0]]), np.array([3.0]), np.array([-2.0]), np.array(10.0))
    assert q3.A_Theta(theta).tolist() == [[-6, -10, 5, -4, 2, -1]]
    assert q3.c_Theta(theta).tolist() == [22, 20, -10, 8, -4, 2]


@examples
@given(D=st.integers(1, 6), K=st.integers(1, 8), seed=seeds)
def test_network_is_linear_in_phi(D, K, seed):
    rng = np.random.default_rng(seed)
    theta, x = q3.random_theta(D, K, rng), rng.normal(size=D)
    h = []
    for w, b in zip(theta.W, theta.b, strict=True):
        z = sum(w[i] * x[i] for i in range(D)) + b
        h.append(z * (1 - z))
    features = q3.phi(x[None])[0]
    assert features.shape == ((D + 1) * (D + 2) // 2,)
    np.testing.assert_allclose(q3.A_Theta(theta) @ features, h, rtol=1e-10, atol=1e-10)
    y = theta.v0 + sum(v * value for v, value in zip(theta.v, h, strict=True))
    np.testing.assert_allclose(q3.c_Theta(theta) @ features, y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(q3.network(x[None], theta)[0], y, rtol=1e-10, atol=1e-10)


@examples
@given(data=st.data(), D=st.integers(1, 5), spare=st.integers(0, 3))
def test_any_c_is_reached_with_enough_units(data, D, spare):
    # Whole numbers make M singular, or zero, in many of the cases.
    entry = st.one_of(st.integers(-2, 2), st.floats(-10, 10))
    F = q3.n_features(D)
    c = np.array(data.draw(st.lists(entry, min_size=F, max_size=F)), dtype=float)
    theta = q3.recover_theta(c, D, D + spare)
    assert theta.W.shape == (D + spare, D)
    assert np.linalg.norm(q3.c_Theta(theta) - c) <= q3.EPSILON


def test_a_singular_m_is_approached_as_near_as_asked():
    c = np.array([0.0, 1, 0, 0, 0, 0])  # y = x1: M = 0, and no two units reach it exactly
    misses = [
        np.linalg.norm(q3.c_Theta(q3.recover_theta(c, 2, 2, epsilon)) - c)
        for epsilon in (1e-1, 1e-3, 1e-5)
    ]
    assert all(
        0 < miss <= epsilon for miss, epsilon in zip(misses, (1e-1, 1e-3, 1e-5), strict=True)
    )


@examples
@given(seed=seeds)
def test_the_printed_procedure_reaches_minus_c3(seed):
    rng = np.random.default_rng(seed)
    c = q3.c_Theta(q3.random_theta(4, 6, rng))
    printed = q3.c_Theta(q3.recover_theta(c, 4, 6, matrix=q3.matrix_as_printed))
    np.testing.assert_allclose(printed[5:], -c[5:], atol=1e-5)
    np.testing.assert_allclose(printed[:5], c[:5], atol=1e-5)


@examples
@given(D=st.integers(2, 6), data=st.data(), seed=seeds)
def test_no_theta_is_nearer_than_the_bounds(D, data, seed):
    K = data.draw(st.integers(1, D - 1))
    rng = np.random.default_rng(seed)
    theta = q3.random_theta(D, K, rng)
    reachable = q3.c_Theta(theta)
    assert q3.distance_bounds(reachable, D, K)[0] <= 1e-9 * np.linalg.norm(reachable)

    # Near a reachable c the bounds are small but must still hold.
    c = reachable + 0.1 * rng.normal(size=len(reachable))
    bound, plain_bound = q3.distance_bounds(c, D, K)
    assert 0 < bound <= q3.frobenius_norm(reachable - c, D)
    assert 0 < plain_bound <= np.linalg.norm(reachable - c)
    near = q3.nearest_reachable(c, D, K, rng)
    nearest = q3.frobenius_norm(near - c, D)
    assert bound - 1e-9 <= nearest
    assert q3.distance_bounds(near, D, K)[0] <= 1e-7  # it is in the reachable set's closure


@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_nearest_with_one_unit_and_two_inputs_against_a_grid(seed):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=6)
    nearest = q3.frobenius_norm(q3.nearest_reachable(c, 2, 1, rng) - c, 2)
    angle = np.linspace(0, np.pi, 20_001)
    u = np.stack([np.cos(angle), np.sin(angle)])
    c2, M = c[1:3], np.array([[-c[3], -c[4]], [-c[4], -c[5]]])
    kept = (c2 @ u) ** 2 + np.einsum("ia,ij,ja->a", u, M, u) ** 2
    assert nearest == pytest.approx(math.sqrt(c2 @ c2 + np.sum(M**2) - kept.max()), abs=1e-6)


def test_frobenius_norm_counts_a_pair_twice():
    c = np.array([1.0, 0, 0, 0, 3.0, 0])
    assert q3.frobenius_norm(c, 2) == pytest.approx(math.sqrt(1 + 2 * 9))


def centred_difference(loss, theta, step=1e-6):
    gradient = []
    for index, parameter in enumerate(theta):
        slope = np.zeros_like(parameter)
        for entry in np.ndindex(parameter.shape):
            values = []
            for sign in (1, -1):
                moved = [np.array(p, dtype=float) for p in theta]
                moved[index][entry] += sign * step
                values.append(loss(q3.Theta(*moved)))
            slope[entry] = (values[0] - values[1]) / (2 * step)
        gradient.append(slope)
    return q3.Theta(*gradient)


@pytest.mark.parametrize("which", ["regression", "distance", "plain distance"])
def test_gradients_against_centred_differences(which):
    rng = np.random.default_rng(3)
    theta, X, y = q3.random_theta(3, 4, rng), rng.normal(size=(7, 3)), rng.normal(size=7)
    c = rng.normal(size=q3.n_features(3))

    def loss_and_gradient(theta):
        if which == "regression":
            return q3.regression_loss(X, y, theta)
        return q3.distance_loss(c, theta, plain=which == "plain distance")

    loss, gradient = loss_and_gradient(theta)
    if which == "regression":
        assert loss == pytest.approx(np.mean((q3.network(X, theta) - y) ** 2))
    elif which == "distance":
        assert loss == pytest.approx(q3.frobenius_norm(q3.c_Theta(theta) - c, 3) ** 2 / 2)
    else:
        assert loss == pytest.approx(np.sum((q3.c_Theta(theta) - c) ** 2) / 2)
    numerical = centred_difference(lambda theta: loss_and_gradient(theta)[0], theta)
    for ours, theirs in zip(gradient, numerical, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@examples
@given(D=st.integers(1, 4), N=st.integers(1, 60), distinct=st.integers(1, 60), seed=seeds)
def test_fit_is_the_minimum_norm_least_squares_solution(D, N, distinct, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(distinct, D))
    rows = rng.integers(0, distinct, size=N)
    X, y = q3.phi(points[rows]), rng.normal(size=N)
    c, rank = q3.fit(X, y)
    assert rank == min(q3.n_features(D), len(set(rows.tolist())))
    if np.linalg.cond(X) < 1e4 or rank < X.shape[1]:
        best = np.linalg.pinv(X, rcond=1e-13) @ y
        np.testing.assert_allclose(X @ c, X @ best, atol=1e-6 * max(1, np.linalg.norm(best)))
        np.testing.assert_allclose(c, best, rtol=1e-5, atol=1e-5 * max(1, np.linalg.norm(best)))


def test_descent_only_goes_down_and_ends_at_least_squares():
    rng = np.random.default_rng(0)
    inputs, X, y = q3.regression_data(60, 2, rng)
    smallest = np.mean((X @ np.linalg.lstsq(X, y, rcond=None)[0] - y) ** 2)
    start = q3.random_theta(2, 4, rng)
    _, losses = q3.descend(lambda theta: q3.regression_loss(inputs, y, theta), start, 3000)
    assert np.all(np.diff(losses) <= 0)
    assert losses[0] > 2 * smallest
    assert losses[-1] == pytest.approx(smallest, rel=1e-6)
    assert losses[-1] >= smallest * (1 - 1e-12)


quick = ("quadratic", "-D", 3, "-K", 4, "-draws", 10, "-steps", 50)


@pytest.fixture
def without_figures(monkeypatch):
    for function in ("plot_descent", "plot_obstruction", "plot_square", "plot_network", "save"):
        monkeypatch.setattr(q3, function, lambda *arguments: None)


def test_a_claim_about_nan_fails(capsys):
    claims = q3.Claims()
    claims.within("error", q3.largest(0.0, np.nan, 0.0), 1e-9)
    claims.at_least("gap", np.nan, 1)
    claims.none_wrong("nothing was tried", 0, 0)
    claims.within("within", 1e-10, 1e-9)
    assert claims.failed == 3
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [
        *("FAIL", "FAIL", "FAIL", "PASS")
    ]


def wrong_by_little(theta, right=q3.A_Theta):
    A = right(theta)
    A[:, -1] *= 1.0005
    return A


@pytest.mark.parametrize(
    "function, wrong, claim",
    [
        ("matrix_of", q3.matrix_as_printed, "any c: ||c_Theta - c||"),
        ("matrix_of", q3.matrix_as_printed, "M singular"),
        ("A_Theta", wrong_by_little, "h = A_Theta phi(x)"),
        ("c_Theta", lambda theta: q3.A_Theta(theta).T @ theta.v, "y = c_Theta^T phi(x)"),
        ("closed_form", lambda X, y: 1.001 * np.linalg.lstsq(X, y)[0], "is the solver's c"),
        ("closed_form", lambda X, y: np.full(X.shape[1], np.nan), "is the solver's c"),
        ("fit", lambda X, y: (np.linalg.lstsq(X, y)[0] + 1e-3, 3), "repeated examples"),
        ("matrix_as_printed", q3.matrix_of, "as printed: ||c_Theta - c||"),
        ("nearest_reachable", lambda c, D, K, rng: 0 * c, "no random or descended Theta is nearer"),
        ("nearest_reachable", lambda c, D, K, rng: c, "nearer than the lower bounds"),
        ("mean_squared_error", lambda prediction, y: 1e9, "no descent goes below it"),
        ("network", lambda X, theta: X @ theta.W[0], "y is not linear in Theta"),
    ],
)
@pytest.mark.usefixtures("without_figures")
def test_a_wrong_formula_fails_its_claim(monkeypatch, capsys, tmp_path, function, wrong, claim):
    monkeypatch.setattr(q3, function, wrong)
    status, output = run_main(capsys, *quick, "-plots_dir", tmp_path)
    assert status == 1
    assert "FAIL" in verdicts(output, claim)


@pytest.mark.usefixtures("without_figures")
def test_the_right_formulas_pass_those_claims(capsys, tmp_path):
    status, output = run_main(capsys, *quick, "-plots_dir", tmp_path)
    assert status == 0
    assert "FAIL" not in output
    again = run_main(capsys, *quick, "-plots_dir", tmp_path)[1]
    assert output == again
    other = run_main(capsys, *quick, "-plots_dir", tmp_path, "-seed", 43)[1]
    assert output.replace("seed 42", "seed 43") != other


# --------------------------------------------------------------------------------------------
# interval


def every_input(D):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=D)))


def labels(X, A, B):
    return np.array([1 if A <= sum(x) <= B else -1 for x in X.tolist()])


@examples
@given(intervals())
def test_both_networks_are_f_and_robust(case):
    D, A, B = case
    X = every_input(D)
    y = labels(X, A, B)
    assert np.array_equal(q3.f(X, A, B), y)
    lo, hi = q3.reachable_interval(D, A, B)
    inside = [s for s in range(-D, D + 1, 2) if A <= s <= B]
    assert inside == [s for s in range(-D, D + 1, 2) if lo <= s <= hi]
    if inside:
        assert (lo, hi) == (inside[0], inside[-1])

    rng = np.random.default_rng(D)
    eta = q3.weight_margin(D)
    for network in (q3.sign_network(D, lo, hi), q3.relu_network(D, lo, hi)):
        assert network.W.shape == (2, D)
        assert np.array_equal(network(X), y)
        assert q3.input_margin(network, X) >= 1
        assert q3.output_margin(network, X) >= 1
        # All of a perturbation of size just below 1 on one input, either way: the worst there is.
        for way in (-0.999, 0.999):
            moved = X.copy()
            moved[:, 0] += way
            assert np.array_equal(network(moved), y)
        corner = q3.Network(
            network.activation,
            *(p + 0.999 * eta * rng.choice([-1, 1], size=np.shape(p)) for p in network[1:]),
        )
        assert np.array_equal(corner(X), y)


@examples
@given(intervals())
def test_a_certificate_exists_exactly_when_no_perceptron_does(case):
    D, A, B = case
    lo, hi = q3.reachable_interval(D, A, B)
    certificate = q3.farkas_certificate(D, lo, hi)
    X = every_input(D)
    y = labels(X, A, B)
    if certificate is None:
        w, b = q3.single_perceptron(D, lo, hi)
        assert np.array_equal(np.where(X @ w + b >= 0, 1, -1), y)
        assert np.min(np.abs(X @ w + b)) >= 1
    else:
        positives, negatives = certificate
        assert set(np.abs(np.vstack(certificate)).ravel().tolist()) == {1}
        assert labels(positives, A, B).tolist() == [1, 1]
        assert labels(negatives, A, B).tolist() == [-1, -1]
        assert np.array_equal(positives.sum(axis=0), negatives.sum(axis=0))


@examples
@given(intervals(largest_D=3))
def test_the_perceptron_stops_exactly_when_there_is_no_certificate(case):
    D, A, B = case
    X = every_input(D).astype(int)
    _, since, mistakes = q3.perceptron_states(X, labels(X, A, B), epochs=500)
    assert since is not None
    separable = q3.farkas_certificate(D, *q3.reachable_interval(D, A, B)) is None
    assert separable == (mistakes == 0)


def test_the_square_by_hand():
    X, y = q3.square()
    assert sorted(zip(X.tolist(), y.tolist(), strict=True)) == [
        ([-1, -1], -1),
        ([-1, 1], 1),
        ([1, -1], 1),
        ([1, 1], -1),
    ]
    states, since, mistakes = q3.perceptron_states(X, y)
    # Mistakes on each of (1, 1), (1, -1), (-1, 1), (-1, -1) in turn, from (w1, w2, b) = 0.
    assert states == [(0, 0, 0), (-1, -1, -1), (0, -2, 0), (-1, -1, 1), (0, 0, 0)]
    assert (since, mistakes) == (0, 4)


@pytest.mark.parametrize("D", [1, 2, 7, 17])
def test_all_inputs_are_each_input_once_in_bounded_chunks(D):
    chunks = list(q3.all_inputs(D))
    assert max(chunk.size for chunk in chunks) <= q3.CHUNK_ENTRIES
    X = np.concatenate(chunks)
    assert X.shape == (2**D, D)
    assert set(np.unique(X).tolist()) == {-1, 1}
    assert len(set(((X > 0) @ 2 ** np.arange(D)).tolist())) == 2**D


def test_sampled_inputs_hold_the_boundary_sums_in_bounded_chunks():
    chunks = list(q3.sampled_inputs(50, -4, 8, np.random.default_rng(0)))
    assert max(chunk.size for chunk in chunks) <= q3.CHUNK_ENTRIES
    sums = np.concatenate([chunk.sum(axis=1) for chunk in chunks])
    assert {-50, -6, -4, 8, 10, 50} <= set(sums[:6].tolist())
    assert set(np.unique(np.concatenate([np.unique(chunk) for chunk in chunks]))) == {-1, 1}
    again = np.concatenate(list(q3.sampled_inputs(50, -4, 8, np.random.default_rng(0))))
    assert np.array_equal(np.concatenate(chunks), again)


def thresholds_at_the_ends(D, lo, hi):
    right = q3.Network(q3.sign, np.vstack([np.ones(D), -np.ones(D)]), None, np.ones(2), -1.0)
    return right._replace(b=np.array([-lo, hi], dtype=float))


def relu_off_by_one(D, lo, hi):
    W = np.vstack([-np.ones(D), np.ones(D)])
    return q3.Network(q3.relu, W, np.array([lo, 2.0 - hi]), -np.ones(2), 1.0)


@pytest.mark.parametrize(
    "function, wrong, claim",
    [
        ("sign_network", thresholds_at_the_ends, "margin: how far sum x may move"),
        ("relu_network", relu_off_by_one, "relu network = f"),
        ("weight_margin", lambda D: 10 / (2 * D + 6), "weights perturbed"),
        ("input_margin", lambda network, X: 1.5, "inputs perturbed"),
        ("input_margin", lambda network, X: np.nan, "margin: how far sum x may move"),
        ("f", lambda X, A, B: np.ones(len(X), dtype=int), "p, q are positive"),
        ("farkas_certificate", lambda D, lo, hi: (np.ones((2, D), int),) * 2, "p, q are"),
        ("perceptron_states", lambda X, y: ([(0, 0, 0)] * 5, 0, 0), "the perceptron's weights"),
    ],
)
@pytest.mark.usefixtures("without_figures")
def test_a_wrong_network_fails_its_claim(monkeypatch, capsys, tmp_path, function, wrong, claim):
    command = ("interval", "-D", 6, "-A", -2, "-B", 2, "-draws", 30, "-plots_dir", tmp_path)
    status, output = run_main(capsys, *command)
    assert status == 0
    assert set(verdicts(output, claim)) == {"PASS"}
    monkeypatch.setattr(q3, function, wrong)
    status, output = run_main(capsys, *command)
    assert status == 1
    assert "FAIL" in verdicts(output, claim)


def test_a_wrong_single_perceptron_fails(monkeypatch, capsys, tmp_path):
    command = ("interval", "-D", 5, "-A", 1, "-B", 9, "-draws", 5, "-plots_dir", tmp_path)
    status, output = run_main(capsys, *command)
    assert status == 0
    assert "separable by one perceptron: the interval touches" in output
    monkeypatch.setattr(q3, "single_perceptron", lambda D, lo, hi: (np.ones(D), 1.0))
    status, output = run_main(capsys, *command)
    assert status == 1
    assert "FAIL" in verdicts(output, "f(x) = sign(")


# --------------------------------------------------------------------------------------------
# The commands, as a user runs them


def test_quadratic_command(tmp_path):
    done = run_script("hw1-q3.py", "quadratic", "-D", 5, "-K", 8, "-plots_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "FAIL" not in done.stdout
    assert done.stdout.count("PASS") >= 20
    assert done.stdout.endswith("every claim holds\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Q3-quadratic-D-5-K-8-gradient-descent.pdf",
        "Q3-quadratic-D-5-K-8-out-of-reach.pdf",
    ]
    assert all(path.read_bytes().startswith(b"%PDF") for path in tmp_path.iterdir())


def test_interval_command_in_two_formats(tmp_path):
    folder = tmp_path / "new" / "plots"
    done = run_script(
        *("hw1-q3.py", "interval", "-D", 6, "-A", -2, "-B", 3),
        *("-plots_dir", folder, "-plot_format", "pdf", "png"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "FAIL" not in done.stdout
    assert "sign network = f on all 2^6 inputs" in done.stdout
    assert "not separable: sums on both sides" in done.stdout
    names = {path.name for path in folder.iterdir()}
    assert names == {
        f"Q3-interval-D-{which}.{ending}"
        for which in ("2-A--1-B-1-not-separable", "6-A--2-B-3-networks")
        for ending in ("pdf", "png")
    }


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("interval", "-D", 5, "-A", -9, "-B", -1), "separable by one perceptron: the interval"),
        (("interval", "-D", 4, "-A", 1, "-B", 1), "no sum is in the interval"),
        (("interval", "-D", 1, "-A", -1, "-B", 1), "separable by one perceptron"),
        (("interval", "-D", 3, "-A", 4, "-B", 1000), "no sum is in the interval"),
        (("interval", "-D", 30, "-A", -4, "-B", 0), "the sampled inputs"),
        (("quadratic", "-D", 1, "-K", 1, "-steps", 20), "with D = 1 there is no such K"),
        (("quadratic", "-D", 4, "-K", 2, "-steps", 20), "K = 1..2: sigma_K+1"),
        (("quadratic", "-D", 3, "-K", 3, "-steps", 20, "-examples", 4), "X has rank 4 < 10"),
    ],
)
def test_edge_cases_hold_and_say_so(capsys, tmp_path, arguments, said):
    status, output = run_main(capsys, *arguments, "-draws", 20, "-plots_dir", tmp_path)
    assert status == 0
    assert said in output
    assert "FAIL" not in output


@pytest.mark.parametrize(
    "arguments, said",
    [
        ("", "question"),
        ("cubic", "cubic"),
        ("interval -D 4 -A 2 -B 1", "-A 2"),
        ("interval -D 4 -A 0.5 -B 1", "0.5"),
        ("interval -D 4 -A -2.5 -B 1", "-2.5"),
        ("interval -D 4 -A 0 -B one", "one"),
        ("interval -D 0 -A 0 -B 1", "-D"),
        ("interval -D -3 -A 0 -B 1", "-D"),
        ("interval -D 2.0 -A 0 -B 1", "2.0"),
        ("interval -D 1000000000 -A 0 -B 1", "-D"),
        ("interval -D 4 -A -1e3 -B 1", "-A"),
        ("interval -D 4 -A 0 -B 99999999999999999999", "-B"),
        ("quadratic -D 0 -K 3", "-D"),
        ("quadratic -D 3 -K 0", "-K"),
        ("quadratic -D 100000 -K 3", "-D"),
        ("quadratic -D 3 -K 1000000000", "-K"),
        ("quadratic -D 3 -K 4 -examples 100000000000", "-examples"),
        ("quadratic -D 3 -K 4 -examples 0", "-examples"),
        ("quadratic -D 3 -K 4 -draws 0", "-draws"),
        ("quadratic -D 3 -K 4 -steps 0", "-steps"),
        ("quadratic -D 3 -K 4 -seed -1", "-seed"),
        ("quadratic -D 3 -K 4 -plot_format bmp", "bmp"),
        ("interval -D 3 -A 0 -B 1 -plots_dir README-is-a-file/plots", "plots_dir"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README-is-a-file").write_text("")
    with pytest.raises(SystemExit) as stopped:
        utils.run_script(lambda: q3.main(arguments.split()))
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    assert err.count("\n") == 1 and err.endswith("\n")
    assert said in err
    assert [path.name for path in tmp_path.rglob("*.p*")] == []


def test_bad_input_as_a_user_sees_it():
    done = run_script("hw1-q3.py", "interval", "-D", 6, "-A", 3, "-B", -2)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("hw1-q3.py") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_each_signal_has_its_exit_status(tmp_path, name, status):
    arguments = ["interval", "-D", 20, "-draws", 100_000, "-plots_dir", tmp_path]
    with started("hw1-q3.py", *arguments) as process:
        process.stdout.readline()
        process.send_signal(signal.Signals[name])
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, "stopped; there was nothing to keep\n")


def test_numpy_is_all_it_needs():
    code = (
        "import sys; sys.path.insert(0, '.'); import utils; utils.load_script('hw1-q3.py');"
        "print({'torch', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
