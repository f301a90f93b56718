"""The smallest numbers that show a mistake, to be followed with a pencil, as text and Markdown.

For a mistake that has a wrong twin both twins are run on a few small round numbers, and the
certificate shows the first of them where they part: what each computes, line by line.
"""

from dataclasses import replace

import numpy as np

from checks import explain
from checks.mistakes_l2 import right_l2
from checks.twins import MLP, LogisticRegression, Perceptron, cross_entropy, log_softmax, softmax

RIGHT = {
    "perceptron": Perceptron(),
    "logistic_regression": LogisticRegression(),
    "mlp": MLP(),
}
W_2 = {"W": np.array([[1.0, 0], [0, 1]])}
W_3 = {"W": np.array([[1.0, 0], [0, 1], [-1, 2]])}
SMALL_MLP = {
    "W1": np.array([[1.0], [-1]]),
    "b1": np.array([1.0, 0]),
    "W2": np.array([[1.0, 0], [0, 1]]),
    "b2": np.zeros(2),
}
SMALL_MLP_3 = {
    "W1": np.array([[1.0, 1], [1, -2]]),
    "b1": np.array([1.0, 2]),
    "W2": np.array([[1.0, -1], [0, 1], [-1, 2]]),
    "b2": np.array([0.0, 1, -3]),
}


def shown(value):
    """An array as one line: (1, 2) for a vector, [1 2; 3 4] for a matrix."""
    value = np.asarray(value, dtype=float) + 0.0  # no -0
    if value.ndim == 0:
        return f"{float(value):.4g}"
    if value.ndim == 1:
        return "(" + ", ".join(shown(v) for v in value) + ")"
    return "[" + "; ".join(" ".join(shown(v) for v in row) for row in value) + "]"


def both(*lines):
    """Lines as a certificate: plain text, and Markdown with the lines as a block of code."""
    text = "\n".join(lines)
    return {"text": text, "markdown": f"```\n{text}\n```" if text else ""}


def said(text):
    """What Python says."""
    return both(f"Python says: {text}")


# ----------------------------------------------------------------------------------------------
# A step of a model


def tiny_cases(role):
    """[(weights, x, y, rate, penalty)], the smallest first."""
    if role == "mlp":
        return [
            (SMALL_MLP, np.array([1.0]), 1, 0.5, 0.0),
            (SMALL_MLP, np.array([-2.0]), 0, 0.5, 0.0),
            (SMALL_MLP_3, np.array([1.0, 2]), 0, 0.5, 0.0),
            (SMALL_MLP_3, np.array([-1.0, 1]), 2, 0.5, 0.0),
        ]
    cases = [
        (W_2, np.array([1.0, 2]), 0, 0.5, 0.0),
        (W_2, np.array([2.0, 1]), 1, 0.5, 0.0),
        (W_3, np.array([2.0, 1]), 1, 0.5, 0.0),
        (W_3, np.array([1.0, 1]), 0, 0.5, 0.0),
        (W_3, np.array([1.0, 2]), 0, 0.5, 0.0),
        (W_2, np.array([1.0, 2]), 2 - 1, 0.5, 0.0),
        (W_2, np.array([1.0, 2]), 0, 0.5, 0.1),
        (W_2, np.array([2.0, 1]), 1, 0.5, 0.1),
    ]
    return cases


def parts_at(right, wrong, case):
    """The traces of both twins and the number of the line where they part, or None."""
    weights, x, y, rate, penalty = case
    traces = [], []
    for textbook, trace in zip((right, wrong), traces, strict=True):
        textbook.step(weights, x, y, rate, penalty, trace)
    for number, (a, b) in enumerate(zip(*traces, strict=True)):
        if a[1].shape != b[1].shape or not np.allclose(a[1], b[1], atol=1e-9, equal_nan=True):
            return *traces, number
    return None


def step(role, explanation, entry):
    """A step by the right twin and by the one that agrees with the program."""
    right = replace(RIGHT[role], **sizes_of(role, explanation))
    for case in tiny_cases(role):
        found = parts_at(right, explanation.textbook, case)
        if found is None:
            continue
        (first, second, number), (weights, x, y, rate, penalty) = found, case
        lines = [*start_lines(weights), f"one example x = {shown(x)} of class {y}"]
        lines.append(f"learning rate {rate:g}" + (f", l2_penalty {penalty:g}" if penalty else ""))
        lines += ["", "right:", *trace_lines(first, number), ""]
        lines += ["this program:", *trace_lines(second, number)]
        return both(*lines)
    return both()


