"""The claims of theory/interval.py, checked over the inputs and over seeded perturbations."""

import itertools

import numpy as np

import utils
from theory import interval as q3
from theory.claims import Claims


def check(D, A, B, draws, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}."""
    lo, hi = q3.reachable_interval(D, A, B)
    rng = np.random.default_rng(seed)
    claims = Claims()
    print(f"f(x) = 1 where {A} <= sum x <= {B}, else -1, for x in {{-1, 1}}^{D}")
    same = f"the same f has {lo} <= sum x <= {hi}" if lo <= hi else "no sum is in the interval"
    print(f"sums have the parity of D: {same}")
    print(f"{draws} draws, seed {seed}; docs/theory.md explains each line")
    check_square(claims)
    check_separability(D, A, B, rng, claims)
    print("(b)  two hidden units with sign activations")
    check_network("sign", q3.sign_network(D, lo, hi), D, A, B, draws, rng, claims)
    print("(c)  two hidden units with relu activations")
    check_network("relu", q3.relu_network(D, lo, hi), D, A, B, draws, rng, claims)
    margin = np.min(np.abs(np.subtract.outer(np.arange(-D, D + 1, 2), (A, B))))
    print(f"    with thresholds at A and B themselves the margin would be {margin}")
    return claims.failed, {
        f"Q3-interval-D-{D}-A-{A}-B-{B}-networks": plot_networks(D, A, B, show),
    }


def square():
    """The case D = 2, A = -1, B = 1: its four inputs, (4, 2), and their labels, (4,)."""
    X = np.array(list(itertools.product((1, -1), repeat=2)))
    return X, q3.f(X, -1, 1)


def check_certificate(D, A, B, claims):
    """One perceptron cannot compute f: the certificate, checked in exact integers."""
    positives, negatives = q3.farkas_certificate(D, *q3.reachable_interval(D, A, B))
    wrong = np.sum(q3.f(positives, A, B) != 1) + np.sum(q3.f(negatives, A, B) != -1)
    claims.none_wrong("p, q are positive and u, t negative", wrong, 4)
    unequal = np.sum(positives.sum(axis=0) != negatives.sum(axis=0))
    claims.none_wrong("p + q = u + t, coordinate by coordinate", unequal, D)
    if D <= 16:
        points = zip("pqut", (*positives, *negatives), strict=True)
        signs = (f"{name} = {''.join('-+'[int(i > 0)] for i in x)}" for name, x in points)
        print(f"    {', '.join(signs)}")


def check_square(claims):
    """D = 2, A = -1, B = 1: no perceptron, by certificate and by the learning rule's cycle."""
    print("(a)  D = 2, A = -1, B = 1 is not separable by one perceptron")
    check_certificate(2, -1, 1, claims)
    X, y = square()
    recurring = []  # mistakes in an epoch of each order's cycle; 0 where there is no cycle
    for order in map(list, itertools.permutations(range(4))):
        _, since, mistakes = q3.perceptron_states(X[order], y[order])
        recurring.append(0 if since is None else mistakes)
    endless = sum(mistakes > 0 for mistakes in recurring)
    claim = "the perceptron's weights recur, with mistakes: it never stops"
    claims.holds(claim, f"{endless} of 24 orders", endless == 24)
    states, since, mistakes = q3.perceptron_states(X, y)
    epoch, cycle = (len(states) - 1) // 4, f"{mistakes} mistakes per epoch"
    print(f"    (w1, w2, b) = {states[-1]} after epochs {since} and {epoch}, with {cycle}")


def check_separability(D, A, B, rng, claims):
    """Whether the f asked for is separable: a perceptron that computes it, or a certificate."""
    lo, hi = q3.reachable_interval(D, A, B)
    if q3.farkas_certificate(D, lo, hi):
        print("(a)  this f is not separable: sums on both sides of the interval are negative")
        check_certificate(D, A, B, claims)
        return
    reason = "no sum is in the interval" if lo > hi else "the interval touches an end of the range"
    print(f"(a)  this f is separable by one perceptron: {reason}")
    w, b = q3.single_perceptron(D, lo, hi)
    chunks = q3.inputs_to_try(D, lo, hi, rng)
    wrong = np.concatenate([q3.sign(X @ w + b) != q3.f(X, A, B) for X in chunks])
    claims.none_wrong(f"f(x) = sign({w[0]:+g} sum x {b:+g})", np.sum(wrong), len(wrong))


