"""The claims of theory/quadratic.py, checked over seeded draws in the order of the questions."""

import math

import numpy as np

import utils
from theory import quadratic as q3
from theory.claims import Claims, relative_error
from theory.descent import descend, flat, like

DEFINITIONS = """\
3.3  c = (c1, c2, c3): a number, D entries and c3 = -vech(M), M a symmetric D x D matrix
    vech(M) is the upper triangle of M, row by row
    of c_Theta: c2 = W^T Diag(v) (1 - 2b), M = W^T Diag(v) W"""


def check(D, K, examples, draws, steps, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}."""
    rng = np.random.default_rng(seed)
    claims = Claims()
    print(f"y = v0 + v^T g(W x + b), g(z) = z(1 - z), D = {D}, K = {K}")
    print(f"{draws} draws, seed {seed}; docs/theory.md explains each line")
    write_out(D if D < 4 else 2, min(K, 2))
    check_linear_in_features(D, K, draws, rng, claims)
    print(DEFINITIONS)
    if K >= D:
        check_recovery(D, K, draws, rng, claims)
    check_slip_of_sign(D, K, draws, rng, claims)
    check_fewer_units(D, min(K, D - 1), draws, rng, claims)
    check_closed_form(D, examples, draws, rng, claims)
    check_rank_deficient(D, rng, claims)
    smallest, curves = check_descent(D, K, examples, steps, rng, claims)
    name = f"Q3-quadratic-D-{D}-K-{K}-descent"
    return claims.failed, {name: plot_descent(D, smallest, curves, show)}


def write_out(D, K):
    """phi(x), the rows of A_Theta and c_Theta of a small network, with their numbers."""
    W, b, v = np.array([[2.0, -1, 1], [1, 3, -2]])[:K, :D], np.array([3.0, -1])[:K], [-2.0, 1][:K]
    v, v0, x = np.array(v), np.asarray(10.0), np.array([3.0, 5, -1])[:D]
    theta, X = q3.Theta(W, b, v, v0), x[None]
    (features,), A, c, M = q3.phi(X), q3.A_Theta(theta), q3.c_Theta(theta), W.T @ np.diag(v) @ W
    names = ["1", *(f"x{i + 1}" for i in range(D))]
    for i, j in zip(*q3.upper_triangle(D), strict=True):
        names.append(f"x{i + 1}^2" if i == j else f"2 x{i + 1} x{j + 1}")
    print(f"""\
written out for D = {D}, K = {K}; matrices row by row, [1 0; 0 1] has rows (1 0), (0 1)
    W = {_matrix(W)}, b = {_vector(b)}, v = {_vector(v)}, v0 = {v0:g}, x = {_vector(x)}
    phi(x) = ({", ".join(names)})
           = {_vector(features)}""")
    for k, (row, z) in enumerate(zip(A, W @ x + b, strict=True), 1):
        print(f"""\
    row {k} of A_Theta = (b - b^2, (1 - 2b) w^T, -vech(w w^T)) = {_vector(row)}
        h{k} = row {k} times phi(x) = {row @ features:g}, and z(1 - z) = {z * (1 - z):g} \
