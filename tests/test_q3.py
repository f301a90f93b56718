"""Question 3: the formulas against plain loops and other solvers, wrong formulas failing their
claims, and the commands as users run them."""

import importlib
import itertools
import math
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, run_script, started
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import process
from theory import claims, interval_checks, quadratic_checks
from theory import interval as qi
from theory import quadratic as qq
from theory.descent import descend, flat, like

script = importlib.import_module("hw1-q3")
examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def run(capsys, tmp_path):
    """run("quadratic -D 3"): main()'s exit status and what it printed; figures go to tmp_path."""

    def run(command):
        status = script.main([*command.split(), "-plots_dir", str(tmp_path)])
        return status, capsys.readouterr().out

    return run


@pytest.fixture
def no_figures(monkeypatch):
    for module in (quadratic_checks, interval_checks):
        for name in [name for name in vars(module) if name.startswith("plot_")]:
            monkeypatch.setattr(module, name, lambda *arguments: None)
    monkeypatch.setattr(script, "save_figure", lambda figure, path: None)


def verdicts(output, claim):
    """PASS or FAIL of every printed claim that contains `claim`."""
    return [line.split()[-1] for line in output.splitlines() if claim in line]


def test_a_claim_about_nan_fails(capsys):
    printed = claims.Claims()
    printed.within("error", [0.0, np.nan, 0.0], 1e-9)
    printed.at_least("gap", np.nan, 1)
    printed.at_least("gaps", [2, np.nan], 1)
    printed.none_wrong("nothing was tried", 0, 0)
    printed.within("within", [0.0, 1e-10], 1e-9)
    assert printed.failed == 4
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["FAIL", "FAIL", "FAIL", "FAIL", "PASS"]


# --------------------------------------------------------------------------------------------
# quadratic


def test_features_and_coefficients_by_hand():
    assert qq.phi(np.array([[3.0, 5.0]])).tolist() == [[1, 3, 5, 9, 30, 25]]
    # z = 2 x1 - x2 + 3 and h = z - z^2, then y = 10 - 2 h.
    theta = qq.Theta(np.array([[2.0, -1.0]]), np.array([3.0]), np.array([-2.0]), np.array(10.0))
    assert qq.A_Theta(theta).tolist() == [[-6, -10, 5, -4, 2, -1]]
    assert qq.c_Theta(theta).tolist() == [22, 20, -10, 8, -4, 2]
    c1, c2, M = qq.blocks(qq.c_Theta(theta), 2)
    assert (c1, c2.tolist(), M.tolist()) == (22, [20, -10], [[-8, 4], [4, -2]])  # M = W^T V W


@examples
@given(D=st.integers(1, 6), K=st.integers(1, 8), seed=seeds)
def test_network_is_linear_in_phi(D, K, seed):
    rng = np.random.default_rng(seed)
    theta, x = qq.random_theta(D, K, rng), rng.normal(size=D)
    z = [sum(w[i] * x[i] for i in range(D)) + b for w, b in zip(theta.W, theta.b, strict=True)]
    h = [value * (1 - value) for value in z]
    y = theta.v0 + sum(v * value for v, value in zip(theta.v, h, strict=True))
    features = qq.phi(x[None])[0]
    assert features.shape == ((D + 1) * (D + 2) // 2,)
    near = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(qq.A_Theta(theta) @ features, h, **near)
    np.testing.assert_allclose(qq.c_Theta(theta) @ features, y, **near)
    np.testing.assert_allclose(qq.network(x[None], theta)[0], y, **near)


@examples
@given(data=st.data(), D=st.integers(1, 5), spare=st.integers(0, 3))
def test_any_c_is_reached_with_enough_units(data, D, spare):
    # Whole numbers make M singular, or zero, in many of the cases.
    entry = st.one_of(st.integers(-2, 2), st.floats(-10, 10))
    F = qq.n_features(D)
    c = np.array(data.draw(st.lists(entry, min_size=F, max_size=F)), dtype=float)
    theta = qq.recover_theta(c, D, D + spare)
    assert theta.W.shape == (D + spare, D)
    assert np.linalg.norm(qq.c_Theta(theta) - c) <= qq.EPSILON


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3, 1e-5])
def test_a_singular_m_is_approached_as_near_as_asked(epsilon):
    c = np.array([0.0, 1, 0, 0, 0, 0])  # y = x1: M = 0, and no two units reach it exactly
    assert 0 < np.linalg.norm(qq.c_Theta(qq.recover_theta(c, 2, 2, epsilon)) - c) <= epsilon


