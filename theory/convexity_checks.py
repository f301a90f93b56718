"""The claims of theory/convexity.py, checked on images of a data file from several seeded starts."""

import itertools

import numpy as np

import utils
from fast.pixels import FeatureMatrix
from theory import convexity as q3
from theory.claims import Claims
from theory.descent import descend, flat, like

POINTS = np.linspace(0, 1, 51)  # of a line
EARLY = 20  # steps after which descents without a penalty are compared
ROUNDING = 1e-12  # of costs along a line, as a share of the largest


def check(data, examples, hidden_size, starts, l2_penalty, steps, seed, show=False):
    """Print every claim; returns how many failed and the figures, {name: figure}.

    data : `lab.dataset.Data`; `examples` of its training images are drawn.
    """
    rng = np.random.default_rng(seed)
    claims = Claims()
    images, labels = data.arrays["train_images"], data.arrays["train_labels"]
    n = min(examples, len(labels))
    rows = np.sort(rng.choice(len(labels), n, replace=False))
    X, y = FeatureMatrix(images, bias=True, order=rows)[0:n], labels[rows]
    pixels, n_classes = X.shape[1] - 1, data.n_classes
    print(f"{data.title}: {n:,} training images of {pixels:,} pixels, {n_classes} classes")
    print(f"{starts} starts of each model, seed {seed}, penalty {l2_penalty:g} / 2 ||weights||^2")
    print("docs/theory.md explains each line")
    curves = check_logistic_regression(X, y, n_classes, starts, l2_penalty, steps, rng, claims)
    title = f"{n:,} images of {data.title}, {starts} starts"
    figures = {"logistic-regression": plot_logistic_regression(*curves, title, show)}
    curves = check_mlp(X[:, :-1], y, n_classes, hidden_size, starts, l2_penalty, steps, rng, claims)
    title = f"{hidden_size} hidden units, {title}"
    figures["mlp"] = plot_mlp(*curves, title, show)
    return claims.failed, {f"Q3-convexity{data.tag}-{name}": f for name, f in figures.items()}


def lines(cost, ends):
    """The costs along the lines between each two of the ends, (pairs, points)."""
    pairs = itertools.combinations(ends, 2)
    return np.array([q3.along_line(cost, *pair, POINTS) for pair in pairs])


def check_convex_lines(which, costs, claims):
    """No second difference below zero, no cost above the chord, but for rounding; (lines, points)."""
    size = np.max(np.abs(costs))
    negative = np.maximum(0, -np.diff(costs, 2)) / size
    claims.within(f"{which}: no second difference is negative", negative, ROUNDING)
    above = np.maximum(0, [q3.above_chord(line, POINTS) for line in costs]) / size
    claims.within(f"{which}: nowhere above the chord", above, ROUNDING)


def check_logistic_regression(X, y, n_classes, starts, l2_penalty, steps, rng, claims):
    """Convex, and every start ends in the same weights; (lines, costs of each descent)."""
    print(f"logistic regression, {n_classes} x {X.shape[1]} weights")
    X = q3.span_coordinates(X)

    def loss(theta):
        return q3.logistic_regression_cost(theta, X, y, n_classes)

    def cost(theta):
        return q3.logistic_regression_cost(theta, X, y, n_classes, l2_penalty)

    thetas = [rng.normal(size=n_classes * X.shape[1]) / 10 for _ in range(starts)]
    errors, curvatures = [], []  # along the way from each start to each later one
    for theta, other in itertools.combinations(thetas, 2):
        direction = (other - theta) / np.linalg.norm(other - theta)
        curvatures.append(q3.curvature(theta, direction, X, n_classes))
        ahead, behind = (loss(theta + t * direction)[1] for t in (1e-4, -1e-4))
        slope = (ahead - behind) @ direction / 2e-4
        errors.append(abs(slope / curvatures[-1] - 1))
    claim = "d^2 loss / dt^2 is the mean variance of the logits' change"
    claims.within(claim, errors, 1e-6)
    claims.at_least("  which is never negative, so the loss is convex", curvatures, 0)
    check_convex_lines("between the starts", lines(loss, thetas), claims)

    early = [descend(loss, theta, EARLY)[0] for theta in thetas]
    between_early = lines(loss, early)
    check_convex_lines(f"between ends after {EARLY} steps", between_early, claims)

    ends, curves = zip(*(descend(cost, theta, steps) for theta in thetas), strict=True)
    size = np.linalg.norm(ends[0])
    gradients = [np.linalg.norm(cost(end)[1]) for end in ends]
    claims.within("with the penalty: the cost's gradient at the ends", gradients, 1e-6)
    spread = np.ptp([curve[-1] for curve in curves])
    claims.within("  the ends' costs agree", spread, 1e-9)
    apart = [np.linalg.norm(a - b) / size for a, b in itertools.combinations(ends, 2)]
    claims.within("  the ends' weights agree: ||W - W'|| / ||W||", apart, 1e-5)
    apart = min(np.linalg.norm(a - b) for a, b in itertools.combinations(thetas, 2)) / size
    counts = ", ".join(str(len(curve) - 1) for curve in curves)
    print(
        f"    the starts were {apart:.2g} ||W|| apart or more; {counts} steps took each to the same"
    )
    print(f"    end, of cost {curves[0][-1]:.6f}")
    return between_early, curves


