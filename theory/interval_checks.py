"""The claims of theory/interval.py, checked over the inputs and over seeded perturbations."""

import itertools

import numpy as np

import utils
from theory.claims import Claims
from theory.interval import (
    EXHAUSTIVE_D,
    Network,
    boundary_sums,
    f,
    farkas_certificate,
    input_margin,
    inputs_to_try,
    output_margin,
    perceptron_states,
    reachable_interval,
    relu_network,
    sign,
    sign_network,
    single_perceptron,
    weight_margin,
    with_sums,
)


def check(D, A, B, draws, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}."""
    lo, hi = reachable_interval(D, A, B)
    rng = np.random.default_rng(seed)
    claims = Claims()
    print(f"f(x) = 1 where {A} <= sum x <= {B}, else -1, for x in {{-1, 1}}^{D}")
    same = f"the same f has {lo} <= sum x <= {hi}" if lo <= hi else "no sum is in the interval"
    print(f"sums have the parity of D: {same}")
    print(f"{draws} draws, seed {seed}")
    states = check_square(claims)
    check_separability(D, A, B, rng, claims)
    for part, name, network in (
        ("(b)", "sign", sign_network(D, lo, hi)),
        ("(c)", "relu", relu_network(D, lo, hi)),
    ):
        print(f"{part}  two hidden units with {name} activations")
        check_network(name, network, D, A, B, draws, rng, claims)
        check_margin_is_tight(network, D, A, B, rng, claims)
    # With thresholds at A and B themselves, over the sums that inputs can have.
    edge_margin = np.min(np.abs(np.subtract.outer(np.arange(-D, D + 1, 2), (A, B))))
    print(f"    with thresholds at A and B themselves the margin would be {edge_margin}")
    return claims.failed, {
        "Q3-interval-D-2-A--1-B-1-not-separable": plot_square(states, show),
        f"Q3-interval-D-{D}-A-{A}-B-{B}-networks": plot_network(D, A, B, show),
    }


def square():
    """The case D = 2, A = -1, B = 1: its four inputs, (4, 2), and their labels, (4,)."""
    X = np.array(list(itertools.product((1, -1), repeat=2)))
    return X, f(X, -1, 1)


def check_certificate(D, A, B, claims):
    """One perceptron cannot compute f: the certificate, checked in exact integers."""
    positives, negatives = farkas_certificate(D, *reachable_interval(D, A, B))
    wrong = np.sum(f(positives, A, B) != 1) + np.sum(f(negatives, A, B) != -1)
    claims.none_wrong("p, q are positive and u, t negative", wrong, 4)
    unequal = np.sum(positives.sum(axis=0) != negatives.sum(axis=0))
    claims.none_wrong("p + q = u + t, coordinate by coordinate", unequal, D)
    if D <= 16:
        p, q, u, t = (
            "".join("+" if value > 0 else "-" for value in x) for x in (*positives, *negatives)
        )
        print(f"    p = {p}, q = {q}, u = {u}, t = {t}")


def check_square(claims):
    """D = 2, A = -1, B = 1: no perceptron, by certificate and by the learning rule's cycle."""
    print("(a)  D = 2, A = -1, B = 1 is not separable by one perceptron")
    check_certificate(2, -1, 1, claims)
    X, y = square()
    recurring = []  # mistakes in an epoch of each order's cycle; 0 where there is no cycle
    for order in itertools.permutations(range(4)):
        _, since, mistakes = perceptron_states(X[list(order)], y[list(order)])
        recurring.append(0 if since is None else mistakes)
    claims.at_least(
        "the perceptron's weights recur, in all 24 orders; mistakes an epoch", min(recurring), 1
    )
    states, since, mistakes = perceptron_states(X, y)
    print(
        f"    (w1, w2, b) = {states[-1]} after epochs {since} and {(len(states) - 1) // 4}, with"
        f" {mistakes} mistakes an epoch: it goes round for ever"
    )
    return states


