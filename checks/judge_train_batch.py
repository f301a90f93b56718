"""Judges train_batch of Question 2: two batches on a plain model, by two criteria."""

import numpy as np

from checks import certificate_torch as certificate
from checks import observed
from checks.certificate import said
from checks.judge_torch import blocked
from checks.twins import batch_step, mean_cross_entropy, softmax
from checks.verdict import Part


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
        if part.blocked[0] != "uncallable" or observed.field(value, "steps") is None:
            return part
        part.blocked = None
    error = observed.field(value, "error")
    if error is not None:
        if observed.field(error, "type") == "NotImplementedError":
            part.blocked = ("unfinished", "train_batch is not written yet")
        elif observed.field(value, "own_model", "works"):
            text = observed.error_text(error)
            part.add("tb_needs_model_attrs", f"It says: {text}", said(text))
            returned = observed.field(value, "own_model", "returned")
            if observed.field(returned, "kind") == "tensor":
                part.add("loss_tensor_returned", "", certificate.tensor_returned())
        else:
            part.blocked = ("uncallable", observed.error_text(error))
        return part
    if observed.field(value, "empty"):
        part.blocked = ("unfinished", "train_batch is not written yet")
        return part
    mean = train_steps(checks[key], value)
    other = train_steps(checks["torch_train_batch/sum"], results.get("torch_train_batch/sum"))
    explain_training(part, checks, mean, other)
    optional = train_steps(checks["torch_train_batch/l2"], results.get("torch_train_batch/l2"))
    if not part.has_wrong() and optional and mean and not same_steps(optional, mean):
        part.add("optional_l2_in_loss")
    if "extra_arg" in observed.listed(observed.field(value, "steps", 0, "notes")):
        part.add("extra_arg")
    return part


def train_steps(check, value):
    """[(loss or None, kind, W, b)] of the two batches; None where something is missing."""
    steps = []
    for step in observed.listed(observed.field(value, "steps")):
        arrays = observed.listed(observed.field(step, "after"))
        if [part.shape for part in arrays] != [np.shape(check["W"]), np.shape(check["b"])]:
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
    """Find what the two batches' steps and losses agree with."""
    check, other_check = checks["torch_train_batch/mean"], checks["torch_train_batch/sum"]
    if mean is None:
        part.unknown.append(("What was returned could not be read.", None))
        return
    first, loss_kind = mean[0][0], mean[0][1]
    ways = [
        (None, {"criterion": mean_cross_entropy}, {"criterion": summed_cross_entropy}),
        ("criterion_ignored", {"criterion": mean_cross_entropy}, {"criterion": mean_cross_entropy}),
        *[
            (id, {"criterion": softmax_first(mean_cross_entropy)}, {"criterion": softmax_first(o)})
            for id, o in (("softmax_before_ce", summed_cross_entropy), ("both", mean_cross_entropy))
        ],
        ("no_update", {"criterion": mean_cross_entropy, "updates": False}, None),
        ("accumulate", {"criterion": mean_cross_entropy, "accumulate": True}, None),
    ]
    size = (np.array(check["W"]) ** 2).sum() + (np.array(check["b"]) ** 2).sum()
    if first is not None:
        plain = mean_cross_entropy(np.array(check["batches"][0][0]) @ np.array(check["W"]).T
                                   + np.array(check["b"]), check["batches"][0][1])[0]  # fmt: skip
        penalties = [(first - plain) / size, 0.01, 0.005]
        for penalty in penalties:
            if abs(penalty) > 1e-5:
                more = {"criterion": mean_cross_entropy, "penalty": penalty}
                ways.append(("extra_l2_in_loss", more, None))
                ways.append(
                    ("both_l2", more, {"criterion": mean_cross_entropy, "penalty": penalty})
                )
    for id, way, other_way in ways:
        expected = expected_steps(check, **way)
        if not steps_agree(mean, expected):
            continue
        compared = other is not None and other_way is not None
        if compared and not steps_agree(other, expected_steps(other_check, **other_way)):
            continue
        if id == "accumulate":
            part.unknown.append(
                ("The gradients of earlier batches are added to: they are never set to zero.", None)
            )
        elif id == "both":
            part.add("softmax_before_ce", "", certificate.softmax_twice())
            part.add("criterion_ignored", "", certificate.own_criterion())
        elif id == "both_l2":
            part.add("extra_l2_in_loss", "", certificate.extra_penalty())
        elif id == "criterion_ignored":
            part.add(id, "", certificate.own_criterion())
        elif id is not None:
            part.add(id, "", certificate.extra_penalty() if "l2" in id else None)
        judge_returned(part, mean, expected, loss_kind)
        return
    part.unknown.append(("The weights after a batch are not those of one optimiser step.", None))


def judge_returned(part, mean, expected, kind):
    """The loss that is returned: a number, that of the forward pass before the step."""
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
