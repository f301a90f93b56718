"""Judges predict: on a batch, one example at a time, and where one row's scores are huge."""

import numpy as np

from checks import certificate, observed


def judge_predictions(part, calls, context, scores, crash=None):
    """Compare predict with the classes of the largest scores.

    calls   predict, evaluate, predict with a huge first row: as experiments.py asks for them
    scores  [(ids, function(parameters, X) -> scores or None)], the right ones first
    """
    ordinary = next((c for c in calls if c.asked["call"] == "predict"), None)
    evaluation = next((c for c in calls if c.asked["call"] == "evaluate"), None)
    far = next((c for c in reversed(calls) if c.asked["call"] == "predict"), None)
    if ordinary is None or ordinary.before is None:
        return
    if observed.field(ordinary.error, "type") == "SystemExit":
        part.add("exit_call", observed.error_text(ordinary.error))
        return
    n, k = len(ordinary.X), context.n_classes
    found, deviations = observed.labels(ordinary.returned, n, k)
    for ids, function in scores:
        table = function(ordinary.before, ordinary.X)
        if table is None:
            continue
        expected = table.argmax(axis=1)
        if found is not None and np.array_equal(found, expected):
            for id in [*ids, *deviations]:
                part.add(id)
            judge_far(part, far, function, context)
            return
        rows = observed.listed(ordinary.raw.get("rows"))
        if right_rows(rows, expected, k) and evaluated_right(evaluation, function):
            for id in ids:
                part.add(id)
            part.add("predict_contract")
            return
        if found is None and not ids and evaluated_right(evaluation, function):
            part.add("predict_contract")
            return
    table = scores[0][1](ordinary.before, ordinary.X)
    if table is None:
        return
    single = observed.number(ordinary.returned)
    flat = (float(table.argmax()), float(table.T.argmax()))
    if single is not None and (single in flat or single > k):
        part.add("predict_no_axis", "", certificate.no_axis())
        return
    if any(name in part.found for name in ("mlp_crash", "perc_crash", "lr_crash")):
        return
    if found is None and ordinary.error is not None:
        if observed.field(ordinary.error, "type") == "NotImplementedError":
            part.notes.append("predict is not written yet")
            return
        text = observed.error_text(ordinary.error)
        if observed.field(ordinary.error, "type") in ("MissingHelper", "TooLong"):
            part.notes.append(f"predict was not judged: {text}")
            return
        if crash:
            part.add(crash, f"predict says: {text}", {"text": text, "markdown": f"`{text}`"})
            return
        part.unknown.append((f"predict fails: {text}", None))
        return
    part.unknown.append(certificate.unknown_predictions(table, found, ordinary.returned))


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


def evaluated_right(call, scores):
    """Whether evaluate gives the fraction of right predictions."""
    if call is None or call.before is None:
        return False
    table = scores(call.before, call.X)
    if table is None:
        return False
    fraction = np.mean(table.argmax(axis=1) == call.y)
    return any(abs(value - fraction) < 1e-6 for value in observed.numbers(call.returned))


def judge_far(part, call, scores, context):
    """A batch in which the scores of the first row are larger than exp can take."""
    if call is None or call.before is None or "X" not in call.asked:
        return
    table = scores(call.before, call.X)
    found, _ = observed.labels(call.returned, len(call.X), context.n_classes)
    if table is None or found is None or not np.isfinite(table).all():
        return
    wrong = np.flatnonzero(found != table.argmax(axis=1))
    others = wrong[wrong > 0]
    if len(others) and (found[others] == 0).all():
        part.add("predict_global_max", "", certificate.global_maximum())
    elif len(wrong) and len(others) == 0 and np.abs(table[0]).max() > 709:
        part.add("softmax_unstable", "It shows in predict.", certificate.large_scores())
