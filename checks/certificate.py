"""The smallest numbers that show a mistake, to be followed with a pencil, as text and Markdown.

For a mistake that has a wrong twin both twins are run on a few small round numbers, and the
certificate shows the first of them where they part: what each computes, line by line, and what the
submission itself gave there.
"""

import numpy as np

from checks import explain, observed
from checks.mistakes_l2 import right_l2
from checks.small_cases import WITH_PENALTY, WITHOUT_PENALTY, small_cases
from checks.twins import cross_entropy, log_softmax, softmax


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
    text = "\n".join(lines).replace("```", "'''")
    return {"text": text, "markdown": f"```\n{text}\n```" if text else ""}


def lines_of(named):
    return [f"{name} = {shown(value)}" for name, value in named.items()]


def own_numbers(seen, number):
    """The weights that the submission itself has after a small case; None if that is not known."""
    case = small_cases(seen.role)[number]
    for run in seen.runs(f"small/{number}"):
        widths = {name: value.shape[-1] for name, value in case.before.items()}
        before = {name: run.before[name][..., :width] for name, width in widths.items()}
        if run.after and all(np.array_equal(before[n], v) for n, v in case.before.items()):
            return {n: run.after[n][..., :width] for n, width in widths.items() if n in run.after}
    return None


def as_run(seen, number):
    """The lines of a small case with what the submission itself gave."""
    own = own_numbers(seen, number)
    return ["", "as it was run:", *[f"  new {line}" for line in lines_of(own)]] if own else []


# ----------------------------------------------------------------------------------------------
# A step of a model


def step(seen, explanation):
    """A step by the right twin and by the one that agrees with the program, from where they part."""
    for number, case in enumerate(small_cases(seen.role)):
        example = (case.before, case.X[0], int(case.y[0]), case.rate, case.penalty)
        right, wrong = explanation.right.work(*example), explanation.textbook.work(*example)
        parting = where_they_part(right, wrong)
        if len(case.X) > 1 or parting is None:
            continue
        right, wrong = lines_of(right), lines_of(wrong)
        penalty = f", l2_penalty {case.penalty:g}" if case.penalty else ""
        lines = [
            *lines_of(case.before),
            f"one example x = {shown(case.X[0])} of class {case.y[0]}",
            f"learning rate {case.rate:g}{penalty}",
            "",
            *right[:parting],
            "",
            "right:",
            *[f"  {line}" for line in right[parting:]],
            "",
            "this program:",
            *[f"  {line}" for line in wrong[parting:]],
        ]
        return both(*lines, *as_run(seen, number))
    return both()


def where_they_part(right, wrong):
    """The number of the first thing that two twins compute differently, or None."""
    for number, (a, b) in enumerate(zip(right.values(), wrong.values(), strict=True)):
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, atol=1e-9, equal_nan=True):
            return number
    return None


def epoch(seen, explanation, scheme):
    """An epoch of two examples, made of steps as it should be and as the program makes it."""
    if scheme == "own_shuffle":
        return both()
    number = len(small_cases(seen.role)) - 1
    case, name = small_cases(seen.role)[number], "W1" if seen.role == "mlp" else "W"
    before, first, second = explain.course(explanation.textbook, case)
    gold = [f"x = {shown(x)} of class {k}" for x, k in zip(case.X, case.y, strict=True)]
    lines = [
        *lines_of(before),
        f"two examples: {' and '.join(gold)}",
        f"learning rate {case.rate:g}",
        "",
        "right, a step per example:",
        f"  {name} after the first = {shown(first[name])}",
        f"  {name} after the second = {shown(second[name])}",
        "",
    ]
    if scheme == "full_batch":
        alone = explain.course(explanation.textbook, case._replace(X=case.X[1:], y=case.y[1:]))[-1]
        end = shown(first[name] + alone[name] - before[name])
        lines += [
            "this program, both changes from the weights at the start:",
            f"  {name} = {end} (or half of that change, where it takes the mean)",
        ]
    else:
        lines += [
            "this program, where a single example is used:",
            f"  {name} at the end = {shown(first[name])}",
        ]
    return both(*lines, *as_run(seen, number))