def check_separability(D, A, B, rng, claims):
    """Whether the f asked for is separable: a perceptron that computes it, or a certificate."""
    lo, hi = reachable_interval(D, A, B)
    if farkas_certificate(D, lo, hi):
        print("(a)  this f is not separable: sums on both sides of the interval are negative")
        check_certificate(D, A, B, claims)
        return
    reason = "no sum is in the interval" if lo > hi else "the interval touches an end of the range"
    print(f"(a)  this f is separable by one perceptron: {reason}")
    w, b = single_perceptron(D, lo, hi)
    correct = [sign(X @ w + b) == f(X, A, B) for X in inputs_to_try(D, lo, hi, rng)]
    correct = np.concatenate(correct)
    claims.none_wrong(f"f(x) = sign({w[0]:+g} sum x {b:+g})", np.sum(~correct), len(correct))


def check_network(name, network, D, A, B, draws, rng, claims):
    """The network is f on all inputs tried, and stays f under perturbations below the margins."""
    lo, hi = reachable_interval(D, A, B)
    correct, margins, output_margins = [], [], []
    for X in inputs_to_try(D, lo, hi, rng):
        correct.append(network(X) == f(X, A, B))
        margins.append(input_margin(network, X))
        output_margins.append(output_margin(network, X))
    correct, margin = np.concatenate(correct), np.min(margins)
    tried = f"all 2^{D} inputs" if D <= EXHAUSTIVE_D else "the sampled inputs, both ends included"
    h1, h2 = (
        f"{name}({w:+g} sum x {b:+g})" for w, b in zip(network.W[:, 0], network.b, strict=True)
    )
    v1, v2 = network.v
    print(f"    h1 = {h1}, h2 = {h2}, y = sign({v1:+g} h1 {v2:+g} h2 {network.v0:+g})")
    claims.none_wrong(f"{name} network = f on {tried}", np.sum(~correct), len(correct))
    claims.at_least("margin: how far sum x may move, measured", margin, 1)
    claims.at_least(
        "margin: the output's pre-activation from 0, measured", np.min(output_margins), 1
    )

    # Inputs moved by d with |d_1| + .. + |d_D| just below the margin, in random directions and
    # in the two worst ones; weights moved to random corners of the cube of half-side eta.
    sums = boundary_sums(D, lo, hi)
    wrong_inputs = wrong_weights = 0
    eta = weight_margin(D)
    for draw in range(draws):
        X = with_sums(D, sums, rng)
        expected = f(X, A, B)
        direction = rng.normal(size=X.shape) if draw > 1 else np.full(X.shape, 1.0 - 2 * draw)
        direction /= np.sum(np.abs(direction), axis=1, keepdims=True)
        wrong_inputs += np.sum(network(X + 0.999 * margin * direction) != expected)
        corner = (p + 0.999 * eta * rng.choice([-1.0, 1.0], size=np.shape(p)) for p in network[1:])
        wrong_weights += np.sum(Network(network.activation, *corner)(X) != expected)
    cases = draws * len(sums)
    claims.none_wrong(f"inputs perturbed by less than {margin:g} in all", wrong_inputs, cases)
    claims.none_wrong(f"weights perturbed by less than {eta:.3g} each", wrong_weights, cases)


def check_margin_is_tight(network, D, A, B, rng, claims):
    """A perturbation of the inputs just above 1 does change an output, where f takes both values."""
    lo, hi = reachable_interval(D, A, B)
    at_edge = [(s, way) for s, way in ((lo, -1), (hi, 1)) if -D <= s + 2 * way <= D and lo <= hi]
    if not at_edge:
        return
    sums, ways = np.transpose(at_edge)
    X = with_sums(D, sums, rng)
    unchanged = np.sum(network(X + 1.001 / D * ways[:, None]) == f(X, A, B))
    claims.none_wrong("inputs at the edges, moved by 1.001 in all, do change", unchanged, len(X))