@examples
@given(D=st.integers(1, 5), K=st.integers(1, 8), seed=seeds)
def test_the_printed_procedure_reaches_minus_c3(D, K, seed):
    c = qq.c_Theta(qq.random_theta(D, K, np.random.default_rng(seed)))
    reached = qq.c_Theta(qq.recover_theta(c, D, K, sign=1))
    np.testing.assert_allclose(reached, np.r_[c[: D + 1], -c[D + 1 :]], atol=1e-5)


@examples
@given(D=st.integers(2, 6), data=st.data(), seed=seeds)
def test_fewer_units_than_inputs_reach_a_matrix_of_lower_rank(D, data, seed):
    K, rng = data.draw(st.integers(1, D - 1)), np.random.default_rng(seed)
    M = qq.blocks(qq.c_Theta(qq.random_theta(D, K, rng)), D)[2]
    assert np.linalg.matrix_rank(M, tol=1e-9 * np.linalg.norm(M)) <= K
    # Any M of that rank is reached, to within epsilon of an eigenvalue of zero.
    W, v = rng.normal(size=(K, D)), rng.normal(size=K)
    c = np.concatenate([np.zeros(1 + D), -qq.vech(W.T @ np.diag(v) @ W)])
    assert np.linalg.norm(qq.c_Theta(qq.recover_theta(c, D, K)) - c) <= qq.EPSILON


def test_the_loss_and_its_gradient_against_centred_differences():
    rng = np.random.default_rng(3)
    theta, X, y = qq.random_theta(3, 4, rng), rng.normal(size=(7, 3)), rng.normal(size=7)
    loss, gradient = qq.regression_loss(X, y, theta)
    assert loss == pytest.approx(np.mean((qq.network(X, theta) - y) ** 2))
    vector, slopes = flat(theta), []
    for move in 1e-6 * np.eye(len(vector)):
        ends = [qq.regression_loss(X, y, like(theta, vector + m))[0] for m in (move, -move)]
        slopes.append((ends[0] - ends[1]) / 2e-6)
    np.testing.assert_allclose(flat(gradient), slopes, rtol=1e-6, atol=1e-6)


@examples
@given(D=st.integers(1, 4), N=st.integers(1, 60), distinct=st.integers(1, 60), seed=seeds)
def test_fit_is_the_minimum_norm_least_squares_solution(D, N, distinct, seed):
    rng = np.random.default_rng(seed)
    points, rows = rng.normal(size=(distinct, D)), rng.integers(0, distinct, size=N)
    X, y = qq.phi(points[rows]), rng.normal(size=N)
    c, rank = qq.fit(X, y)
    assert rank == min(qq.n_features(D), len(set(rows.tolist())))
    if np.linalg.cond(X) < 1e4 or rank < X.shape[1]:
        best = np.linalg.pinv(X, rcond=1e-13) @ y
        size = max(1, np.linalg.norm(best))
        np.testing.assert_allclose(X @ c, X @ best, atol=1e-6 * size)
        np.testing.assert_allclose(c, best, rtol=1e-5, atol=1e-5 * size)


def test_descent_only_goes_down_and_ends_at_least_squares():
    rng = np.random.default_rng(0)
    inputs, X, y = quadratic_checks.regression_data(60, 2, rng)
    smallest = np.mean((X @ np.linalg.lstsq(X, y, rcond=None)[0] - y) ** 2)
    start = qq.random_theta(2, 4, rng)

    def loss(vector):
        value, gradient = qq.regression_loss(inputs, y, like(start, vector))
        return value, flat(gradient)

    end, losses = descend(loss, flat(start), 3000)
    assert losses[-1] == qq.regression_loss(inputs, y, like(start, end))[0]
    assert np.all(np.diff(losses) <= 0)
    assert losses[0] > 2 * smallest
    assert losses[-1] == pytest.approx(smallest, rel=1e-6)
    assert losses[-1] >= smallest * (1 - 1e-12)