def sizes_of(role, explanation):
    return (
        {"size": explanation.textbook.size}
        if role == "perceptron" and explanation.conventions
        else {}
    )


def start_lines(weights):
    return [f"{name} = {shown(value)}" for name, value in weights.items()]


def trace_lines(trace, parting):
    """The lines of a derivation; the first that differs is marked."""
    return [
        f"{'>' if number == parting else ' '} {name} = {shown(value)}"
        for number, (name, value) in enumerate(trace)
    ]


def epoch(role, explanation, scheme):
    """An epoch of two examples, made of steps as it should be and as the program makes it."""
    textbook = explanation.textbook
    weights = SMALL_MLP if role == "mlp" else {"W": np.zeros((2, 2))}
    if role == "mlp":
        X, y = np.array([[1.0], [2.0]]), [1, 0]
    else:
        X, y = np.array([[1.0, 2], [2.0, 1]]), [1, 0]
    name = "W1" if role == "mlp" else "W"
    right = explain.course(textbook, weights, X, y, 0.5, 0.0)
    lines = [*start_lines(weights), "two examples: " + " and ".join(
        f"x = {shown(x)} of class {k}" for x, k in zip(X, y, strict=True)), "learning rate 0.5", ""]  # fmt: skip
    lines += [
        "right, a step per example:",
        f"  {name} after the first = {shown(right[1][name])}",
        f"  {name} after the second = {shown(right[2][name])}",
        "",
    ]
    if scheme == "full_batch":
        first = [textbook.step(weights, x, k, 0.5) for x, k in zip(X, y, strict=True)]
        summed = weights[name] + sum(s[name] - weights[name] for s in first)
        lines += [
            "this program, both changes from the weights at the start:",
            f"  {name} = {shown(summed)} (or half of that change, where it takes the mean)",
        ]
    elif scheme == "own_shuffle":
        return both()
    else:
        lines += [
            "this program, where a single example is used:",
            f"  {name} at the end = {shown(right[1][name])}",
        ]
    return both(*lines)


def unknown_step(role, right, steps, epochs):
    """(sentence, certificate) of a step that no twin makes: expected and given numbers."""
    if not steps and not epochs:
        return "No step could be compared.", both()
    wrong = [s for s in steps if not explain.step_agrees(right, s)]
    if wrong:
        before, x, y, rate, penalty, after = min(wrong, key=lambda s: np.abs(s[1]).sum())
        expected = right.step(before, x, y, rate, penalty)
        asked = f"one step on x = {shown(np.round(x, 3))} of class {y}, learning rate {rate:g}"
    else:
        before, X, y, rate, penalty, after = epochs[0]
        expected = explain.course(right, before, X, y, rate, penalty)[-1]
        asked = f"an epoch of {len(X)} examples, learning rate {rate:g}"
    lines = [asked]
    for name, value in expected.items():
        seen = (after or {}).get(name)
        if seen is None or seen.shape != value.shape:
            lines.append(f"{name} has another shape afterwards")
            continue
        place = np.unravel_index(
            np.argmax(np.abs(np.nan_to_num(seen, nan=1e9) - value)), value.shape
        )
        index = ", ".join(str(int(i)) for i in place)
        lines.append(
            f"{name}[{index}]: {float(before[name][place]):.6g} before, "
            f"{float(value[place]):.6g} expected, {float(seen[place]):.6g} given"
        )
    return f"After {asked} the weights differ from the correct ones.", both(*lines)


# ----------------------------------------------------------------------------------------------
# The penalty


def l2(id, twin=None):
    """What the penalty adds to one step, right and as the program does."""
    W, rate, penalty = np.array([[2.0, 0], [0, 1]]), 0.5, 0.1
    lines = [
        f"W = {shown(W)}, learning rate {rate:g}, l2_penalty {penalty:g}",
        "what the penalty adds to the step:",
        f"  right: -{rate:g} * {penalty:g} * W = {shown(right_l2(W, W, rate, penalty))}",
    ]
    if twin is not None:
        lines.append(f"  this program: {shown(twin(W, W, rate, penalty) + 0 * W)}")
    return both(*lines)


