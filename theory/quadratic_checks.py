"""The claims of theory/quadratic.py, checked over seeded draws in the order of the questions."""

import math

import numpy as np

import utils
from theory.claims import Claims, relative_error
from theory.quadratic import (
    EPSILON,
    A_Theta,
    Theta,
    blocks,
    c_Theta,
    closed_form,
    descend,
    distance_bounds,
    distance_loss,
    fit,
    frobenius_norm,
    from_blocks,
    hidden,
    mean_squared_error,
    n_features,
    nearest_reachable,
    network,
    phi,
    random_theta,
    rank_matrix,
    recover_theta,
    regression_loss,
)


def check(D, K, examples, draws, steps, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}."""
    rng = np.random.default_rng(seed)
    claims = Claims()
    print(f"y = v0 + v^T g(W x + b), g(z) = z(1 - z), D = {D}, K = {K}")
    print(f"{draws} draws, seed {seed}")
    check_linear_in_features(D, K, draws, rng, claims)
    print("3.3  in c = (c1, c2, c3), c1 is a number, c2 has D entries, c3 = -vech(M) has D(D+1)/2")
    print("    vech: the upper triangle, row by row, of a symmetric matrix; M: the D x D one in c3")
    print("    of c_Theta, with V = Diag(v): c2 = W^T V (1 - 2b), M = W^T V W")
    if K >= D:
        check_recovery(D, K, draws, rng, claims)
    check_slip_of_sign(D, K, draws, rng, claims)
    rows = check_obstruction(D, K, draws, steps, rng, claims)
    check_closed_form(D, examples, draws, rng, claims)
    check_rank_deficient(D, rng, claims)
    smallest, curves = check_descent(D, K, examples, steps, rng, claims)

    name = f"Q3-quadratic-D-{D}-K-{K}"
    figures = {f"{name}-gradient-descent": plot_descent(D, smallest, curves, show)}
    if len(rows):
        figures[f"{name}-out-of-reach"] = plot_obstruction(D, rows, show)
    return claims.failed, figures


def check_linear_in_features(D, K, draws, rng, claims):
    """3.1 and 3.2: h = A_Theta phi(x), y = c_Theta^T phi(x), and no linearity in Theta."""
    h_errors, y_errors = [], []
    for _ in range(draws):
        theta, X = random_theta(D, K, rng), rng.normal(size=(4, D))
        h_errors.append(relative_error(phi(X) @ A_Theta(theta).T, hidden(X, theta)))
        y_errors.append(relative_error(phi(X) @ c_Theta(theta), network(X, theta)))
    print(f"3.1-3.2  phi(x) has (D+1)(D+2)/2 = {n_features(D)} entries")
    claims.within("h = A_Theta phi(x)", h_errors, 1e-10)
    claims.within("y = c_Theta^T phi(x),  c_Theta = A_Theta^T v + v0 e1", y_errors, 1e-10)

    e1 = np.eye(1, D)
    theta = Theta(np.eye(K, D), np.zeros(K), np.eye(1, K)[0], np.asarray(0.0))
    doubled = Theta(*(2 * parameter for parameter in theta))
    y, y_doubled = network(e1, theta)[0], network(e1, doubled)[0]
    gap = abs(y_doubled - 2 * y)
    claims.at_least("y is not linear in Theta: y(2 Theta) is not 2 y(Theta)", gap, 1)
    print(
        "    counterexample: w_1 = e1, v = e1, b = 0, v0 = 0 at x = e1: "
        f"y(Theta) = {y:g}, y(2 Theta) = {y_doubled:g}"
    )


def singular_target(D, rng):
    """A random c whose M has a random rank below D, while c2 points anywhere."""
    rank = rng.integers(0, D)
    Q = np.linalg.qr(rng.normal(size=(D, D)))[0][:, :rank]
    M = Q @ np.diag(rng.normal(size=rank)) @ Q.T
    return from_blocks(rng.normal(), rng.normal(size=D), (M + M.T) / 2)


def check_recovery(D, K, draws, rng, claims):
    """3.3 with K >= D: any c is c_Theta for some Theta, to within epsilon when M is singular."""
    print(f"3.3  from c back to Theta, K = {K} >= D = {D}")
    c_errors, y_errors, singular_errors = [], [], []
    for _ in range(draws):
        c, X = rng.normal(size=n_features(D)), rng.normal(size=(4, D))
        theta = recover_theta(c, D, K)
        c_errors.append(np.linalg.norm(c_Theta(theta) - c))
        y_errors.append(relative_error(network(X, theta), phi(X) @ c))
        c = singular_target(D, rng)
        singular_errors.append(np.linalg.norm(c_Theta(recover_theta(c, D, K)) - c))
    claims.within("any c: ||c_Theta - c||", c_errors, EPSILON)
    claims.within("any c: the recovered network is c^T phi(x)", y_errors, 10 * EPSILON)
    claims.within(f"M singular: ||c_Theta - c||, epsilon = {EPSILON:g}", singular_errors, EPSILON)


def check_slip_of_sign(D, K, draws, rng, claims):
    """3.3 as the handout prints it, against the procedure with the sign mended.

    Both start from c_Theta of a random Theta, which K units reach even if K < D. The printed one
    ends at -c3 in place of c3, so what it misses by is no claim that can pass: it is a finding.
    """
    corrected, printed, twice_c3 = [], [], []
    for _ in range(draws):
        c = c_Theta(random_theta(D, K, rng))
        corrected.append(np.linalg.norm(c_Theta(recover_theta(c, D, K)) - c))
        printed.append(np.linalg.norm(c_Theta(recover_theta(c, D, K, sign=1)) - c))
        twice_c3.append(2 * np.linalg.norm(c[D + 1 :]))
    print("3.3  the handout's slip of sign: it prints c3 = vech(M), but a_i carries -w_i w_j")
    claims.within("with c3 = -vech(M), from c_Theta: ||c_Theta - c||", corrected, EPSILON)
    unexplained = np.abs(np.subtract(printed, twice_c3))
    claims.within("the sign alone explains the miss as printed: 2 ||c3||", unexplained, EPSILON)
    print(
        f"    finding, D = {D}, K = {K}: as printed, the procedure misses c by"
        f" {np.mean(printed):.3g} on average,\n    from {min(printed):.3g} to {max(printed):.3g};"
        f" with the sign corrected by {np.mean(corrected):.1e} on average"
    )


def check_rank(D, most, draws, rng, claims):
    """3.3 with 1 to `most` < D units: the rank of [c2 | M], and M's truncation where c2 = 0."""
    excess, truncation_errors = [], []
    for _ in range(draws):
        K = rng.integers(1, most + 1)
        singular = np.linalg.svd(rank_matrix(c_Theta(random_theta(D, K, rng)), D))[1]
        excess.append(singular[K] / singular[0])

        c = rng.normal(size=n_features(D))
        c[1 : D + 1] = 0
        reached = frobenius_norm(c_Theta(recover_theta(c, D, K)) - c, D)
        truncation_errors.append(abs(reached - distance_bounds(c, D, K)[0]))
    claims.within(
        f"K = 1..{most}: sigma_K+1 / sigma_1 of [c2 | M] at a random Theta", excess, 1e-10
    )
    claims.within(
        "c2 = 0: M cut to rank K is at the Eckart-Young distance", truncation_errors, 10 * EPSILON
    )