A_Theta, blocks = qq.A_Theta, qq.blocks
WRONG_FORMULAS = [
    ("blocks", lambda c, D, sign=-1: blocks(c, D, 1), "any c is reached: ||c_Theta - c||"),
    ("blocks", lambda c, D, sign=-1: blocks(c, D, 1), "where M is singular"),
    ("blocks", lambda c, D, sign=-1: blocks(c, D, 1), "with c3 = -vech(M)"),
    ("blocks", lambda c, D, sign=-1: blocks(c, D, -1), "the sign alone explains the miss"),
    ("A_Theta", lambda theta: A_Theta(theta) * [1, 1, 1, 1, 1, 1.0005], "h = A_Theta phi(x)"),
    ("c_Theta", lambda theta: A_Theta(theta).T @ theta.v, "the output: y = c_Theta^T phi(x)"),
    ("closed_form", lambda X, y: 1.001 * np.linalg.lstsq(X, y)[0], "is the solver's c"),
    ("closed_form", lambda X, y: np.full(X.shape[1], np.nan), "is the solver's c"),
    ("fit", lambda X, y: (np.linalg.lstsq(X, y)[0] + 1e-3, 3), "repeated examples"),
    (
        "recover_theta",
        lambda c, D, K, **_: qq.random_theta(D, K, np.random),
        "ends at that distance",
    ),
    ("blocks", lambda c, D, sign=-1: (c[0], c[1:3], np.eye(2)), "singular value K + 1 is zero"),
    ("blocks", lambda c, D, sign=-1: (c[0], c[1:3], np.eye(2)), "nearer to M = I"),
    ("mean_squared_error", lambda prediction, y: 1e9, "no descent goes below it"),
    ("network", lambda X, theta: X @ theta.W[0], "the output is not linear in Theta"),
]


@pytest.mark.parametrize(("function", "wrong", "claim"), WRONG_FORMULAS)
@pytest.mark.usefixtures("no_figures")
def test_a_wrong_formula_fails_its_claim(monkeypatch, run, function, wrong, claim):
    monkeypatch.setattr(qq, function, wrong)
    status, output = run("quadratic -D 2 -K 3 -draws 5 -steps 20")
    assert status == 1
    assert "FAIL" in verdicts(output, claim)


@pytest.mark.usefixtures("no_figures")
def test_the_right_formulas_pass_and_a_seed_repeats_them(run):
    command = "quadratic -D 2 -K 3 -draws 5 -steps 20"
    status, output = run(command)
    assert (status, output.count("FAIL")) == (0, 0)
    assert run(command)[1] == output
    assert run(f"{command} -seed 43")[1] != output.replace("seed 42", "seed 43")


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("D", "K"), [(1, 1), (3, 2), (2, 4)])
def test_the_slip_of_sign_is_a_finding_at_the_sizes_asked_for(run, D, K):
    output = run(f"quadratic -D {D} -K {K} -draws 10 -steps 5")[1]
    assert f"finding, D = {D}, K = {K}: as printed, the procedure misses c by" in output
    assert not {"PASS", "FAIL"} & set(verdicts(output, "finding"))


NUMBER = r"-?[\d.]+(?:e[+-]\d+)?"


def numbers(text):
    """The numbers of the first (1, 2) or [1 2; 3 4] in the text: a list, or a list of rows."""
    found = re.search(r"= [(\[]([^a-zA-Z()]*)[)\]]", text)[1]
    rows = [[float(n) for n in re.findall(NUMBER, row)] for row in found.split(";")]
    return np.array(rows) if text[text.index(found) - 1] == "[" else np.array(rows[0])