def plot_square(states, show):
    """The four points with the certificate, and the weights of the perceptron going round."""
    figure = utils.new_figure((10, 4.6), show=show)
    plane, weights = figure.subplots(1, 2, width_ratios=[1, 1.15])
    X, y = square()
    plane.fill_between([-2, 2], [1, -3], [3, -1], color="tab:blue", alpha=0.12, zorder=0)
    for offset in (-1, 1):
        plane.axline((0, offset), slope=-1, color="tab:blue", linewidth=1)
    for label, marker, colour in ((1, "o", "tab:blue"), (-1, "X", "tab:red")):
        points = X[y == label].T
        plane.plot(*points, "--", color=colour, linewidth=1, alpha=0.8)
        plane.plot(*points, marker, color=colour, markersize=12, label=f"f(x) = {label}")
    plane.annotate("both midpoints", (0, 0), (0.12, -0.42), arrowprops={"arrowstyle": "->"})
    plane.set(xlim=(-2, 2), ylim=(-2, 2), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    plane.set_title("No line parts them; two units do (band)")
    plane.legend(loc="upper right")
    states = states + states[1:]  # a second round: the weights are back where they started
    for values, name, style in zip(
        np.transpose(states).tolist(), ("$w_1$", "$w_2$", "$b$"), ("-", "--", ":"), strict=True
    ):
        weights.step(range(len(states)), values, style, where="post", linewidth=2, label=name)
    for epoch in range(0, len(states), 4):
        weights.axvline(epoch, color="black", alpha=0.2, linewidth=1)
    weights.set(xlabel="examples seen (vertical lines: epochs)", ylabel="weight")
    weights.set_title("The perceptron's weights return: it never stops")
    for axis in (weights.xaxis, weights.yaxis):
        axis.get_major_locator().set_params(integer=True)
    weights.legend()
    figure.suptitle("D = 2, A = -1, B = 1")
    return figure


def plot_network(D, A, B, show):
    """The two networks' outputs as functions of a real sum x, and the slack around the sums."""
    lo, hi = reachable_interval(D, A, B)
    figure = utils.new_figure((7, 4.4), show=show)
    axes = figure.subplots()
    left, right = max(-D, lo - 10) - 1.5, min(D, hi + 10) + 1.5
    if lo > hi or right - left < 8:
        middle = (lo + hi) // 2
        left, right = max(-D, middle - 12) - 1.5, min(D, middle + 12) + 1.5
    total = np.linspace(left, right, 2001)
    axes.axhline(0, color="black", linewidth=0.8)
    for name, network, colour in (
        ("sign", sign_network, "tab:blue"),
        ("relu", relu_network, "tab:orange"),
    ):  # one input stands for the sum: x = (s) with D = 1 gives the same pre-activations
        output = network(1, lo, hi).output(total[:, None])
        axes.plot(total, output, color=colour, label=f"{name} network")
    sums = np.arange(-D, D + 1, 2)
    sums = sums[(left <= sums) & (sums <= right)]
    inside = (lo <= sums) & (sums <= hi)
    for chosen, value, marker in ((sums[inside], 1, "ko"), (sums[~inside], -1, "kx")):
        if len(chosen):
            axes.plot(chosen, np.full(len(chosen), value), marker, label=f"sums with f = {value}")
    for threshold in (lo - 1, hi + 1):
        if left <= threshold <= right:
            axes.axvline(threshold, color="tab:green", linestyle=":", linewidth=1.5)
    axes.set(
        xlim=(left, right),
        ylim=(-4, 2.2),
        xlabel=r"$\sum x_i$ (dotted: thresholds, each 1 away from the sums beside it)",
        ylabel="output before its sign",
        title=rf"${A} \leq \sum x_i \leq {B}$ with two hidden units, D = {D}",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize="small", ncols=2)
    return figure
