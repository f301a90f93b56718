"""Judges what the MLP of Question 1 alone has: the loss that train_epoch returns, and its start."""

import numpy as np

from checks import certificate, explain, observed
from checks.experiments import WIDE
from checks.mistakes import changes
from checks.mistakes_loss import right_loss
from checks.twins import TEXTBOOKS


def judge_loss(part, seen, explanation, scheme, context):
    """What train_epoch returns, beside the loss along the program's own steps."""
    made, epochs = [call for call in seen.calls("epoch") if not call.error], seen.runs("epoch")
    if len(made) != len(epochs) or not made:
        return
    if any(call.returned.get("kind") == "none" for call in made):
        if context.asks_for_loss:
            part.add("loss_not_returned")
        return
    if not context.asks_for_loss:
        part.add("loss_extra")
        return
    values = [returned_loss(call.returned, len(call.X)) for call in made]
    if explanation is None or scheme not in ("", "full_batch", None):
        if len(set(values)) == 1 and None not in values and len(values) > 1:
            part.add("loss_constant", f"It is {values[0]:.6g}.")
        return
    if None in values:
        part.unknown.append(("train_epoch returns something else than a number.", None))
        return
    right = TEXTBOOKS["mlp"]
    textbooks = [right] if explanation.is_right else [explanation.textbook, right]
    courses = [course_of(explanation, scheme, run) for run in epochs]
    expected, n = loss_of(right_loss, textbooks[0], courses[0], epochs[0]), len(epochs[0].X)
    for entry, twin in [(None, right_loss), *changes("mlp_loss")]:
        for textbook in textbooks:
            losses = [loss_of(twin, textbook, *pair) for pair in zip(courses, epochs, strict=True)]
            scale = loss_scale(losses, values, n)
            if scale is None:
                continue
            if entry is not None:
                shown = certificate.loss(entry.id, twin, expected, values[0], n)
                part.add(entry.id, "", shown)
            elif scale == "sum":
                part.add("conv_loss_sum")
            return
    if max(values) - min(values) <= 1e-9 * max(1, abs(values[0])):
        part.add("loss_constant", f"It is {values[0]:.6g}.")
    elif not explanation.is_right or not np.isfinite(expected):
        part.notes.append("the loss is that of a wrong training, and was not judged")
    else:
        part.unknown.append(certificate.unknown_loss(expected, values[0], n))


def course_of(explanation, scheme, run):
    """The weights before each step, and after the epoch, under a scheme."""
    together = scheme == "full_batch" and explain.all_at_once(explanation.textbook, run)
    return together or explain.course(explanation.textbook, run)


def loss_of(twin, textbook, course, run):
    with np.errstate(all="ignore"):
        return twin(textbook, course, run.X, [int(k) for k in run.y])


def returned_loss(described, n):
    """The number that train_epoch returned; the mean of n numbers; None for anything else."""
    found = observed.number(described)
    if found is not None:
        return found
    found = observed.numbers(described)
    if described.get("kind") == "tuple" and found:
        return found[0]
    return float(np.mean(found)) if len(found) == n else None


def loss_scale(means, values, n):
    """ "mean" or "sum" where the values returned are these means, or the sums; None if neither."""
    for scale, factor in (("mean", 1), ("sum", n)):
        expected = factor * np.array(means)
        if np.all(np.abs(expected - values) <= 3e-4 * np.maximum(np.abs(expected), 1)):
            return scale
    return None


def judge_initial(part, seen):
    """Whether the weights start as draws from N(0.1, 0.1^2), the biases at zero."""
    initial = observed.mapped(observed.field(seen.result("initial"), "initial"))
    said = [f"{name} has {far}" for name in ("W1", "W2") if (far := how_far(initial, name))]
    if said:
        part.add("init_wrong", "; ".join(said) + ".", certificate.initial(said))
    biases = [
        name
        for name in ("b1", "b2")
        if any(observed.field(initial, name, k) for k in ("min", "max"))
    ]
    if biases:
        part.add("bias_init_nonzero", f"({', '.join(biases)})", certificate.initial(biases))


def how_far(initial, name):
    """Mean and deviation of a matrix of weights, where they are not those of N(0.1, 0.1^2)."""
    summary = initial.get(name)
    if summary is None:
        return None
    (rows, columns), mean, deviation = (
        summary["shape"],
        float(summary["mean"]),
        float(summary["std"]),
    )
    count = rows * columns
    # A column of zeros in it, the bias, moves both a little.
    own_column = columns - 1 in WIDE and f"b{name[1]}" not in initial
    spread = 0.02 if own_column else 0
    near = abs(mean - 0.1) <= 6 * 0.1 / count**0.5 + spread
    near &= abs(deviation - 0.1) <= 6 * 0.1 / (2 * count) ** 0.5 + spread
    if count > 1000 and not own_column:
        near &= abs(float(summary["kurtosis"]) - 3) <= 8 * (24 / count) ** 0.5
    return None if near else f"mean {mean:.3g} and deviation {deviation:.3g}"