@pytest.mark.parametrize(("D", "K"), [(1, 1), (2, 2), (3, 2), (5, 8)])
def test_a_small_network_is_written_out_with_its_numbers(capsys, D, K):
    D, K = (D, K) if D < 4 else (2, 2)
    quadratic_checks.write_out(D, K)
    lines = capsys.readouterr().out.splitlines()
    assert f"D = {D}, K = {K}" in lines[0] and "[1 0; 0 1] has rows (1 0), (0 1)" in lines[0]
    W, b, v, x = (
        numbers(lines[1][lines[1].index(f"{name} = ") :]) for name in ("W", "b", "v", "x")
    )
    theta = qq.Theta(W, b, v, float(re.search(rf"v0 = ({NUMBER})", lines[1])[1]))
    assert len(set(np.abs(v))) == K and all(v) and x.all()

    def printed(label):
        (line,) = [line for line in lines if line.strip().startswith(label)]
        return numbers(line)

    (names,) = [line for line in lines if "phi(x) = (1" in line]
    entries = names[names.index("(1, ") + 1 : -1].split(", ")
    values = {f"x{i + 1}": value for i, value in enumerate(x)}
    by_name = [
        math.prod(values.get(part, 2) ** (2 if square else 1) for part in name.split())
        for entry in entries[1:]
        for name, square in [(entry.removesuffix("^2"), entry.endswith("^2"))]
    ]
    np.testing.assert_allclose(printed("= ("), [1, *by_name])
    for k in range(K):
        label = f"row {k + 1} of A_Theta"
        (line,) = [line for line in lines if line.strip().startswith(label)]
        np.testing.assert_allclose(numbers(line[line.rindex(" = ") :]), qq.A_Theta(theta)[k])
    (line,) = [line for line in lines if "c_Theta = A_Theta^T" in line]
    np.testing.assert_allclose(numbers(line[line.rindex(" = ") :]), qq.c_Theta(theta))
    y = qq.network(x[None], theta)[0]
    assert any(f"phi(x) = {y:g}, and v0 + v^T h = {y:g}" in line for line in lines)
    (line,) = [line for line in lines if "M = W^T Diag(v) W" in line]
    np.testing.assert_allclose(numbers(line), W.T @ np.diag(v) @ W)


# --------------------------------------------------------------------------------------------
# interval


@st.composite
def intervals(draw):
    D = draw(st.integers(1, 9))
    A = draw(st.integers(-D - 4, D + 4))
    return D, A, draw(st.integers(A, D + 5))


def labelled_inputs(D, A, B):
    """Every input and its label, the plain way."""
    X = list(itertools.product((-1, 1), repeat=D))
    return np.array(X), np.array([1 if A <= sum(x) <= B else -1 for x in X])


@examples
@given(intervals())
def test_both_networks_are_f_and_robust(case):
    D, A, B = case
    X, y = labelled_inputs(D, A, B)
    assert np.array_equal(qi.f(X, A, B), y)
    lo, hi = qi.reachable_interval(D, A, B)
    inside = [s for s in range(-D, D + 1, 2) if A <= s <= B]
    assert inside == [s for s in range(-D, D + 1, 2) if lo <= s <= hi]
    assert not inside or (lo, hi) == (inside[0], inside[-1])

    rng, eta = np.random.default_rng(D), qi.weight_margin(D)
    for network in (qi.sign_network(D, lo, hi), qi.relu_network(D, lo, hi)):
        assert network.W.shape == (2, D)
        assert np.array_equal(network(X), y)
        assert min(qi.margins(network, X)) >= 1
        # All of a perturbation of size just below 1 on one input, either way: the worst there is.
        for way in (-0.999, 0.999):
            assert np.array_equal(network(X + way * np.eye(1, D)), y)
        corner = (p + 0.999 * eta * rng.choice([-1, 1], size=np.shape(p)) for p in network[1:])
        assert np.array_equal(qi.Network(network.activation, *corner)(X), y)


@examples
@given(intervals())
def test_a_certificate_exists_exactly_when_no_perceptron_does(case):
    D, A, B = case
    lo, hi = qi.reachable_interval(D, A, B)
    certificate = qi.farkas_certificate(D, lo, hi)
    X, y = labelled_inputs(D, A, B)
    if certificate is None:
        w, b = qi.single_perceptron(D, lo, hi)
        assert np.array_equal(np.where(X @ w + b >= 0, 1, -1), y)
        assert np.min(np.abs(X @ w + b)) >= 1
    else:
        positives, negatives = certificate
        assert set(np.abs(np.vstack(certificate)).ravel().tolist()) == {1}
        assert all(A <= sum(x) <= B for x in positives)
        assert not any(A <= sum(x) <= B for x in negatives)
        assert np.array_equal(positives.sum(axis=0), negatives.sum(axis=0))
    if D <= 3:  # the perceptron stops exactly when there is no certificate
        _, since, mistakes = qi.perceptron_states(X, y, epochs=500)
        assert since is not None
        assert (certificate is None) == (mistakes == 0)