def check_mlp(X, y, n_classes, hidden_size, starts, l2_penalty, steps, rng, claims):
    """Not convex: barriers between ends; (lines, lines to permuted ends, costs of each descent)."""
    pixels = X.shape[1]
    print(f"MLP, {hidden_size} hidden relu units, the same penalty, {steps:,} steps at most")
    X = q3.span_coordinates(X)
    networks = [
        q3.random_mlp(X.shape[1], pixels, hidden_size, n_classes, rng) for _ in range(starts)
    ]
    shapes = networks[0]

    def cost(theta):
        return q3.mlp_cost(theta, shapes, X, y, l2_penalty)

    ends, curves = zip(*(descend(cost, flat(net), steps) for net in networks), strict=True)
    finals = np.array([curve[-1] for curve in curves])
    print(f"    the ends' costs: {', '.join(f'{final:.6f}' for final in finals)}")
    claims.at_least("the ends' costs differ, the highest from the lowest", np.ptp(finals), 1e-4)
    found = [like(shapes, end) for end in ends]
    apart = [
        a.least_distance(b) / np.linalg.norm(flat(a)) for a, b in itertools.permutations(found, 2)
    ]
    claim = "their weights differ, whatever the units' order, by this share"
    claims.at_least(claim, apart, 0.1)
    between = lines(cost, ends)
    barriers = [np.max(q3.above_chord(line, POINTS)) for line in between]
    claims.at_least("between two ends the cost rises above the chord", barriers, 0.01)

    shift = np.roll(np.arange(hidden_size), 1)  # no unit stays in its place
    permuted = [flat(network.permuted(shift)) for network in found]
    changes = [abs(cost(end)[0] - final) for end, final in zip(permuted, finals, strict=True)]
    claims.within("with its units permuted an end has the same cost", changes, ROUNDING)
    to_permuted = np.array(
        [q3.along_line(cost, *pair, POINTS) for pair in zip(ends, permuted, strict=True)]
    )
    barriers = np.max(to_permuted, axis=1) - finals
    claims.at_least("on the line between the two the cost is above it", barriers, 0.01)
    means = [cost(flat(network.mean_of_permutations()))[0] for network in found]
    claim = "the mean of all permutations is worse"
    claims.at_least(claim, means - finals, 0.01)
    print(
        "    all permutations have the end's cost, and in their mean all units are equal: were the"
    )
    print(f"    cost convex, one hidden unit would do as well as {hidden_size}")
    return between, to_permuted, curves


def two_panels(title, line_label, groups, room, show):
    """A figure of costs along lines, their chords dashed, beside axes for descents: both of them.

    groups : (costs (lines, points), colour, label) of each group of lines.
    room : for the legend above them, as a share of the costs' range.
    """
    figure = utils.new_figure((10, 4.8), title, show)
    left, right = figure.subplots(1, 2)
    left.set(xlabel="t: from one end (0) to another (1)", ylabel=line_label)
    left.set_title("Along straight lines")
    right.set(xlabel="step of L-BFGS", title="Descents from the starts")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    for costs, colour, label in groups:
        for i, line in enumerate(costs):
            left.plot(POINTS, line, color=colour, alpha=0.8, label=None if i else label)
            style = {"linewidth": 1, "alpha": 0.6, "label": None if i else "their chords"}
            left.plot([0, 1], line[[0, -1]], "--", color=colour, **style)
    low, high = left.get_ylim()
    left.set_ylim(top=high + room * (high - low))
    left.legend(fontsize="small")
    return figure, right


def plot_logistic_regression(between, curves, title, show):
    """The loss along lines between early ends, and the descents of the cost."""
    groups = [(between, "tab:blue", f"between the starts' ends after {EARLY} steps")]
    label = "cross-entropy (no penalty)"
    figure, right = two_panels(f"Logistic regression\n{title}", label, groups, 0.2, show)
    lowest = min(curve[-1] for curve in curves)
    for curve in curves:
        right.plot(np.maximum(curve - lowest, 1e-12), label=f"ends at {curve[-1]:.6f}")
    right.set(ylabel="cost (with l2 penalty) above the lowest, from 1e-12", yscale="log")
    right.legend(fontsize="small")
    return figure


def plot_mlp(between, to_permuted, curves, title, show):
    """The cost along lines between ends, and the descents."""
    groups = [
        (between, "tab:red", "between the ends of two starts"),
        (to_permuted, "tab:orange", "from an end to itself with its units permuted"),
    ]
    label = "cost (cross-entropy + l2 penalty)"
    figure, right = two_panels(f"MLP\n{title}", label, groups, 0.35, show)
    finals = [curve[-1] for curve in curves]
    for curve in curves:
        right.plot(curve, label=f"ends at {curve[-1]:.6f}")
    right.set(ylabel=label, ylim=(0.95 * min(finals), 1.3 * max(finals)))
    right.legend(fontsize="small")
    return figure