def unknown_l2(pairs):
    with_penalty, without = pairs[0]
    before, _, _, rate, penalty, after = with_penalty
    right = right_l2(before["W"], without[5]["W"], rate, penalty)
    seen = after["W"] - without[5]["W"]
    place = np.unravel_index(np.argmax(np.abs(np.nan_to_num(seen, nan=1e9) - right)), right.shape)
    line = (
        f"learning rate {rate:g}, l2_penalty {penalty:g}, a weight of {before['W'][place]:.6g}: the "
        f"penalty should change it by {right[place]:.6g}, and changes it by {seen[place]:.6g}"
    )
    return "The penalty changes the weights in another way.", both(line)


# ----------------------------------------------------------------------------------------------
# Loss and predictions


class _Scores:
    """A textbook whose weights are the scores themselves: for losses of given scores."""

    @staticmethod
    def scores(weights, x):
        return weights


def loss(id, twin):
    """The loss of an epoch of two examples of given scores."""
    course = [np.array([2.0, 1, 0]), np.array([0.0, 1, 0]), np.array([1.0, 1, 0])]
    X, y = np.zeros((2, 1)), [0, 2]
    lines = ["scores of two examples, each before its step, and gold classes:"]
    lines += [f"  {shown(s)}, class {k}" for s, k in zip(course, y, strict=False)]
    each = [cross_entropy(s, k) for s, k in zip(course, y, strict=False)]
    logs = [log_softmax(s) for s in course[:2]]
    lines += [f"  log p = {shown(log)}" for log in logs]
    if id == "loss_recomputed_late":
        lines.append(f"  scores after the last step: {shown(course[2])}")
    lines.append(f"right: mean of {shown(each)} = {shown(np.mean(each))}")
    lines.append(f"this program: {shown(twin(_Scores, course, X, y))}")
    return both(*lines)


def unknown_loss(expected, value, observed_epoch):
    sentence = f"The loss should be {expected:.6g} (or the sum) and is {value:.6g}."
    return sentence, both(f"an epoch of {len(observed_epoch[1])} examples: {sentence}")


def unknown_predictions(table, found, returned):
    right = table.argmax(axis=1)
    lines = ["scores of the examples, the class they give" + (", and the class returned" if found is not None else "")]  # fmt: skip
    for number, row in enumerate(table[:3]):
        given = f", {found[number]:g}" if found is not None else ""
        lines.append(f"  {shown(np.round(row, 3))}: {right[number]}{given}")
    if found is None:
        lines.append(f"what is returned has the kind {returned.get('kind')}, shape {returned.get('shape')}")  # fmt: skip
    return "predict returns other classes than those of the largest scores.", both(*lines)


def large_scores():
    return both(
        "two classes with scores 1000 and 990, the second one right",
        "right, with the maximum subtracted: exp(0) = 1 and exp(-10) = 0.0000454, p = "
        + shown(softmax(np.array([0.0, -10]))),
        "this program: exp(1000) = inf and exp(990) = inf, p = inf / inf = nan",
    )


def log_zero():
    return both(
        "two classes with scores 600 and -600, the second one right",
        "right: -log p = log(sum of exp) - score = 600 + 600 = 1200",
        "this program: p = exp(-1200) = 0 in float64, -log(0) = inf",
    )


def clipped():
    return both(
        "a gradient of 30, learning rate 0.1, a weight of 5",
        "right: 5 - 0.1 * 30 = 2",
        "clipped at 1, say: 5 - 0.1 * 1 = 4.9",
    )


def no_axis():
    table = np.array([[1.0, 3], [4, 2]])
    return both(
        f"scores of two examples: {shown(table)}",
        "right: the largest of each row, (1, 0)",
        "this program: the largest of all, 4, stands at place 2 of (1, 3, 4, 2): the number 2",
    )


def global_maximum():
    return both(
        "scores of two examples: (2000, 0) and (1, 3)",
        "right: each row minus its own maximum, classes (0, 1)",
        "this program: all minus 2000; exp(1 - 2000) = exp(3 - 2000) = 0, so the second is class 0",
    )


def initial(sentences):
    return both(*sentences, "asked for: weights of mean 0.1 and deviation 0.1, biases 0")