with z = w^T x + b = {z:g}""")
    print(f"""\
    c_Theta = A_Theta^T v + v0 e1 = {_vector(c)}
        y = c_Theta^T phi(x) = {c @ features:g}, and v0 + v^T h = {q3.network(X, theta)[0]:g}
    M = W^T Diag(v) W = {_matrix(M)}: the last entries of c_Theta are -vech(M)
    (the handout's phi has all squares before the products: another order, the same sums)""")


def _vector(values):
    return f"({', '.join(f'{value + 0:g}' for value in values)})"


def _matrix(rows):
    return f"[{'; '.join(' '.join(f'{value + 0:g}' for value in row) for row in rows)}]"


def check_linear_in_features(D, K, draws, rng, claims):
    """3.1 and 3.2: h = A_Theta phi(x), y = c_Theta^T phi(x), and no linearity in Theta."""
    print(f"3.1-3.2  phi(x) has (D+1)(D+2)/2 = {q3.n_features(D)} entries")
    h_errors, y_errors = [], []
    for _ in range(draws):
        theta, X = q3.random_theta(D, K, rng), rng.normal(size=(4, D))
        h_errors.append(relative_error(q3.phi(X) @ q3.A_Theta(theta).T, q3.hidden(X, theta)))
        y_errors.append(relative_error(q3.phi(X) @ q3.c_Theta(theta), q3.network(X, theta)))
    claims.within("the hidden layer is linear in phi(x): h = A_Theta phi(x)", h_errors, 1e-10)
    claims.within("so is the output: y = c_Theta^T phi(x)", y_errors, 1e-10)

    e1 = np.eye(1, D)
    theta = q3.Theta(np.eye(K, D), np.zeros(K), np.eye(1, K)[0], np.asarray(0.0))
    y = q3.network(e1, theta)[0]
    y_doubled = q3.network(e1, q3.Theta(*(2 * parameter for parameter in theta)))[0]
    measured = f"{y_doubled:g}, not twice {y:g}"
    claims.holds(
        "the output is not linear in Theta: doubling Theta gives", measured, y_doubled != 2 * y
    )
    print("    counterexample: w_1 = e1, v = e1, b = 0, v0 = 0 at x = e1")


def check_recovery(D, K, draws, rng, claims):
    """3.3 with K >= D: any c is c_Theta for some Theta, to within epsilon when M is singular."""
    print(f"3.3  from c back to Theta, K = {K} >= D = {D}")
    errors, y_errors, singular_errors = [], [], []
    for _ in range(draws):
        c, X = rng.normal(size=q3.n_features(D)), rng.normal(size=(4, D))
        theta = q3.recover_theta(c, D, K)
        errors.append(np.linalg.norm(q3.c_Theta(theta) - c))
        y_errors.append(relative_error(q3.network(X, theta), q3.phi(X) @ c))

        rank = rng.integers(0, D)  # of M, while c2 points anywhere
        Q = np.linalg.qr(rng.normal(size=(D, D)))[0][:, :rank]
        M = Q @ np.diag(rng.normal(size=rank)) @ Q.T
        c = np.concatenate([rng.normal(size=1 + D), -q3.vech((M + M.T) / 2)])
        singular_errors.append(np.linalg.norm(q3.c_Theta(q3.recover_theta(c, D, K)) - c))
    epsilon = q3.EPSILON
    claims.within("any c is reached: ||c_Theta - c||", errors, epsilon)
    claims.within("and the network found is c^T phi(x)", y_errors, 10 * epsilon)
    claims.within(f"where M is singular, to within epsilon = {epsilon:g}", singular_errors, epsilon)


def check_slip_of_sign(D, K, draws, rng, claims):
    """3.3 as the handout prints it, against the procedure with the sign corrected.

    Both start from c_Theta of a random Theta, which K units reach even if K < D. The printed one
    ends at -c3 in place of c3; what it misses by is a finding, not a claim that could pass.
    """
    print("3.3  the handout's slip of sign: it prints c3 = vech(M), but a_i holds -vech(w_i w_i^T)")
    corrected, printed, twice_c3 = [], [], []
    for _ in range(draws):
        c = q3.c_Theta(q3.random_theta(D, K, rng))
        corrected.append(np.linalg.norm(q3.c_Theta(q3.recover_theta(c, D, K)) - c))
        printed.append(np.linalg.norm(q3.c_Theta(q3.recover_theta(c, D, K, sign=1)) - c))
        twice_c3.append(2 * np.linalg.norm(c[D + 1 :]))
    unexplained = np.abs(np.subtract(printed, twice_c3))
    claims.within("with c3 = -vech(M), from c_Theta: ||c_Theta - c||", corrected, q3.EPSILON)
    claims.within("the sign alone explains the miss as printed: 2 ||c3||", unexplained, q3.EPSILON)
    average, least, most = np.mean(printed), min(printed), max(printed)
    finding = f"as printed, the procedure misses c by {average:.1f} on average"
    print(f"    finding, D = {D}, K = {K}: {finding}")
    print(f"    ({least:.2g} at least, {most:.1f} at most); corrected, by {np.mean(corrected):.1e}")


def check_fewer_units(D, most, draws, rng, claims):
    """3.3 with 1 to `most` < D units: the rank of M is too small for most c."""
    if not most:
        print("3.3  fewer units than inputs: with D = 1 there is no such K")
        return
    print("3.3  fewer units than inputs: M = W^T Diag(v) W has rank K at most, most c have more")
    excess, shortfall, gaps = [], [], []
    for _ in range(draws):
        K = rng.integers(1, most + 1)
        M = q3.blocks(q3.c_Theta(q3.random_theta(D, K, rng)), D)[2]
        singular = np.linalg.svd(M, compute_uv=False)
        excess.append(singular[K] / singular[0])
        # M = I has rank D. By Eckart-Young no matrix of rank K is nearer to it than sqrt(D - K).
        shortfall.append(max(0, math.sqrt(D - K) - np.linalg.norm(M - np.eye(D))))
        c = np.concatenate([np.zeros(1 + D), -q3.vech(np.eye(D))])
        reached = q3.blocks(q3.c_Theta(q3.recover_theta(c, D, K)), D)[2]
        gaps.append(abs(np.linalg.norm(reached - np.eye(D)) - math.sqrt(D - K)))
    claim = f"M of a random Theta, K = 1..{most}: singular value K + 1 is zero"
    claims.within(claim, excess, 1e-10)
    claims.within("no such M is nearer to M = I than sqrt(D - K)", shortfall, 1e-9)
    claims.within("the procedure with K units ends at that distance", gaps, 1e-9)


def regression_data(N, D, rng):
    """Inputs from N(0, I), y = c^T phi(x) + noise of deviation 1/2: the X, phi(X) and y."""
    X = rng.normal(size=(N, D))
    features = q3.phi(X)
    return X, features, features @ rng.normal(size=features.shape[1]) + rng.normal(size=N) / 2


def check_closed_form(D, N, draws, rng, claims):
    """3.4: (X^T X)^-1 X^T y against a least-squares solver, on full-rank data."""
    F = q3.n_features(D)
    N = max(N, 2 * F)  # 2F random examples: well away from a deficient rank
    data_sets = max(1, min(draws, 4 * 10**8 // (N * F * F)))
    print(f"3.4  least squares on X of {N} examples by {F} features, {data_sets} data sets")
    c_errors, loss_errors = [], []
    for _ in range(data_sets):
        _, X, y = regression_data(N, D, rng)
        c, reference = q3.closed_form(X, y), np.linalg.lstsq(X, y, rcond=None)[0]
        c_errors.append(relative_error(c, reference))
        loss, least = q3.mean_squared_error(X @ c, y), q3.mean_squared_error(X @ reference, y)
        loss_errors.append(abs(loss - least))
    claims.within("(X^T X)^-1 X^T y is the solver's c", c_errors, 1e-8)
    claims.within("and has its loss", loss_errors, 1e-10)


def check_rank_deficient(D, rng, claims):
    """3.4 without full rank: what the closed form does there, and what is right instead."""
    print("3.4  X of deficient rank: X^T X has no inverse; c is taken of minimum norm")
    F = q3.n_features(D)
    distinct = rng.normal(size=(max(1, F // 2), D))
    for what, inputs in [
        ("fewer examples than features", rng.normal(size=(F - 1, D))),
        ("repeated examples", distinct[rng.integers(0, len(distinct), size=2 * F)]),
        ("inputs of -1 and 1, so x_i^2 = 1", rng.choice([-1.0, 1.0], size=(4 * F, D))),
    ]:
        X, y = q3.phi(inputs), rng.normal(size=len(inputs))
        c, rank = q3.fit(X, y)
        best = q3.mean_squared_error(X @ c, y)
        # Least squares: the residual is orthogonal to X's columns. Shortest: c has no part in
        # X's null space, along which the loss does not change.
        null_space = np.linalg.svd(X, full_matrices=len(X) < F)[2][rank:]
        shifted = q3.mean_squared_error(X @ (c + null_space.sum(axis=0)), y)
        errors = np.abs(np.concatenate([X.T @ (X @ c - y), null_space @ c, [shifted - best]]))
        claims.within(f"{what}: N = {len(X)}, rank {rank} < {F}", errors, 1e-8)
        free = len(null_space)
        claims.holds(
            "  c is not unique: the c of the same loss are a space of",
            f"dimension {free}",
            free > 0,
        )
        try:
            naive = q3.closed_form(X, y)
            loss = q3.mean_squared_error(X @ naive, y)
            outcome = f"gives ||c|| = {np.linalg.norm(naive):.3g} with loss {loss:.4g}"
        except np.linalg.LinAlgError:
            outcome = "stops: singular matrix"
        least = f"||c|| = {np.linalg.norm(c):.3g} with loss {best:.4g}"
        print(f"    minimum norm: {least}; the closed form {outcome}")


def check_descent(D, K, N, steps, rng, claims):
    """3.4: a descent on Theta ends at the closed form's loss or above it.

    Returns the smallest loss and, for K units and for one, the loss curves of five starts.
    """
    print(f"3.4  descent on Theta (L-BFGS), {N} examples, {steps} steps from 5 starts")
    inputs, X, y = regression_data(N, D, rng)
    c, rank = q3.fit(X, y)
    smallest = q3.mean_squared_error(X @ c, y)
    if rank < X.shape[1]:
        print(
            f"    X has rank {rank} < {X.shape[1]}: no closed form, the loss is that of lstsq's c"
        )
    print(f"    smallest loss of any c: {smallest:.6f}")
    curves, ends = {}, []
    for units in sorted({1, K}, reverse=True):
        curves[units] = []
        for _ in range(5):
            W, b, v, v0 = q3.random_theta(D, units, rng)
            start = q3.Theta(W / math.sqrt(D), b / 2, v / math.sqrt(units), v0)

            def loss(vector, start=start):
                value, gradient = q3.regression_loss(inputs, y, like(start, vector))
                return value, flat(gradient)

            losses = descend(loss, flat(start), steps)[1]
            curves[units].append(losses)
            ends.append(losses[-1])
        print(f"    K = {units}: descent ends at {', '.join(f'{end:.6f}' for end in ends[-5:])}")
    claims.within("no descent goes below it", np.maximum(0, smallest - np.array(ends)), 1e-10)
    return smallest, curves


def plot_descent(D, smallest, curves, show):
    """The loss against steps, with least squares' below it, on logarithmic axes."""
    figure = utils.new_figure((6, 4.2), show=show)
    axes = figure.subplots()
    for colour, (units, runs) in zip(("tab:blue", "tab:orange"), curves.items(), strict=False):
        for run, losses in enumerate(runs):
            style = {"color": colour, "alpha": 0.7, "label": None if run else f"K = {units}"}
            axes.plot(np.arange(1, len(losses) + 1), losses, **style)
    axes.axhline(max(smallest, 1e-12), color="black", linestyle="--", label="least squares")
    axes.set(xscale="log", yscale="log", xlabel="step of L-BFGS (the start is 1)")
    axes.set(ylabel="mean squared error", title=f"Descents on Theta, D = {D}, five starts each")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
