"""Judges the multi-layer perceptron of Question 1: start, step, epoch, loss, predictions."""

from dataclasses import replace

import numpy as np

from checks import certificate, explain, interface, observed
from checks.judge_linear import (
    add_scheme,
    explain_encoded,
    explain_epochs,
    is_clipped,
)
from checks.judge_predict import judge_predictions
from checks.mistakes import TABLE, changes
from checks.mistakes_loss import right_loss
from checks.schemes import SCHEMES
from checks.twins import MLP
from checks.verdict import Part

RIGHT = MLP()
FORWARD = {"hidden_bias", "activation", "output"}  # the fields that predict shares with training


def weights_of(parameters, bias_first=False):
    """{"W1", "b1", "W2", "b2"} of a call's parameters; None where they are not what they should be."""
    if not parameters or any(parameters.get(n) is None for n in ("W1", "W2")):
        return None
    found = {}
    for number in "12":
        W, b = parameters[f"W{number}"], parameters.get(f"b{number}")
        if W.ndim != 2:
            return None
        found[f"W{number}"] = W
        if b is not None:
            found[f"b{number}"] = b
    return split_columns(found, bias_first)


def split_columns(found, bias_first):
    """Take a bias that is a column of its matrix out of it."""
    hidden = len(found["W1"])
    widths = {"1": None, "2": hidden}
    for number, width in widths.items():
        W = found[f"W{number}"]
        has_column = width is not None and W.shape[1] == width + 1
        if number == "1" and "b1" not in found:
            has_column = "b2" not in found and found["W2"].shape[1] == hidden + 1
        if has_column and f"b{number}" not in found:
            column = 0 if bias_first else -1
            found[f"b{number}"] = W[:, column]
            found[f"W{number}"] = W[:, 1:] if bias_first else W[:, :-1]
        found.setdefault(f"b{number}", np.zeros(len(W)))
    return found


class Observations:
    """All that was observed of the MLP."""

    def __init__(self, checks, results, bias_first=False):
        self.checks, self.results, self.bias_first, self.role = checks, results, bias_first, "mlp"

    def calls(self, name, kind=None):
        key = f"mlp/{name}"
        found = observed.calls(self.checks[key], self.results.get(key))
        return [call for call in found if kind is None or call.asked["call"] == kind]

    def weights(self, parameters):
        return weights_of(parameters, self.bias_first)

    def epochs(self, name):
        """[(before, X, y, rate, 0, after)] of the epochs that did not fail."""
        found = []
        for call in self.calls(name, "epoch"):
            before = self.weights(call.before)
            if call.error is None and before is not None and fits(before, call.X):
                found.append((before, call.X, call.y, call.rate, 0.0, self.weights(call.after)))
        return found

    def steps(self, name):
        return [
            (before, X[0], int(y[0]), rate, penalty, after)
            for before, X, y, rate, penalty, after in self.epochs(name)
            if len(X) == 1
        ]


def fits(weights, X):
    hidden = len(weights["W1"])
    return (
        weights["W1"].shape[1] == X.shape[1]
        and weights["W2"].shape[1] == hidden
        and weights["b1"].shape == (hidden,)
        and weights["b2"].shape == (len(weights["W2"]),)
    )


def judge(checks, results, context):
    """The Part of the MLP."""
    part = Part()
    if not interface.can_be_judged(part, "mlp", checks, results, context):
        return part
    first = results.get("mlp/single")
    best = None
    for bias_first in (False, True):
        seen, trial = Observations(checks, results, bias_first), Part()
        outcome = judge_steps(trial, seen, context)
        if best is None or not trial.has_wrong():
            best = (trial, seen, *outcome)
        if not trial.has_wrong() or not interface.has_own_bias_column(first):
            break
    trial, seen, explanation, scheme, _ = best
    part.found |= trial.found
    part.unknown, part.notes = part.unknown + trial.unknown, part.notes + trial.notes
    judge_loss(part, seen, explanation, scheme, context)
    judge_predictions(
        part, seen.calls("predict"), context, mlp_scores(seen, explanation), crash="mlp_crash"
    )
    judge_large_scores(part, seen, explanation, context)
    judge_initial(part, seen, context)
    judge_dimensions(part, seen, explanation, scheme, context)
    interface.add_deviations(part, "mlp", checks, results, context)
    return part