def test_the_square_by_hand():
    X, y = interval_checks.square()
    assert X.tolist() == [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    assert y.tolist() == [-1, 1, 1, -1]
    # Mistakes on each of the four in turn, from (w1, w2, b) = 0.
    states = [(0, 0, 0), (-1, -1, -1), (0, -2, 0), (-1, -1, 1), (0, 0, 0)]
    assert qi.perceptron_states(X, y) == (states, 0, 4)


@pytest.mark.parametrize("D", [1, 2, 7, 17])
def test_all_inputs_are_tried_once_in_bounded_chunks(D):
    chunks = list(qi.inputs_to_try(D, 0, 0, None))
    assert max(chunk.size for chunk in chunks) <= qi.CHUNK_ENTRIES
    X = np.concatenate(chunks)
    assert X.shape == (2**D, D)
    assert set(np.unique(X).tolist()) == {-1, 1}
    assert len(set(((X > 0) @ 2 ** np.arange(D)).tolist())) == 2**D


def test_sampled_inputs_hold_the_boundary_sums_in_bounded_chunks():
    chunks, again = (list(qi.inputs_to_try(50, -4, 8, np.random.default_rng(0))) for _ in range(2))
    assert max(chunk.size for chunk in chunks) <= qi.CHUNK_ENTRIES
    assert set(chunks[0].sum(axis=1).tolist()) == {-50, -6, -4, 8, 10, 50}
    assert all(np.all(np.abs(chunk) == 1) for chunk in chunks)
    assert all(np.array_equal(*pair) for pair in zip(chunks, again, strict=True))


def shifted(make, *biases):
    """The network `make` builds, with other thresholds: -lo and hi times these plus those."""
    (a, c), (b, d) = biases
    return lambda D, lo, hi: make(D, lo, hi)._replace(b=np.array([a * lo + c, b * hi + d]))


WRONG_NETWORKS = [
    ("sign_network", shifted(qi.sign_network, (-1, 0.0), (1, 0.0)), "sum x may move by 1"),
    ("relu_network", shifted(qi.relu_network, (1, 0.0), (-1, 2.0)), "relu network = f"),
    ("weight_margin", lambda D: 10 / (2 * D + 6), "weights perturbed"),
    ("margins", lambda network, X: (1.5, 1), "inputs perturbed"),
    ("margins", lambda network, X: (np.nan, 1), "sum x may move by 1"),
    ("margins", lambda network, X: (1, np.nan), "the output before its sign"),
    ("with_sums", lambda D, sums, rng: np.zeros((len(sums), D)), "moved by 1.001"),
    ("f", lambda X, A, B: np.ones(len(X), dtype=int), "p, q are positive"),
    ("farkas_certificate", lambda D, lo, hi: (np.ones((2, D), int),) * 2, "p, q are"),
    ("perceptron_states", lambda X, y: ([(0, 0, 0)] * 5, 0, 0), "the perceptron's weights"),
    ("single_perceptron", lambda D, lo, hi: (np.ones(D), 1.0), "f(x) = sign("),
]


@pytest.mark.parametrize(("function", "wrong", "claim"), WRONG_NETWORKS)
@pytest.mark.usefixtures("no_figures")
def test_a_wrong_network_fails_its_claim(monkeypatch, run, function, wrong, claim):
    separable = function == "single_perceptron"
    command = f"interval {'-D 5 -A 1 -B 9' if separable else '-D 6 -A -2 -B 2'} -draws 30"
    status, output = run(command)
    assert status == 0
    assert set(verdicts(output, claim)) == {"PASS"}
    monkeypatch.setattr(qi, function, wrong)
    status, output = run(command)
    assert status == 1
    assert "FAIL" in verdicts(output, claim)


# --------------------------------------------------------------------------------------------
# The commands, as a user runs them


def test_quadratic_command(run, tmp_path):
    status, output = run("quadratic -D 3 -K 5 -steps 20 -draws 20")
    assert (status, output.count("FAIL")) == (0, 0)
    assert output.count("PASS") >= 18 and "docs/theory.md" in output
    assert output.endswith("every claim holds\n")
    assert [path.name for path in tmp_path.iterdir()] == ["Q3-quadratic-D-3-K-5-descent.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF") for path in tmp_path.iterdir())


