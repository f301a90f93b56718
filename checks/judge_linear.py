"""Judges the perceptron and logistic regression of Question 1, and its l2 penalty."""

from dataclasses import replace

import numpy as np

from checks import certificate, explain, interface, judge_l2, observed, schemes
from checks.judge_predict import judge_predictions
from checks.mistakes import changes
from checks.twins import LogisticRegression, Perceptron
from checks.verdict import Part

TEXTBOOKS = {"perceptron": Perceptron(), "logistic_regression": LogisticRegression()}
SIZES = {"perceptron": [("conv_perc_lr", lambda rate: rate)], "logistic_regression": []}


class Observations:
    """All that was observed of one linear model, its parameters as one matrix.

    A bias, kept apart or as a further column, is the last column of the matrix, and 1 the last
    feature; where a further column is the first one, bias_first says so.
    """

    def __init__(self, checks, results, role, bias_first=False):
        self.checks, self.results, self.role = checks, results, role
        self.bias_first = bias_first

    def calls(self, name, kind=None):
        key = f"{self.role}/{name}"
        if key not in self.checks:
            return []
        found = observed.calls(self.checks[key], self.results.get(key))
        return [call for call in found if kind is None or call.asked["call"] == kind]

    def matrix(self, parameters):
        """{"W": matrix} of a call's parameters; None where they are not what they should be."""
        W = parameters.get("W") if parameters else None
        if W is None or W.ndim != 2:
            return None
        b = parameters.get("b")
        if b is not None:
            if b.shape != (len(W),):
                return None
            W = np.hstack([W, b[:, None]])
        return {"W": W}

    def rows(self, X, width):
        """X with the column of ones that a matrix of this width needs."""
        if width == X.shape[1]:
            return X
        ones = np.ones((len(X), 1))
        return np.hstack([ones, X] if self.bias_first else [X, ones])

    def start(self, call):
        """The matrix before a call; zeros of the shape after it where it is known only then."""
        before, after = self.matrix(call.before), self.matrix(call.after)
        if before is None and after is not None:
            before = {"W": np.zeros_like(after["W"])}
        if before is None or len(before["W"]) <= call.y.max():
            return None
        return before if before["W"].shape[1] - call.X.shape[1] in (0, 1) else None

    def steps(self, name):
        """[(before, x, y, rate, penalty, after)] of the calls with one example that did not fail."""
        found = []
        for call in self.calls(name):
            before = self.start(call)
            if call.error is None and before is not None and len(call.X) == 1:
                x = self.rows(call.X, before["W"].shape[1])[0]
                after = self.matrix(call.after)
                found.append((before, x, int(call.y[0]), call.rate, call.penalty, after))
        if self.role == "perceptron":
            found = [step for step in found if not is_tie(step[0]["W"] @ step[1])]
        return found

    def epochs(self, name):
        """[(before, X, y, rate, penalty, after)] of the whole epochs that did not fail."""
        found = []
        for call in self.calls(name):
            before = self.start(call)
            if call.error is None and before is not None:
                X = self.rows(call.X, before["W"].shape[1])
                after = self.matrix(call.after)
                found.append((before, X, call.y, call.rate, call.penalty, after))
        return found


def is_tie(scores):
    largest = np.sort(scores)[-2:]
    return largest[1] - largest[0] < 1e-9


def judge(role, checks, results, context):
    """(Part, Part of the l2 penalty or None) of a linear model."""
    part = Part()
    first = results.get(f"{role}/update")
    if not interface.can_be_judged(part, role, checks, results, context):
        l2 = Part(part.blocked, dict(part.found)) if role == "logistic_regression" else None
        return part, l2
    best = None
    for bias_first in (False, True):
        seen = Observations(checks, results, role, bias_first)
        trial = Part()
        explanation = judge_steps(trial, seen, context)
        if best is None or not trial.has_wrong():
            best = (trial, seen, explanation)
        if not trial.has_wrong() or not interface.has_own_bias_column(first):
            break
    trial, seen, explanation = best
    part.found |= trial.found
    part.unknown, part.notes = part.unknown + trial.unknown, part.notes + trial.notes
    judge_predictions(part, seen.calls("predict"), context, linear_scores(seen, explanation))
    if role == "logistic_regression":
        judge_large_scores(part, seen, explanation)
    judge_other_classes(part, seen, explanation)
    interface.add_deviations(part, role, checks, results, context)
    if role == "perceptron":
        return part, None
    return part, judge_l2.judge(part, seen, explanation, context)