def judge_steps(part, seen, context):
    """(explanation, scheme, epochs): the twin that makes the epochs, and how they are made of it."""
    epochs, known = seen.epochs("epoch"), changes("mlp")
    if not explain.epochs_agree(RIGHT, epochs) and context.converts_labels:
        found = explain_encoded(part, seen, RIGHT, known, ())
        if found is not None:
            epochs = found[0]
    if explain.epochs_agree(RIGHT, epochs):
        return explain.Explanation(RIGHT), "", epochs
    steps = seen.steps("single_onehot" if "train_onehot" in part.found else "single")
    explanation = None
    if steps:
        explanation = explain.explain(RIGHT, known, steps, explain.step_agrees)
    scheme = None
    if epochs:
        scheme, explanation = explain_epochs(RIGHT, known, (), epochs, explanation)
    if explanation is None or (epochs and scheme is None and explanation.is_right):
        if not steps and not epochs:
            part.unknown.append(
                ("Its parameters were not found, so no step can be compared.", None)
            )
        else:
            part.unknown.append(certificate.unknown_step("mlp", RIGHT, steps, epochs))
        return None, None, epochs
    for entry in explanation.entries:
        detail = f"It is {explanation.rate:.6g} always." if entry.fitted else ""
        part.add(entry.id, detail, certificate.step("mlp", explanation, entry))
    if scheme:
        add_scheme(part, scheme, "mlp", explanation, context)
    return explanation, scheme, epochs


# ----------------------------------------------------------------------------------------------
# The loss


def course_of(explanation, scheme, epoch):
    """The weights before each step, and after the epoch, under a scheme."""
    before, X, y, rate, penalty, _ = epoch
    if scheme == "full_batch":
        found = explain.full_batch(explanation.textbook, *epoch)
        return found or [before] * (len(X) + 1)
    return explain.course(explanation.textbook, before, X, y, rate, penalty)


def judge_loss(part, seen, explanation, scheme, context):
    """What train_epoch returns, beside the loss along the program's own steps."""
    name = "epoch_onehot" if "train_onehot" in part.found else "epoch"
    made = [c for c in seen.calls(name, "epoch") if c.error is None]
    epochs = seen.epochs(name)
    if len(made) != len(epochs) or not made:
        return
    values = [returned_loss(call.returned, len(call.X)) for call in made]
    if any(call.returned.get("kind") == "none" for call in made):
        if context.asks_for_loss:
            part.add("loss_not_returned")
        return
    if not context.asks_for_loss:
        part.add("loss_extra")
        return
    if explanation is None or scheme in ("first_only", "one_sample_epoch", "own_shuffle"):
        if len(set(values)) == 1 and None not in values and len(values) > 1:
            part.add("loss_constant")
        return
    if any(value is None for value in values):
        part.unknown.append(("train_epoch returns something else than a number.", None))
        return
    textbooks = [RIGHT] if explanation.is_right else [explanation.textbook, RIGHT]
    courses = [course_of(explanation, scheme, epoch) for epoch in epochs]
    twins = [(None, right_loss)] + [
        (entry.id, twin) for entry in TABLE.values() for twin in entry.twins.get("mlp_loss", ())
    ]
    for id, twin in twins:
        for textbook in textbooks:
            scale = loss_scale(twin, textbook, courses, epochs, values)
            if scale is None:
                continue
            if id is not None:
                part.add(id, "", certificate.loss(id, twin))
            elif scale == "sum":
                part.add("conv_loss_sum")
            return
    if max(values) - min(values) <= 1e-9 * max(1, abs(values[0])):
        part.add("loss_constant", f"It is {values[0]:.6g}.")
        return
    expected = right_loss(textbooks[0], courses[0], epochs[0][1], epochs[0][2])
    if not explanation.is_right or not np.isfinite(expected):
        part.notes.append("the loss is that of a wrong training, and was not judged")
        return
    part.unknown.append(certificate.unknown_loss(expected, values[0], epochs[0]))


def returned_loss(described, n):
    """The number that train_epoch returned; the mean of n numbers; None for anything else."""
    found = observed.number(described)
    if found is not None:
        return found
    found = observed.numbers(described)
    if described.get("kind") == "tuple" and found:
        return found[0]
    return float(np.mean(found)) if len(found) == n else None


def loss_scale(twin, textbook, courses, epochs, values):
    """ "mean" or "sum" where a loss twin gives all the values returned; None where it does not."""
    with np.errstate(all="ignore"):
        expected = np.array(
            [
                twin(textbook, course, X, [int(k) for k in y])
                for course, (_, X, y, *_) in zip(courses, epochs, strict=True)
            ]
        )
    for scale, factor in (("mean", 1), ("sum", len(epochs[0][1]))):
        allowed = 3e-4 * np.maximum(np.abs(factor * expected), 1)
        if np.all(np.abs(factor * expected - values) <= allowed):
            return scale
    return None


# ----------------------------------------------------------------------------------------------
# Large scores, start, other dimensions


def mlp_scores(seen, explanation):
    """[(ids, scores function)] for predict: right, as it trains, and with a mistake of its own."""

    def of(textbook):
        def scores(parameters, X):
            weights = seen.weights(parameters)
            if weights is None or not fits(weights, X):
                return None
            return np.array([textbook.scores(weights, x) for x in X])

        return scores

    found = [((), of(RIGHT))]
    if explanation is not None and not explanation.is_right:
        found.append(((), of(explanation.textbook)))
    for entry, change in changes("mlp"):
        if set(change) & FORWARD:
            shared = {name: value for name, value in change.items() if name in FORWARD}
            found.append(((entry.id,), of(replace(RIGHT, **shared))))
    return found


