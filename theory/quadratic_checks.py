"""The claims of theory/quadratic.py, checked over seeded draws in the order of the questions."""

import math

import numpy as np

import utils
from theory import quadratic as q3
from theory.claims import Claims, relative_error

DEFINITIONS = """\
3.3  c = (c1, c2, c3): a number, D entries and c3 = -vech(M), M a symmetric D x D matrix
    vech(M) is the upper triangle of M, row by row
    of c_Theta: c2 = W^T Diag(v) (1 - 2b), M = W^T Diag(v) W"""


def check(D, K, examples, draws, steps, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}."""
    rng = np.random.default_rng(seed)
    claims = Claims()
    print(f"y = v0 + v^T g(W x + b), g(z) = z(1 - z), D = {D}, K = {K}")
    print(f"{draws} draws, seed {seed}")
    check_linear_in_features(D, K, draws, rng, claims)
    print(DEFINITIONS)
    if K >= D:
        check_recovery(D, K, draws, rng, claims)
    check_slip_of_sign(D, K, draws, rng, claims)
    name, figures = f"Q3-quadratic-D-{D}-K-{K}", {}
    if D > 1:
        rows = check_obstruction(D, min(K, D - 1), draws, steps, rng, claims)
        figures[f"{name}-out-of-reach"] = plot_obstruction(D, rows, show)
    else:
        print("3.3  fewer units than inputs: with D = 1 there is no such K")
    check_closed_form(D, examples, draws, rng, claims)
    check_rank_deficient(D, rng, claims)
    smallest, curves = check_descent(D, K, examples, steps, rng, claims)
    figures[f"{name}-gradient-descent"] = plot_descent(D, smallest, curves, show)
    return claims.failed, figures


def check_linear_in_features(D, K, draws, rng, claims):
    """3.1 and 3.2: h = A_Theta phi(x), y = c_Theta^T phi(x), and no linearity in Theta."""
    print(f"3.1-3.2  phi(x) has (D+1)(D+2)/2 = {q3.n_features(D)} entries")
    h_errors, y_errors = [], []
    for _ in range(draws):
        theta, X = q3.random_theta(D, K, rng), rng.normal(size=(4, D))
        h_errors.append(relative_error(q3.phi(X) @ q3.A_Theta(theta).T, q3.hidden(X, theta)))
        y_errors.append(relative_error(q3.phi(X) @ q3.c_Theta(theta), q3.network(X, theta)))
    claims.within("h = A_Theta phi(x)", h_errors, 1e-10)
    claims.within("y = c_Theta^T phi(x),  c_Theta = A_Theta^T v + v0 e1", y_errors, 1e-10)

    e1 = np.eye(1, D)
    theta = q3.Theta(np.eye(K, D), np.zeros(K), np.eye(1, K)[0], np.asarray(0.0))
    y = q3.network(e1, theta)[0]
    y_doubled = q3.network(e1, q3.Theta(*(2 * parameter for parameter in theta)))[0]
    gap = abs(y_doubled - 2 * y)
    claims.at_least("y is not linear in Theta: y(2 Theta) is not 2 y(Theta)", gap, 1)
    where = "    counterexample: w_1 = e1, v = e1, b = 0, v0 = 0 at x = e1"
    print(f"{where}: y(Theta) = {y:g}, y(2 Theta) = {y_doubled:g}")


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
    claims.within("any c: ||c_Theta - c||", errors, epsilon)
    claims.within("any c: the recovered network is c^T phi(x)", y_errors, 10 * epsilon)
    claims.within(f"M singular: ||c_Theta - c||, epsilon = {epsilon:g}", singular_errors, epsilon)


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


def distances(c, D, K, draws, steps, rng):
    """How near K < D units come to c: six numbers, each found in a way of its own.

    In ||.||_F: the lower bound, the nearest c found, and the best Theta by descent or at random.
    In the plain norm: the lower bound, and descent from the nearest. Last, in ||.||_F, the Theta
    recovered from the nearest c.
    """

    def distance(theta):
        return q3.frobenius_norm(q3.c_Theta(theta) - c, D)

    def descent(start, plain=False):
        return math.sqrt(2 * q3.descend(lambda t: q3.distance_loss(c, t, plain), start, steps)[-1])

    bound, plain_bound = q3.distance_bounds(c, D, K)
    near = q3.nearest_reachable(c, D, K, rng)
    reached = q3.recover_theta(near, D, K)
    nudged = q3.Theta(*(p + 0.01 * rng.normal(size=p.shape) for p in reached))
    starts = [nudged, *(q3.random_theta(D, K, rng) for _ in range(3))]
    found = [descent(start) for start in starts]
    found += [distance(q3.random_theta(D, K, rng)) for _ in range(draws)]
    nearest = q3.frobenius_norm(near - c, D)
    plain = descent(reached, plain=True)
    return bound, nearest, min(found), plain_bound, plain, distance(reached)


def check_obstruction(D, most, draws, steps, rng, claims):
    """3.3 with 1 to `most` < D units: the rank of [c2 | M], and how near an arbitrary c they come.

    Returns (K, bound, nearest, by descent) for up to seven numbers of units, `most` among them.
    """
    print("3.3  fewer units than inputs: rank [c2 | M] <= K, and most c are out of reach")
    excess, truncation_errors = [], []
    for _ in range(draws):
        K = rng.integers(1, most + 1)
        reachable = q3.rank_matrix(q3.c_Theta(q3.random_theta(D, K, rng)), D)
        singular = np.linalg.svd(reachable, compute_uv=False)
        excess.append(singular[K] / singular[0])
        c = rng.normal(size=q3.n_features(D))
        c[1 : D + 1] = 0
        reached = q3.frobenius_norm(q3.c_Theta(q3.recover_theta(c, D, K)) - c, D)
        truncation_errors.append(abs(reached - q3.distance_bounds(c, D, K)[0]))
    claim = f"K = 1..{most}: sigma_K+1 / sigma_1 of [c2 | M] at a random Theta"
    claims.within(claim, excess, 1e-10)
    claim = "c2 = 0: M cut to rank K is at the Eckart-Young distance"
    claims.within(claim, truncation_errors, 10 * q3.EPSILON)

    c = rng.normal(size=q3.n_features(D))
    print("  one c ~ N(0, I): its distance from what K units reach")
    print("     K   ||.||_F: at least   nearest found   by descent   plain norm: at least   found")
    rows = []
    for K in sorted({*np.linspace(1, D - 1, min(D - 1, 6)).astype(int).tolist(), most}):
        rows.append((K, *distances(c, D, K, draws, steps, rng)))
        print("  {:4d}   {:17.4f}   {:13.4f}   {:10.4f}   {:20.4f}   {:5.4f}".format(*rows[-1]))
    K, bound, nearest, descended, plain_bound, plain, reached = np.transpose(rows)
    below = np.maximum(0, [bound - nearest, bound - descended, plain_bound - plain])
    claims.within("no Theta found is nearer than the lower bounds", below, 1e-9)
    not_reached = np.abs(reached - nearest)
    claims.within("the nearest c is reached by a Theta", not_reached, 10 * q3.EPSILON)
    below = np.maximum(0, nearest - descended)
    claims.within("no random or descended Theta is nearer", below, 10 * q3.EPSILON)
    return K.astype(int), bound, nearest, descended


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
        claims.at_least("  c is not unique: another c of the same loss", len(null_space) ** 0.5, 1)
        try:
            naive = q3.closed_form(X, y)
            loss = q3.mean_squared_error(X @ naive, y)
            outcome = f"gives ||c|| = {np.linalg.norm(naive):.3g} with loss {loss:.4g}"
        except np.linalg.LinAlgError:
            outcome = "stops: singular matrix"
        least = f"||c|| = {np.linalg.norm(c):.3g} with loss {best:.4g}"
        print(f"    minimum norm: {least}; the closed form {outcome}")


def check_descent(D, K, N, steps, rng, claims):
    """3.4: gradient descent on Theta ends at the closed form's loss or above it.

    Returns the smallest loss and, for K units and for one, the loss curves of five starts.
    """
    print(f"3.4  gradient descent on Theta, {N} examples, {steps} steps from 5 starts")
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
            losses = q3.descend(lambda theta: q3.regression_loss(inputs, y, theta), start, steps)
            curves[units].append(losses)
            ends.append(losses[-1])
        print(f"    K = {units}: descent ends at {', '.join(f'{end:.6f}' for end in ends[-5:])}")
    claims.within("no descent goes below it", np.maximum(0, smallest - np.array(ends)), 1e-10)
    return smallest, curves


def plot_descent(D, smallest, curves, show):
    """The loss against steps, and its excess over least squares' loss, on logarithmic axes."""
    figure = utils.new_figure((10, 4.2), show=show)
    loss_axes, excess_axes = figure.subplots(1, 2)
    for colour, (units, runs) in zip(("tab:blue", "tab:orange"), curves.items(), strict=False):
        for run, losses in enumerate(runs):
            style = {"color": colour, "alpha": 0.7, "label": None if run else f"K = {units}"}
            steps = np.arange(1, len(losses) + 1)
            loss_axes.plot(steps, losses, **style)
            excess_axes.plot(steps, np.maximum(losses - smallest, 1e-12), **style)
    loss_axes.axhline(max(smallest, 1e-12), color="black", linestyle="--", label="least squares")
    loss_axes.set(ylabel="mean squared error", title="Loss")
    excess_axes.set(ylabel="loss - least squares' loss, from 1e-12", title="Excess loss")
    for axes in (loss_axes, excess_axes):
        axes.set(xscale="log", yscale="log", xlabel="step of gradient descent (the start is 1)")
        axes.grid(alpha=0.3)
        axes.legend()
    what = "Gradient descent on Theta against least squares in c"
    figure.suptitle(f"{what}, D = {D}, five starts each")
    return figure


def plot_obstruction(D, rows, show):
    """The distance from one random c to what K units reach, against K."""
    units, bound, nearest, descended = rows
    figure = utils.new_figure((6, 4.2), show=show)
    axes = figure.subplots()
    axes.plot([*units, D], [*nearest, 0], "o-", label="nearest reachable found")
    axes.plot([*units, D], [*bound, 0], "k--", label="lower bound (Eckart-Young)")
    axes.plot(units, descended, "x", markersize=9, label="best gradient descent")
    axes.set(xlabel="hidden units K", ylabel=r"distance $\|c_\Theta - c\|_F$")
    axes.set_title(f"With K < D = {D} units most c are out of reach")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