def linear_scores(seen, explanation):
    """[(ids, scores function)]: scores(parameters, X) -> (n, classes), the right ones first."""

    def scores(parameters, X):
        matrix = seen.matrix(parameters)
        if matrix is None or matrix["W"].shape[1] - X.shape[1] not in (0, 1):
            return None
        return seen.rows(X, matrix["W"].shape[1]) @ matrix["W"].T

    def signs(parameters, X):
        found = scores(parameters, X)
        return None if found is None else np.sign(found)

    return [((), scores), (("perc_sign_argmax",), signs)]


def judge_steps(part, seen, context):
    """Find the twin that makes the steps and the epochs; what it is goes to the part."""
    role = seen.role
    right, known, sizes = TEXTBOOKS[role], changes(role), SIZES[role]
    epochs = seen.epochs("epoch")
    single, update = seen.steps("single"), seen.steps("update")

    explanation = epochs_explained(right, sizes, epochs)
    if explanation is None and context.converts_labels:
        found = explain_encoded(part, seen, right, known, sizes)
        if found is not None:
            epochs, explanation = found
            single, update = seen.steps("single_onehot"), []
    if explanation is not None:  # what training does is right
        add_conventions(part, explanation)
        if not interface.is_silent_update(seen.results.get(f"{role}/update")):
            note_own_update(part, right, known, sizes, update, explanation)
        return explanation

    for steps in (single, update):
        if steps:
            explanation = explain.explain(right, known, steps, explain.step_agrees, sizes)
        if explanation is not None:
            break
    scheme = None
    if epochs:
        scheme, explanation = explain_epochs(right, known, sizes, epochs, explanation)
    if explanation is None or (epochs and scheme is None and explanation.is_right):
        part.unknown.append(certificate.unknown_step(role, right, single or update, epochs))
        return None
    if epochs and scheme is None:
        part.notes.append("a single step is explained, a whole epoch is not")
    for entry in explanation.entries:
        detail = f"It is {explanation.rate:.6g} always." if entry.fitted else ""
        part.add(entry.id, detail, certificate.step(role, explanation, entry))
    add_conventions(part, explanation)
    if scheme:
        add_scheme(part, scheme, role, explanation, context)
    return explanation


def explain_encoded(part, seen, right, known, sizes):
    """(epochs, Explanation or None) where the program is to be given one-hot labels; else None.

    The explanation is given where the epochs are right.
    """
    epochs, steps = seen.epochs("epoch_onehot"), seen.steps("single_onehot")
    explanation = None
    if steps and all(step[5] is not None for step in steps):
        explanation = explain.explain(right, known, steps, explain.step_agrees, sizes)
    if not epochs or explain_epochs(right, known, sizes, epochs, explanation)[0] is None:
        return None
    part.add("train_onehot")
    return epochs, epochs_explained(right, sizes, epochs)


def add_conventions(part, explanation):
    for id in explanation.conventions:
        part.add(id)


def note_own_update(part, right, known, sizes, update, explanation):
    """Say so where update_weight alone does otherwise than training, which is right."""
    if update and explain.explain(right, [], update, explain.step_agrees, sizes) is None:
        part.notes.append(
            "update_weight called alone does otherwise than train_epoch, which is right"
        )


def add_scheme(part, scheme, role, explanation, context):
    if scheme == "first_only":
        scheme = "early_return" if context.returns_in_loop(role) else "one_sample_epoch"
    part.add(scheme, "", certificate.epoch(role, explanation, scheme))


