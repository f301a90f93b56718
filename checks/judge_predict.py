"""Judges predict: on a batch, one example at a time, and where one row's scores are huge."""

from dataclasses import replace

import numpy as np

from checks import certificate, observed
from checks.judge_large_scores import LARGEST, OVERFLOWS
from checks.mistakes import changes
from checks.twins import TEXTBOOKS

# The fields of a textbook that predict shares with training.
FORWARD = {"hidden_bias", "activation", "output"}


def judge_predictions(part, seen, explanation, context):
    """Compare predict with the classes of the largest scores.

    The calls are those of experiments.py: predict, evaluate, predict with a huge first row.
    """
    calls = seen.calls("predict")
    ordinary, evaluation, far = calls if len(calls) == 3 else (None, None, None)
    if ordinary is None or ordinary.before is None:
        return
    if observed.error_type(ordinary.error) == "SystemExit":
        text = observed.error_text(ordinary.error)
        part.add("exit_call", text, certificate.crash(ordinary.error, ordinary))
        return
    if seen.scores(TEXTBOOKS[seen.role].scores, ordinary) is None:
        return
    found, deviations = observed.labels(ordinary.returned, len(ordinary.X), context.n_classes)
    rows = observed.listed(ordinary.raw.get("rows"))
    for ids, function in score_functions(seen.role, explanation):
        expected = seen.scores(function, ordinary).argmax(axis=1)
        as_a_batch = found is not None and np.array_equal(found, expected)
        alone = right_rows(rows, expected, context.n_classes) or (found is None and not ids)
        if as_a_batch or (alone and evaluated_right(evaluation, seen, function)):
            for id in [*ids, *(deviations if as_a_batch else ["predict_contract"])]:
                part.add(id)
            if as_a_batch:
                judge_far(part, seen, far, function, context)
            return
    judge_wrong_predictions(part, seen, ordinary, found, context)


def score_functions(role, explanation):
    """[(ids, function(weights, x) -> scores)]: right, as it trains, and with a mistake of its own."""
    right = TEXTBOOKS[role]
    found = [((), right.scores)]
    if role != "mlp":
        return [
            *found,
            (("perc_sign_argmax",), lambda weights, x: np.sign(right.scores(weights, x))),
        ]
    if explanation is not None and not explanation.is_right:
        found.append(((), explanation.textbook.scores))
    for entry, change in changes("mlp"):
        shared = {name: value for name, value in change.items() if name in FORWARD}
        if shared:
            found.append(((entry.id,), replace(right, **shared).scores))
    return found


def right_rows(rows, expected, n_classes):
    """Whether predict is right when it is given one example at a time."""
    if len(rows) != len(expected):
        return False
    for row, right in zip(rows, expected, strict=True):
        found = observed.numbers(row)
        if len(found) == n_classes:
            found = [float(np.argmax(found))]
        if not found or float(right) not in found[:3]:
            return False
    return True


def evaluated_right(call, seen, function):
    """Whether evaluate gives the fraction of right predictions."""
    table = seen.scores(function, call)
    if table is None:
        return False
    fraction = np.mean(table.argmax(axis=1) == call.y)
    return any(abs(value - fraction) < 1e-6 for value in observed.numbers(call.returned))


def judge_far(part, seen, call, function, context):
    """A batch in which the scores of the first row are larger than exp can take."""
    table = seen.scores(function, call)
    if table is None or not np.isfinite(table).all():
        return
    if observed.error_type(call.error) in OVERFLOWS:
        part.add("softmax_unstable", "It shows in predict.", certificate.crash(call.error, call))
    found, _ = observed.labels(call.returned, len(call.X), context.n_classes)
    if found is None:
        return
    expected = table.argmax(axis=1)
    wrong = np.flatnonzero(found != expected)
    others = wrong[wrong > 0]
    if len(others) and (found[others] == 0).all():
        part.add("predict_global_max", "", certificate.global_maximum(found, expected))
    elif len(wrong) and len(others) == 0 and np.abs(table[0]).max() > LARGEST:
        part.add("softmax_unstable", "It shows in predict.", certificate.large_scores())


def judge_wrong_predictions(part, seen, call, found, context):
    """Name what predict does, where its classes are not those of any scores."""
    table = seen.scores(TEXTBOOKS[seen.role].scores, call)
    single = observed.number(call.returned)
    flat = (float(table.argmax()), float(table.T.argmax()))
    if single is not None and (single in flat or single > context.n_classes):
        part.add("predict_no_axis", "", certificate.no_axis(single, len(call.X)))
    elif any(name in part.found for name in ("mlp_crash", "perc_crash", "lr_crash")):
        return
    elif found is not None or not call.error:
        part.unknown.append(certificate.unknown_predictions(table, found, call.returned))
    elif observed.error_type(call.error) == "NotImplementedError":
        part.notes.append("predict is not written yet")
    elif observed.error_type(call.error) in ("MissingHelper", "TooLong"):
        part.notes.append(f"predict was not judged: {observed.error_text(call.error)}")
    elif seen.role == "mlp":
        text = observed.error_text(call.error)
        part.add("mlp_crash", f"predict says: {text}", certificate.crash(call.error, call))
    else:
        text = f"predict fails: {observed.error_text(call.error)}"
        part.unknown.append((text, certificate.crash(call.error, call)))
