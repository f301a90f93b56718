"""Judges train_batch of Question 2: two batches on a plain model, by two criteria."""

import numpy as np

from checks import certificate_torch as certificate
from checks import observed
from checks.certificate import crash
from checks.judge_torch import blocked
from checks.twins import batch_step, mean_cross_entropy, softmax
from checks.verdict import Part

ACCUMULATED = "The gradients of earlier batches are added to: they are never set to zero."


def summed_cross_entropy(logits, y):
    loss, error = mean_cross_entropy(logits, y)
    return loss * len(y), error * len(y)


def softmax_first(criterion):
    """The criterion after a softmax that should not be there."""

    def loss_and_error(logits, y):
        p = np.array([softmax(row) for row in logits])
        loss, error = criterion(p, y)
        return loss, p * (error - (error * p).sum(axis=1, keepdims=True))

    return loss_and_error


def judge(checks, results):
    """The Part of train_batch."""
    part, key = Part(), "torch_train_batch/mean"
    value = results.get(key)
    if blocked(part, [value] if value is not None else [], results):
        return part
    error = observed.field(value, "failed")
    own_model = observed.field(value, "own_model")
    if observed.error_type(error) == "NotImplementedError" or observed.field(value, "empty"):
        part.blocked = ("unfinished", "train_batch is not written yet")
    elif error is None:
        judge_training(part, checks, results)
    elif own_model:
        part.add("tb_needs_model_attrs", f"It says: {observed.error_text(error)}", crash(error))
        if observed.field(own_model, "returned", "kind") == "tensor":
            part.add("loss_tensor_returned", "", certificate.tensor_returned())
    else:
        part.blocked = ("uncallable", observed.error_text(error))
    return part


def judge_training(part, checks, results):
    """The steps and losses of two batches, by either criterion and with a penalty passed."""
    keys = [f"torch_train_batch/{name}" for name in ("mean", "sum", "l2")]
    mean, other, optional = [train_steps(checks[key], results.get(key)) for key in keys]
    if mean is None:
        part.unknown.append(("What was returned could not be read.", None))
        return
    explain_training(part, checks, mean, other)
    if not part.has_wrong() and optional and not same_steps(optional, mean):
        part.add("optional_l2_in_loss")
    notes = observed.field(results.get(keys[0]), "steps")[0].get("notes")
    if "extra_arg" in observed.listed(notes):
        part.add("extra_arg")


def train_steps(check, value):
    """[(loss or None, kind, W, b)] of the two batches; None where something is missing."""
    steps = []
    for step in observed.listed(observed.field(value, "steps")):
        arrays = [observed.array(part) for part in observed.listed(observed.field(step, "after"))]
        if len(arrays) != 2 or any(part is None for part in arrays):
            return None
        returned = observed.field(step, "returned")
        steps.append((observed.number(returned), observed.field(returned, "kind"), *arrays))
    return steps if len(steps) == len(check["batches"]) else None


def same_steps(a, b):
    return all(
        np.allclose(x[2], y[2], atol=1e-5) and np.allclose(x[3], y[3], atol=1e-5)
        and (x[0] is None or y[0] is None or abs(x[0] - y[0]) < 1e-4)
        for x, y in zip(a, b, strict=True)
    )  # fmt: skip


def expected_steps(check, criterion, penalty=0.0, accumulate=False, updates=True):
    """[(loss before, loss after, W, b)] by the textbook, with a known mistake or without."""
    W, b, found = np.array(check["W"]), np.array(check["b"]), []
    past_W, past_b = 0, 0
    for X, y in check["batches"]:
        X = np.array(X)
        loss, new_W, new_b = batch_step(W, b, X, y, check["rate"], criterion)
        change_W, change_b = new_W - W, new_b - b
        loss += penalty * ((W**2).sum() + (b**2).sum())
        change_W = change_W - check["rate"] * 2 * penalty * W
        change_b = change_b - check["rate"] * 2 * penalty * b
        if accumulate:
            past_W, past_b = past_W + change_W, past_b + change_b
            change_W, change_b = past_W, past_b
        if updates:
            W, b = W + change_W, b + change_b
        found.append((loss, criterion(X @ W.T + b, y)[0], W, b))
    return found


def steps_agree(seen, expected):
    return all(
        np.allclose(s[2], e[2], atol=2e-4) and np.allclose(s[3], e[3], atol=2e-4)
        for s, e in zip(seen, expected, strict=True)
    )


def explain_training(part, checks, mean, other):
    """Find the way of training that makes the steps by both criteria; judge what it returns."""
    check, other_check = checks["torch_train_batch/mean"], checks["torch_train_batch/sum"]
    first, right = mean[0], expected_steps(check, mean_cross_entropy)[0]
    returned = np.nan if first[0] is None else first[0]
    step = certificate.batch_step(check, right[2:], first[2:])
    certificates = {
        "softmax_before_ce": certificate.softmax_twice(),
        "criterion_ignored": certificate.own_criterion(),
        "extra_l2_in_loss": certificate.extra_penalty(right[0], returned),
        "no_update": step,
    }
    for ids, criterion, other_criterion, more in ways_of_training(check, returned - right[0]):
        expected = expected_steps(check, criterion, **more)
        agrees = steps_agree(mean, expected)
        if agrees and other is not None and other_criterion is not None:
            agrees = steps_agree(other, expected_steps(other_check, other_criterion))
        if not agrees:
            continue
        for id in ids:
            part.add(id, "", certificates[id])
        if "accumulate" in more:
            part.unknown.append((ACCUMULATED, step))
        judge_returned(part, mean, expected)
        return
    part.unknown.append(("The weights after a batch are not those of one optimiser step.", step))


def ways_of_training(check, surplus):
    """[(ids, the criterion as it is used, the other one, more arguments of expected_steps)]

    surplus is what the loss that was returned has more than the right one.
    """
    mean_of, sum_of = mean_cross_entropy, summed_cross_entropy
    soft_mean, soft_sum = softmax_first(mean_of), softmax_first(sum_of)
    size = (np.array(check["W"]) ** 2).sum() + (np.array(check["b"]) ** 2).sum()
    penalties = [penalty for penalty in (surplus / size, 0.01, 0.005) if abs(penalty) > 1e-5]
    return [
        ((), mean_of, sum_of, {}),
        (("criterion_ignored",), mean_of, mean_of, {}),
        (("softmax_before_ce",), soft_mean, soft_sum, {}),
        (("softmax_before_ce", "criterion_ignored"), soft_mean, soft_mean, {}),
        (("no_update",), mean_of, None, {"updates": False}),
        ((), mean_of, None, {"accumulate": True}),
        *[(("extra_l2_in_loss",), mean_of, None, {"penalty": penalty}) for penalty in penalties],
    ]


def judge_returned(part, mean, expected):
    """The loss that is returned: a number, that of the forward pass before the step."""
    kind = mean[0][1]
    if kind == "none":
        part.add("loss_not_returned")
        return
    if kind == "tensor":
        part.add("loss_tensor_returned", "", certificate.tensor_returned())
    losses = [step[0] for step in mean]
    if any(loss is None for loss in losses):
        part.unknown.append(("train_batch does not return one number.", None))
    elif not np.allclose(losses, [e[0] for e in expected], atol=1e-3):
        if np.allclose(losses, [e[1] for e in expected], atol=1e-3):
            part.add("loss_recomputed_late")
        elif not part.has_wrong():
            part.unknown.append(
                (f"The loss should be {expected[0][0]:.4f} and is {losses[0]:.4f}.", None)
            )
