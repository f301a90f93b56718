"""Judges steps at scores that exp cannot take, losses where a probability is 0, large gradients."""

import numpy as np

from checks import certificate, explain, observed
from checks.judge_mlp import returned_loss
from checks.twins import TEXTBOOKS

LARGEST = 709  # exp of more than that overflows in float64
OVERFLOWS = ("OverflowError", "FloatingPointError")  # as math.exp and np.seterr("raise") say it


def judge_large_scores(part, seen, explanation):
    """Whether steps and losses survive large scores, and a large gradient is followed as it is."""
    textbook = explanation.textbook if explanation else TEXTBOOKS[seen.role]
    single = seen.runs("single") or seen.runs("update")
    ordinary = all(explain.agrees(textbook, run) for run in single)
    calls = seen.calls("huge", "epoch")
    if all(call.error for call in calls):
        calls = seen.calls("huge", "update") or calls
    for call in calls:
        meant, run = call.asked["meant"], seen.run(call)
        if call.error:
            judge_error(part, call, meant)
        if run is None or not explain.are_finite(run.before):
            continue
        if run.after is None or not explain.have_same_shapes(run.before, run.after):
            continue
        with np.errstate(all="ignore"):
            largest = np.max(textbook.scores(run.before, run.X[0]))
        expected = explain.course(textbook, run)[-1]
        if not explain.are_finite(expected):
            continue
        loss = returned_loss(call.returned, 1) if seen.role == "mlp" else None
        lost = loss is not None and not np.isfinite(loss)
        more = f"as it was run, at scores up to {largest:.0f}: "
        if not explain.are_finite(run.after):
            if meant == "overflow":
                more += "the new weights are not finite"
                part.add("softmax_unstable", "", certificate.large_scores(more))
        elif lost and meant == "overflow" and largest > LARGEST:
            part.add("loss_unstable", "", certificate.large_scores(more + f"the loss is {loss}"))
        elif lost and meant == "underflow" and largest < LARGEST:
            part.add("loss_log_zero", "", certificate.log_zero(more + f"the loss is {loss}"))
        elif explanation is None or explain.agree(run.after, expected, run.before):
            continue
        elif is_clipped(run, expected):
            part.add("gradient_clipped", "", certificate.clipped())
        elif meant == "overflow" and largest > LARGEST and ordinary:
            part.add("softmax_unstable", "Here it gives numbers, but wrong ones.")


def judge_error(part, call, meant):
    """The standard library raises where NumPy goes on with inf and nan."""
    kind, message = observed.error_type(call.error), observed.field(call.error, "message")
    if meant == "overflow" and kind in OVERFLOWS:
        part.add("softmax_unstable", "", certificate.crash(call.error, call))
    elif meant == "underflow" and kind == "ValueError" and "math domain" in str(message):
        part.add("loss_log_zero", "", certificate.crash(call.error, call))


def is_clipped(run, expected):
    """Whether the changes of the weights are the expected ones, cut: all together or some alone."""
    names = [name for name in expected if name.startswith("W")]
    moved = {name: (run.after[name] - run.before[name]).ravel() for name in expected}
    right = {name: (expected[name] - run.before[name]).ravel() for name in expected}
    return is_cut(*(np.concatenate([*changes.values()]) for changes in (moved, right))) or is_cut(
        moved[names[0]], right[names[0]]
    )


def is_cut(moved, expected):
    """Whether a change is the expected one with its entries, or its length, cut."""
    largest = np.abs(moved).max()
    if not 0 < largest < 0.99 * np.abs(expected).max():
        return False
    if np.allclose(moved, np.clip(expected, -largest, largest), rtol=1e-3, atol=1e-3 * largest):
        return True
    scaled = expected * (np.linalg.norm(moved) / np.linalg.norm(expected))
    return np.allclose(moved, scaled, rtol=1e-3, atol=1e-3 * largest)