def distances(c, D, K, draws, steps, rng):
    """How near K < D units come to c: six numbers, each found in a way of its own.

    In ||.||_F: the lower bound, the nearest c found, the Theta recovered from it, and the best
    Theta by gradient descent or at random. In the plain norm: the lower bound, and descent from
    the nearest.
    """

    def distance(theta):
        return frobenius_norm(c_Theta(theta) - c, D)

    def descent(start, plain=False):
        return math.sqrt(2 * descend(lambda t: distance_loss(c, t, plain), start, steps)[-1])

    bound, plain_bound = distance_bounds(c, D, K)
    near = nearest_reachable(c, D, K, rng)
    theta_near = recover_theta(near, D, K)
    nudged = Theta(*(p + 0.01 * rng.normal(size=p.shape) for p in theta_near))
    starts = [nudged, *(random_theta(D, K, rng) for _ in range(3))]
    found = [descent(start) for start in starts]
    found += [distance(random_theta(D, K, rng)) for _ in range(draws)]
    nearest = frobenius_norm(near - c, D)
    reached, plain = distance(theta_near), descent(theta_near, plain=True)
    return bound, nearest, reached, min(found), plain_bound, plain


def check_obstruction(D, K, draws, steps, rng, claims):
    """3.3 with fewer than D units: the rank of [c2 | M], and how near an arbitrary c they come.

    Returns rows (units, bound, nearest, by descent) for up to seven numbers of units, K among
    them if below D.
    """
    if D == 1:
        print("3.3  fewer units than inputs: with D = 1 there is no such K")
        return []
    print("3.3  fewer units than inputs: rank [c2 | M] <= K, and most c are out of reach")
    most = min(K, D - 1)
    check_rank(D, most, draws, rng, claims)

    c = rng.normal(size=n_features(D))
    print("  one c ~ N(0, I): its distance from what K units reach")
    print("     K   ||.||_F: at least   nearest found   by descent   plain norm: at least   found")
    units = sorted({*np.linspace(1, D - 1, min(D - 1, 6)).astype(int).tolist(), most})
    rows = []
    for k in units:
        row = distances(c, D, k, draws, steps, rng)
        bound, nearest, _, descended, plain_bound, plain = row
        print(
            f"  {k:4d}   {bound:17.4f}   {nearest:13.4f}   {descended:10.4f}"
            f"   {plain_bound:20.4f}   {plain:5.4f}"
        )
        rows.append(row)
    bound, nearest, reached, descended, plain_bound, plain = np.transpose(rows)
    below_bound = [bound - nearest, bound - descended, plain_bound - plain]
    claims.within(
        "no Theta found is nearer than the lower bounds", np.maximum(0, below_bound), 1e-9
    )
    claims.within("the nearest c is reached by a Theta", np.abs(reached - nearest), 10 * EPSILON)
    below_nearest = np.maximum(0, nearest - descended)
    claims.within("no random or descended Theta is nearer", below_nearest, 10 * EPSILON)
    return list(zip(units, bound, nearest, descended, strict=True))