def epochs_explained(right, sizes, epochs):
    """The right twin, or one by another convention, if it explains the epochs; else None."""
    for ids, change in [((), {}), *[((id,), {"size": size}) for id, size in sizes]]:
        textbook = replace(right, **change)
        if explain.epochs_agree(textbook, epochs):
            return explain.Explanation(textbook, (), ids)
    return None


def explain_epochs(right, known, sizes, epochs, explanation):
    """(scheme, explanation): how an epoch is made of steps. scheme "" is one step per example.

    Starts from the explanation of the single steps; without one every twin is tried.
    """
    if explanation is not None:
        tried = [explanation]
    else:
        afters = [after for *_, after in epochs if after is not None]
        if not any(all(np.isfinite(v).all() for v in after.values()) for after in afters):
            return None, None
        tried = [explain.Explanation(right)]
        tried += [
            explain.Explanation(replace(right, **change), (entry,), (), None, change)
            for entry, change in known
            if not entry.fitted
        ]
    for each in tried:
        clear = [epoch for epoch in epochs if not schemes.diverges(each.textbook, epoch)]
        if explanation is not None and not clear:
            return "", explanation  # as far as it can be seen
        for name, agrees in schemes.SCHEMES.items():
            if name == "own_shuffle" and explanation is None and not each.is_right:
                continue  # thousands of orders for each of the twins
            if clear and all(agrees(each.textbook, epoch) for epoch in clear):
                return name, each
    return None, explanation


def judge_large_scores(part, seen, explanation):
    """Whether the step survives scores above 709 and follows a large gradient as it is."""
    calls = [call for call in seen.calls("huge", "epoch") if call.error is None]
    calls = calls or [call for call in seen.calls("huge", "update") if call.error is None]
    textbook = explanation.textbook if explanation else TEXTBOOKS[seen.role]
    single = seen.steps("single") or seen.steps("update")
    ordinary = all(explain.step_agrees(textbook, step) for step in single)
    for call in calls:
        before, after = seen.start(call), seen.matrix(call.after)
        if before is None or after is None or not np.isfinite(before["W"]).all():
            continue
        x = seen.rows(call.X, before["W"].shape[1])[0]
        with np.errstate(all="ignore"):
            expected = textbook.step(before, x, int(call.y[0]), call.rate)
        if not np.isfinite(expected["W"]).all():
            continue
        if not np.isfinite(after["W"]).all():
            part.add("softmax_unstable", "", certificate.large_scores())
            continue
        if explanation is None or explain.agree(after, expected, before):
            continue
        if is_clipped(after["W"] - before["W"], expected["W"] - before["W"]):
            part.add("gradient_clipped", "", certificate.clipped())
        elif np.abs(before["W"] @ x).max() > 709 and ordinary:
            part.add("softmax_unstable", "Here it gives numbers, but wrong ones.")


def is_clipped(moved, expected):
    """Whether a change is the expected one with its entries, or its length, cut."""
    largest = np.abs(moved).max()
    if not 0 < largest < 0.99 * np.abs(expected).max():
        return False
    if np.allclose(moved, np.clip(expected, -largest, largest), rtol=1e-3, atol=1e-3 * largest):
        return True
    scaled = expected * (np.linalg.norm(moved) / np.linalg.norm(expected))
    return np.allclose(moved, scaled, rtol=1e-3, atol=1e-3 * largest)


def judge_other_classes(part, seen, explanation):
    """Whether it works for another number of classes, and where a class is absent."""
    if explanation is None:
        return
    for name, id in (("other", "hardcoded_n_classes"), ("absent", "classes_from_batch")):
        if id == "classes_from_batch" and "hardcoded_n_classes" in part.found:
            continue
        result = seen.results.get(f"{seen.role}/{name}")
        failed = observed.field(result, "constructor_error") is not None
        made = seen.calls(name)
        failed = failed or any(call.error is not None for call in made)
        if "train_onehot" in part.found or any(id in part.found for id in schemes.SCHEMES):
            continue
        epochs = seen.epochs(name)
        if failed or (epochs and not explain.epochs_agree(explanation.textbook, epochs)):
            error = next((call.error for call in made if call.error), None)
            part.add(id, f"({observed.error_text(error)})" if error else "")