def unknown_step(right, steps, epochs):
    """(sentence, certificate) of a step that no twin makes: expected and given numbers."""
    if not steps and not epochs:
        return "Its parameters were not found, so no step can be compared.", both()
    wrong = [run for run in steps if not explain.agrees(right, run)]
    run = min(wrong, key=lambda run: np.abs(run.X).sum()) if wrong else epochs[0]
    asked = f"an epoch of {len(run.X)} examples, learning rate {run.rate:g}"
    if len(run.X) == 1:
        x = shown(np.round(run.X[0], 3))
        asked = f"one step on x = {x} of class {run.y[0]}, learning rate {run.rate:g}"
    lines = largest_differences(run.before, explain.course(right, run)[-1], run.after or {})
    return f"After {asked} the weights are others than the right ones.", both(asked, *lines)


def largest_differences(before, expected, given):
    """Of each parameter the number that is furthest from the right one."""
    lines = []
    for name, value in expected.items():
        seen = given.get(name)
        if seen is None or seen.shape != value.shape:
            lines.append(f"{name} has another shape afterwards")
            continue
        distance = np.abs(np.nan_to_num(seen, nan=1e9) - value)
        place = np.unravel_index(np.argmax(distance), value.shape)
        lines.append(
            f"{name}[{', '.join(str(int(i)) for i in place)}]: {before[name][place]:.6g} before, "
            f"{value[place]:.6g} expected, {seen[place]:.6g} given"
        )
    return lines


def crash(error, call=None):
    """What was called, the line that failed, and what Python said."""
    lines = []
    if call is not None:
        n, width = call.X.shape
        x, y = ("x_i", "y_i") if "x" in call.asked else ("X", "y")
        given = (
            f"{x} of {width} features" if n == 1 and x == "x_i" else f"{x} of shape ({n}, {width})"
        )
        if "y" in call.asked:
            given += f", {y} = {shown(call.y if x == 'X' else call.y[0])}"
        lines.append(f"called: {METHODS[call.asked['call']]}, {given}")
    line, code = observed.field(error, "line"), observed.field(error, "code")
    if isinstance(line, int) and isinstance(code, str) and code:
        lines.append(f"line {line}: {code[:200]}")
    return both(*lines, f"Python says: {observed.error_message(error)}")


METHODS = {
    "update": "update_weight",
    "epoch": "train_epoch",
    "predict": "predict",
    "evaluate": "evaluate",
}


# ----------------------------------------------------------------------------------------------
# The penalty


def l2(twin, seen):
    """What the penalty adds to one step, right and as the program does."""
    case = small_cases(seen.role)[WITH_PENALTY]
    W, rate, penalty = case.before["W"], case.rate, case.penalty
    lines = [
        f"W = {shown(W)}, learning rate {rate:g}, l2_penalty {penalty:g}",
        "what the penalty adds to the step:",
        f"  right: -{rate:g} * {penalty:g} * W = {shown(right_l2(W, W, rate, penalty))}",
    ]
    if twin is not None:
        lines.append(f"  this program: {shown(twin(W, W, rate, penalty) + 0 * W)}")
    own, without = own_numbers(seen, WITH_PENALTY), own_numbers(seen, WITHOUT_PENALTY)
    if own and without:
        lines.append(f"  as it was run: {shown(own['W'] - without['W'])}")
    return both(*lines)


def unknown_l2(with_penalty, without):
    """What a penalty adds to a step, where no twin adds it."""
    W, rate, penalty = with_penalty.before["W"], with_penalty.rate, with_penalty.penalty
    right = right_l2(W, without.after["W"], rate, penalty)
    seen = with_penalty.after["W"] - without.after["W"]
    place = np.unravel_index(np.argmax(np.abs(np.nan_to_num(seen, nan=1e9) - right)), right.shape)
    return both(
        f"learning rate {rate:g}, l2_penalty {penalty:g}, a weight of {W[place]:.6g}:",
        f"the penalty should change it by {right[place]:.6g}, and changes it by {seen[place]:.6g}",
    )