def judge_large_scores(part, seen, explanation, context):
    """Steps at scores of 1000, losses where a probability is 0, and a large gradient."""
    textbook = explanation.textbook if explanation else RIGHT
    if "train_onehot" in part.found or "full_batch" in part.found and explanation is None:
        return
    calls = seen.calls("huge", "epoch")
    for number, call in enumerate(calls):
        before, after = seen.weights(call.before), seen.weights(call.after)
        if call.error is not None or before is None or after is None or not fits(before, call.X):
            continue
        x, y = call.X[0], int(call.y[0])
        with np.errstate(all="ignore"):
            expected = textbook.step(before, x, y, call.rate)
            scores = textbook.scores(before, x)
        if not all(np.isfinite(v).all() for v in expected.values()):
            continue
        kept = all(np.isfinite(v).all() for v in after.values())
        loss = returned_loss(call.returned, 1)
        if number < 2:
            if not kept:
                part.add("softmax_unstable", "", certificate.large_scores())
            elif loss is not None and not np.isfinite(loss) and scores.max() > 709:
                part.add("loss_unstable", "", certificate.large_scores())
        elif number < 4 and kept:
            if loss is not None and not np.isfinite(loss) and scores.max() < 709:
                part.add("loss_log_zero", "", certificate.log_zero())
        elif number == 4 and kept and explanation is not None:
            moved, right = flat(after, before), flat(expected, before)
            if not explain.agree(after, expected, before) and (
                is_clipped(moved, right)
                or all(
                    is_clipped(after[n] - before[n], expected[n] - before[n]) for n in ("W1", "W2")
                )
                or is_clipped(after["W1"] - before["W1"], expected["W1"] - before["W1"])
            ):
                part.add("gradient_clipped", "", certificate.clipped())


def flat(weights, start):
    return np.concatenate([(weights[n] - start[n]).ravel() for n in ("W1", "b1", "W2", "b2")])


def judge_initial(part, seen, context):
    """Whether the weights start as draws from N(0.1, 0.1^2), the biases at zero."""
    initial = observed.field(seen.results.get("mlp/initial"), "initial")
    if not isinstance(initial, dict):
        return
    said = []
    for name in ("W1", "W2"):
        summary = initial.get(name)
        if not isinstance(summary, dict):
            continue
        shape = [size for size in observed.listed(summary.get("shape")) if isinstance(size, int)]
        count = int(np.prod(shape)) if len(shape) == 2 else 0
        mean, deviation = summary.get("mean"), summary.get("std")
        if count < 1 or not all(isinstance(v, (int, float)) for v in (mean, deviation)):
            continue
        own_column = shape[1] in (61, 401) and bool(f"b{name[1]}" not in initial)
        spread = 0.02 if own_column else 0
        far = abs(mean - 0.1) > 6 * 0.1 / count**0.5 + spread
        far |= abs(deviation - 0.1) > 6 * 0.1 / (2 * count) ** 0.5 + spread
        kurtosis = summary.get("kurtosis")
        if count > 1000 and not own_column and isinstance(kurtosis, (int, float)):
            far |= abs(kurtosis - 3) > 8 * (24 / count) ** 0.5
        if far:
            said.append(f"{name} has mean {mean:.3g} and deviation {deviation:.3g}")
    if said:
        part.add("init_wrong", "; ".join(said) + ".", certificate.initial(said))
    biases = []
    for name in ("b1", "b2"):
        summary = initial.get(name)
        if isinstance(summary, dict) and any(summary.get(k) for k in ("min", "max")):
            biases.append(name)
    if biases:
        part.add("bias_init_nonzero", f"({', '.join(biases)})", certificate.initial(biases))


def judge_dimensions(part, seen, explanation, scheme, context):
    """Other numbers of classes and hidden units; a class that is absent from the data."""
    for name in ("mlp/single", "mlp/epoch"):
        asked = seen.checks[name]["dims"][2]
        found = observed.field(seen.results.get(name), "hidden_size")
        if isinstance(found, int) and found != asked:
            part.add("hardcoded_hidden_size", f"It is {found}.")
            return
    if explanation is None or "train_onehot" in part.found or scheme not in ("", "full_batch"):
        return
    agrees = SCHEMES[scheme]
    for name, id in (("other", "hardcoded_n_classes"), ("absent", "classes_from_batch")):
        if id == "classes_from_batch" and "hardcoded_n_classes" in part.found:
            continue
        made, epochs = seen.calls(name, "epoch"), seen.epochs(name)
        result = seen.results.get(f"mlp/{name}")
        error = next((call.error for call in made if call.error), None)
        error = error or observed.field(result, "constructor_error")
        if error or (epochs and not all(agrees(explanation.textbook, e) for e in epochs)):
            part.add(id, f"({observed.error_text(error)})" if error else "")