def test_interval_command_in_two_formats(capsys, tmp_path):
    folder = tmp_path / "new" / "plots"
    status = script.main(["interval", "-plots_dir", str(folder), "-plot_format", "pdf", "png"])
    output, err = capsys.readouterr()
    assert (status, err, output.count("FAIL")) == (0, "", 0)
    assert "sign network = f on all 2^6 inputs" in output
    assert "not separable: sums on both sides" in output
    names = {f"Q3-interval-D-6-A--2-B-3-networks.{ending}" for ending in ("pdf", "png")}
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("interval -D 5 -A -9 -B -1", "separable by one perceptron: the interval touches"),
        ("interval -D 4 -A 1 -B 1", "no sum is in the interval"),
        ("interval -D 1 -A -1 -B 1", "separable by one perceptron"),
        ("interval -D 3 -A 4 -B 1000", "no sum is in the interval"),
        ("interval -D 30 -A -4 -B 0", "the sampled inputs"),
        ("quadratic -D 1 -K 1 -steps 20", "with D = 1 there is no such K"),
        ("quadratic -D 4 -K 2 -steps 20", "K = 1..2: singular value K + 1"),
        ("quadratic -D 3 -K 3 -steps 20 -examples 4", "X has rank 4 < 10"),
    ],
)
def test_edge_cases_hold_and_say_so(monkeypatch, run, command, said):
    def drawn(figure, path):  # without a layout and a file, the slow part
        figure.set_layout_engine("none")
        figure.draw_without_rendering()

    monkeypatch.setattr(script, "save_figure", drawn)
    monkeypatch.setattr(qi, "SAMPLE_CHUNKS", 1)
    status, output = run(f"{command} -draws 20")
    assert (status, output.count("FAIL")) == (0, 0)
    assert said in output


BAD_INPUT = {  # what the message names: the commands
    "question": [""],
    "cubic": ["cubic"],
    "bmp": ["quadratic -plot_format bmp"],
    "plots_dir": ["interval -plots_dir a-file/plots"],
    "-A 2": ["interval -D 4 -A 2 -B 1"],
    "0.5": ["interval -A 0.5"],
    "-2.5": ["interval -A -2.5"],
    "one": ["interval -B one"],
    "-A": ["interval -A -1e3", "interval -A -9999999999999999999"],
    "-B": ["interval -B 99999999999999999999"],
    "2.0": ["interval -D 2.0"],
    "-D": [f"{which} -D {D}" for which in ("interval", "quadratic") for D in (0, -3, 10**9)],
    "-K": ["quadratic -K 0", "quadratic -K 1000000000"],
    "-examples": ["quadratic -examples 0", "quadratic -examples 100000000000"],
    "-examples must be from 1 to 1000000": ["quadratic -D 3 -examples 1000001"],
    "-draws": ["quadratic -draws 0", "interval -draws 1000000"],
    "-steps": ["quadratic -steps 0"],
    "-seed": ["quadratic -seed -1"],
}


@pytest.mark.parametrize(("said", "command"), [(s, c) for s, cs in BAD_INPUT.items() for c in cs])
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, monkeypatch, said, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    with pytest.raises(SystemExit) as stopped:
        process.run_script(lambda _: script.main(command.split()))
    out, err = capsys.readouterr()
    assert (stopped.value.code, out) == (2, "")
    assert err.count("\n") == 1 and err.endswith("\n")
    assert said in err
    assert [path.name for path in tmp_path.rglob("*.p*")] == []


def test_bad_input_as_a_user_sees_it():
    done = run_script("hw1-q3.py", "interval", "-D", 6, "-A", 3, "-B", -2)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hw1-q3.py") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_each_signal_has_its_exit_status(tmp_path, name, status):
    arguments = ["interval", "-D", 20, "-draws", 100_000, "-plots_dir", tmp_path]
    with started("hw1-q3.py", *arguments) as process:
        process.stdout.readline()
        process.send_signal(signal.Signals[name])
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, "stopped; there was nothing to keep\n")


def test_scipy_and_matplotlib_are_imported_where_they_are_used():
    code = """import importlib, sys; importlib.import_module("hw1-q3")
print({"torch", "scipy", "sklearn", "matplotlib"} & set(sys.modules))"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("package", ["numpy", "scipy"])
def test_a_missing_package_is_one_line(tmp_path, package):
    """At the start, or where it is used."""
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    words = ["quadratic", "-D", 2, "-K", 2, "-draws", 5, "-plots_dir", tmp_path / "plots"]
    done = run_script("hw1-q3.py", *words, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith(f"hw1-q3.py: the package {package} is missing; ")
    assert done.stderr.count("\n") == 1