# ----------------------------------------------------------------------------------------------
# Loss and predictions


class _Scores:
    """A textbook whose weights are the scores themselves: for losses of given scores."""

    @staticmethod
    def scores(weights, x):
        return weights


def loss(id, twin, expected, value, n):
    """The loss of an epoch of two examples of given scores; and the loss that was returned."""
    course = [np.array([2.0, 1, 0]), np.array([0.0, 1, 0]), np.array([1.0, 1, 0])]
    X, y = np.zeros((2, 1)), [0, 2]
    lines = ["scores of two examples, each before its step, and gold classes:"]
    lines += [f"  {shown(s)}, class {k}" for s, k in zip(course, y, strict=False)]
    each = [cross_entropy(s, k) for s, k in zip(course, y, strict=False)]
    lines += [f"  log p = {shown(log_softmax(s))}" for s in course[:2]]
    if id == "loss_recomputed_late":
        lines.append(f"  scores after the last step: {shown(course[2])}")
    lines.append(f"right: mean of {shown(each)} = {shown(np.mean(each))}")
    lines.append(f"this program: {shown(twin(_Scores, course, X, y))}")
    return both(*lines, "", loss_as_run(expected, value, n))


def loss_as_run(expected, value, n):
    asked = f"as it was run, an epoch of {n} examples: the mean should be {expected:.6g}"
    return f"{asked} (the sum {n * expected:.6g}), returned is {value:.6g}"


def unknown_loss(expected, value, n):
    """(sentence, certificate) of a loss that is none of the known ones."""
    sentence = f"The loss should be {expected:.6g} (or the sum) and is {value:.6g}."
    return sentence, both(loss_as_run(expected, value, n))


def unknown_predictions(table, found, described):
    """(sentence, certificate) of predictions that are not the largest scores' classes."""
    lines = ["scores of the examples, the class they give, and what is returned:"]
    for number, row in enumerate(table[:3]):
        given = f", {found[number]:g}" if found is not None else ""
        lines.append(f"  {shown(np.round(row, 3))}: {row.argmax()}{given}")
    if found is None:
        kind, shape = described.get("kind"), described.get("shape")
        lines.append(f"what is returned has the kind {kind}, shape {shape}")
    return "predict returns other classes than those of the largest scores.", both(*lines)


def large_scores(*more):
    return both(
        "two classes with scores 1000 and 990, the second one right",
        "right, with the maximum subtracted: exp(0) = 1 and exp(-10) = 0.0000454, p = "
        + shown(softmax(np.array([0.0, -10]))),
        "this program: exp(1000) = inf and exp(990) = inf, p = inf / inf = nan",
        *more,
    )


def log_zero(*more):
    return both(
        "two classes with scores 600 and -600, the second one right",
        "right: -log p = log(sum of exp) - score = 600 + 600 = 1200",
        "this program: p = exp(-1200) = 0 in float64, -log(0) = inf",
        *more,
    )


def clipped():
    return both(
        "a gradient of 30, learning rate 0.1, a weight of 5",
        "right: 5 - 0.1 * 30 = 2",
        "clipped at 1, say: 5 - 0.1 * 1 = 4.9",
    )


def no_axis(value, n):
    table = np.array([[1.0, 3], [4, 2]])
    return both(
        f"scores of two examples: {shown(table)}",
        "right: the largest of each row, (1, 0)",
        "this program: the largest of all, 4, stands at place 2 of (1, 3, 4, 2): the number 2",
        f"as it was run, on {n} examples: the number {value:g}",
    )


def global_maximum(found, expected):
    return both(
        "scores of two examples: (2000, 0) and (1, 3)",
        "right: each row minus its own maximum, classes (0, 1)",
        "this program: all minus 2000; exp(1 - 2000) = exp(3 - 2000) = 0, so the second is class 0",
        "as it was run, on a batch whose first row has scores in the thousands: "
        f"{shown(found)}, and {shown(expected)} are right",
    )


def initial(sentences):
    return both(*sentences, "asked for: weights of mean 0.1 and deviation 0.1, biases 0")
