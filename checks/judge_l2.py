"""Judges the l2 penalty: what it adds to the program's own step without it."""

from dataclasses import replace

import numpy as np

from checks import certificate, explain, interface, observed, schemes
from checks.mistakes_l2 import TABLE, after_the_step, right_l2
from checks.verdict import Part


def judge(plain, seen, explanation, context):
    """The part logistic_regression_l2: what the penalty adds to the program's own step."""
    part = Part()
    if not interface.takes_l2(seen.results, context.asks_for_l2):
        part.blocked = ("absent", "l2_penalty is not part of this program")
        return part
    ignored = (explanation.rate,) if explanation and explanation.rate else ()
    for name in ("single", "update"):
        steps, without = seen.steps(f"l2/{name}"), seen.steps(name)
        pairs = [(a, b) for a, b in zip(steps, without, strict=False) if same_start(a, b)]
        if pairs:
            break
    calls = seen.calls("l2/single") or seen.calls("l2/update")
    if not pairs and not seen.epochs("l2/epoch"):
        error = next((call.error for call in calls if call.error), None)
        part.blocked = ("uncallable", observed.error_text(error) if error else "no step was made")
        return part
    if not pairs:
        id = explain_l2_of_epochs(seen.epochs("l2/epoch"), explanation)
        if id is None:
            part.unknown.append(("The penalty changes the weights in another way.", None))
        elif id:
            part.add(id, "", certificate.l2(id))
        return part
    if "no_update" in plain.found and all(np.array_equal(b[5]["W"], b[0]["W"]) for _, b in pairs):
        part.add("no_update")
        return part
    spoiled = [id for id in ("weights_overwritten", "lr_loss_as_gradient") if id in plain.found]
    for rates in ((), *[(rate,) for rate in ignored]):
        id, note, twin = explain_l2(pairs, rates)
        if id is not None:
            break
    if id is None:
        id, note = explain_l2_within(pairs, explanation)
    if spoiled and (id is None or id == "l2_missing"):
        part.add(spoiled[0])  # there is no gradient that a penalty could be added to
    elif id is None:
        part.unknown.append(certificate.unknown_l2(pairs))
    elif id:
        part.add(id, "", certificate.l2(id, twin))
    if note:
        part.notes.append(note)
    return part


def same_start(a, b):
    return a[5] is not None and b[5] is not None and np.array_equal(a[0]["W"], b[0]["W"])


def l2_twins():
    """[(id, twin, note)], the right ones with the id ""."""
    yield "", right_l2, None
    for entry in TABLE:
        for twin in entry.twins["logistic_regression_l2"]:
            yield entry.id, twin, None
    yield "", after_the_step, "the penalty is taken after the gradient step, from the new weights"


def explain_l2(pairs, rates):
    """(id, note, twin) of the penalty that the differences of the steps show; Nones if none."""
    for spare_bias in (False, True):
        for id, twin, note in l2_twins():
            if all(l2_agrees(twin, *pair, rates, spare_bias) for pair in pairs):
                if spare_bias and not id:
                    note = "the last column, the bias, is spared by the penalty"
                return id, note, twin
    return None, None, None


def l2_agrees(twin, with_penalty, without, rates, spare_bias):
    before, _, _, rate, penalty, after = with_penalty
    W, stepped, seen = before["W"], without[5]["W"], after["W"]
    rate = rates[0] if rates else rate
    change = twin(W, stepped, rate, penalty) + 0 * W
    if spare_bias:
        change = change.copy()
        change[:, -1] = 0
    allowed = 1e-3 * rate * penalty * np.abs(W).max() + explain.OF_WEIGHTS * np.abs(W).max()
    return seen.shape == stepped.shape and np.abs(seen - stepped - change).max() <= allowed


TERMS = [("", 1), ("conv_l2_factor2", 2), ("l2_missing", 0), ("l2_sign", -1), ("l2_sign", -2)]


def explain_l2_within(pairs, explanation):
    """(id, note) where the penalty is part of the gradient of a step that is wrong itself."""
    if explanation is None:
        return None, None
    for id, factor in TERMS:
        term = replace(explanation.textbook, penalty_term=lambda W, p, f=factor: f * p * W)
        if all(explain.step_agrees(term, with_penalty) for with_penalty, _ in pairs):
            return id, None
    return None, None


def explain_l2_of_epochs(epochs, explanation):
    """The id of the penalty that whole epochs show, "" for the right one; None if none does."""
    if explanation is None:
        return None
    scalar = ("l2_scalar_norm", lambda W, p: p * np.sum(W**2) + 0 * W)
    terms = [(id, lambda W, p, f=factor: f * p * W) for id, factor in TERMS]
    for id, term in [*terms, scalar]:
        textbook = replace(explanation.textbook, penalty_term=term)
        if any(
            all(agrees(textbook, e) for e in epochs)
            for agrees in (schemes.one_by_one, schemes.all_at_once)
        ):
            return id
    return None