def check_network(name, network, D, A, B, draws, rng, claims):
    """The network is f on all inputs tried, and stays f under perturbations below the margins."""
    lo, hi = q3.reachable_interval(D, A, B)
    units = zip(network.W[:, 0], network.b, strict=True)
    h1, h2 = (f"{name}({w:+g} sum x {b:+g})" for w, b in units)
    v1, v2 = network.v
    print(f"    h1 = {h1}, h2 = {h2}, y = sign({v1:+g} h1 {v2:+g} h2 {network.v0:+g})")
    wrong, margins = [], []
    for X in q3.inputs_to_try(D, lo, hi, rng):
        wrong.append(network(X) != q3.f(X, A, B))
        margins.append(q3.margins(network, X))
    wrong, (margin, output_margin) = np.concatenate(wrong), np.min(margins, axis=0)
    tried = (
        f"all 2^{D} inputs" if D <= q3.EXHAUSTIVE_D else "the sampled inputs, both ends included"
    )
    claims.none_wrong(f"{name} network = f on {tried}", np.sum(wrong), len(wrong))
    claims.at_least("sum x may move by 1 before an output changes: the margin", margin, 1)
    claims.at_least("the output before its sign is 1 away from 0 or more", output_margin, 1)

    # Inputs moved by d with |d_1| + .. + |d_D| just below the margin, in random directions and
    # in the two worst ones; weights moved to random corners of the cube of half-side eta.
    eta = q3.weight_margin(D)
    wrong_inputs, wrong_weights = [], []
    for draw in range(draws):
        X = q3.with_sums(D, q3.boundary_sums(D, lo, hi), rng)
        y = q3.f(X, A, B)
        d = rng.normal(size=X.shape) if draw > 1 else np.full(X.shape, 1.0 - 2 * draw)
        d /= np.sum(np.abs(d), axis=1, keepdims=True)
        wrong_inputs.append(network(X + 0.999 * margin * d) != y)
        corner = (p + 0.999 * eta * rng.choice([-1.0, 1.0], size=np.shape(p)) for p in network[1:])
        wrong_weights.append(q3.Network(network.activation, *corner)(X) != y)
    cases = np.size(wrong_inputs)
    claim = f"inputs perturbed by less than {margin:g} in all change no output"
    claims.none_wrong(claim, np.sum(wrong_inputs), cases)
    claim = f"weights perturbed by less than {eta:.3g} each change no output"
    claims.none_wrong(claim, np.sum(wrong_weights), cases)

    # The margin is tight: just above 1, an output changes at the edges where f takes both values.
    edges = [(s, way) for s, way in ((lo, -1), (hi, 1)) if lo <= hi and abs(s + 2 * way) <= D]
    if edges:
        sums, ways = np.transpose(edges)
        X = q3.with_sums(D, sums, rng)
        same = network(X + 1.001 / D * ways[:, None]) == q3.f(X, A, B)
        claim = "inputs at the edges, moved by 1.001 in all, do change"
        claims.none_wrong(claim, np.sum(same), len(same))


def plot_networks(D, A, B, show):
    """The two networks' outputs as functions of a real sum x, and the slack around the sums."""
    lo, hi = q3.reachable_interval(D, A, B)
    figure = utils.new_figure((7, 4.4), show=show)
    axes = figure.subplots()
    left, right = max(-D, lo - 10) - 1.5, min(D, hi + 10) + 1.5
    if lo > hi or right - left < 8:
        middle = (lo + hi) // 2
        left, right = max(-D, middle - 12) - 1.5, min(D, middle + 12) + 1.5
    total = np.linspace(left, right, 2001)
    axes.axhline(0, color="black", linewidth=0.8)
    # One input stands for the sum: x = (s) with D = 1 gives the same pre-activations.
    for make, colour in ((q3.sign_network, "tab:blue"), (q3.relu_network, "tab:orange")):
        output, label = make(1, lo, hi).output(total[:, None]), make.__name__.replace("_", " ")
        axes.plot(total, output, color=colour, label=label)
    sums = np.arange(-D, D + 1, 2)
    sums = sums[(left <= sums) & (sums <= right)]
    inside = (lo <= sums) & (sums <= hi)
    for chosen, value, marker in ((sums[inside], 1, "ko"), (sums[~inside], -1, "kx")):
        if len(chosen):
            axes.plot(chosen, np.full(len(chosen), value), marker, label=f"sums with f = {value}")
    for threshold in (lo - 1, hi + 1):
        if left <= threshold <= right:
            axes.axvline(threshold, color="tab:green", linestyle=":", linewidth=1.5)
    axes.set(xlim=(left, right), ylim=(-4, 2.2), ylabel="output before its sign")
    axes.set_xlabel(r"$\sum x_i$ (dotted: thresholds, each 1 away from the sums beside it)")
    axes.set_title(rf"${A} \leq \sum x_i \leq {B}$ with two hidden units, D = {D}")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize="small", ncols=2)
    return figure