def regression_data(N, D, rng):
    """Inputs from N(0, I), y = c^T phi(x) + noise of deviation 1/2: the X, phi(X) and y."""
    X = rng.normal(size=(N, D))
    features = phi(X)
    return X, features, features @ rng.normal(size=n_features(D)) + rng.normal(size=N) / 2


def check_closed_form(D, N, draws, rng, claims):
    """3.4: (X^T X)^-1 X^T y against a least-squares solver, on full-rank data."""
    F = n_features(D)
    N_full = max(N, 2 * F)  # 2F random examples: well away from a deficient rank
    data_sets = max(1, min(draws, 4 * 10**8 // (N_full * F * F)))
    c_errors, loss_errors = [], []
    for _ in range(data_sets):
        _, X, y = regression_data(N_full, D, rng)
        c, reference = closed_form(X, y), np.linalg.lstsq(X, y, rcond=None)[0]
        c_errors.append(relative_error(c, reference))
        losses = mean_squared_error(X @ c, y), mean_squared_error(X @ reference, y)
        loss_errors.append(abs(losses[0] - losses[1]))
    print(f"3.4  least squares on X of {N_full} examples by {F} features, {data_sets} data sets")
    claims.within("(X^T X)^-1 X^T y is the solver's c", c_errors, 1e-8)
    claims.within("and has its loss", loss_errors, 1e-10)


def deficient_inputs(D, rng):
    """Three ways for X to lose rank: (what, inputs of shape (N, D))."""
    F = n_features(D)
    distinct = rng.normal(size=(max(1, F // 2), D))
    return [
        ("fewer examples than features", rng.normal(size=(F - 1, D))),
        ("repeated examples", distinct[rng.integers(0, len(distinct), size=2 * F)]),
        ("inputs of -1 and 1, so x_i^2 = 1", rng.choice([-1.0, 1.0], size=(4 * F, D))),
    ]


def check_rank_deficient(D, rng, claims):
    """3.4 without full rank: what the closed form does there, and what is right instead."""
    F = n_features(D)
    print("3.4  X of deficient rank: X^T X has no inverse; c is taken of minimum norm")
    for what, inputs in deficient_inputs(D, rng):
        X, y = phi(inputs), rng.normal(size=len(inputs))
        c, rank = fit(X, y)
        best = mean_squared_error(X @ c, y)
        # Least squares: the residual is orthogonal to X's columns. Shortest: c has no part in
        # X's null space, along which the loss does not change.
        null_space = np.linalg.svd(X, full_matrices=len(X) < F)[2][rank:]
        shifted = mean_squared_error(X @ (c + null_space.sum(axis=0)), y)
        errors = np.abs(np.concatenate([X.T @ (X @ c - y), null_space @ c, [shifted - best]]))
        claims.within(f"{what}: N = {len(X)}, rank {rank} < {F}", errors, 1e-8)
        claims.at_least("  c is not unique: another c of the same loss", len(null_space) ** 0.5, 1)
        try:
            naive = closed_form(X, y)
            loss = mean_squared_error(X @ naive, y)
            outcome = f"gives ||c|| = {np.linalg.norm(naive):.3g} with loss {loss:.4g}"
        except np.linalg.LinAlgError:
            outcome = "stops: singular matrix"
        print(
            f"    minimum norm: ||c|| = {np.linalg.norm(c):.3g} with loss {best:.4g};"
            f" the closed form {outcome}"
        )


def check_descent(D, K, N, steps, rng, claims):
    """3.4: gradient descent on Theta ends at the closed form's loss or above it.

    Returns the smallest loss and, for K units and for one, the loss curves of five starts.
    """
    inputs, X, y = regression_data(N, D, rng)
    c, rank = fit(X, y)
    smallest = mean_squared_error(X @ c, y)
    print(f"3.4  gradient descent on Theta, {N} examples, {steps} steps from 5 starts")
    if rank < X.shape[1]:
        print(
            f"    X has rank {rank} < {X.shape[1]}: no closed form, the loss is that of lstsq's c"
        )
    print(f"    smallest loss of any c: {smallest:.6f}")
    curves, below = {}, [0.0]
    for units in sorted({1, K}, reverse=True):
        curves[units] = []
        for _ in range(5):
            W, b, v, v0 = random_theta(D, units, rng)
            start = Theta(W / math.sqrt(D), b / 2, v / math.sqrt(units), v0)
            curves[units].append(descend(lambda t: regression_loss(inputs, y, t), start, steps))
        last = [losses[-1] for losses in curves[units]]
        below += [smallest - loss for loss in last]
        print(f"    K = {units}: descent ends at {', '.join(f'{loss:.6f}' for loss in last)}")
    claims.within("no descent goes below it", below, 1e-10)
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
    figure.suptitle(
        f"Gradient descent on Theta against least squares in c, D = {D}, five starts each"
    )
    return figure


def plot_obstruction(D, rows, show):
    """The distance from one random c to what K units reach, against K."""
    units, bound, nearest, descended = zip(*rows, strict=True)
    figure = utils.new_figure((6, 4.2), show=show)
    axes = figure.subplots()
    axes.plot([*units, D], [*nearest, 0], "o-", label="nearest reachable found")
    axes.plot([*units, D], [*bound, 0], "k--", label="lower bound (Eckart-Young)")
    axes.plot(units, descended, "x", markersize=9, label="best gradient descent")
    axes.set(
        xlabel="hidden units K",
        ylabel=r"distance $\|c_\Theta - c\|_F$",
        title=f"With K < D = {D} units most c are out of reach",
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
