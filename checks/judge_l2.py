"""Judges the l2 penalty: what it adds to the program's own step without it."""

from dataclasses import replace

import numpy as np

from checks import certificate, explain, interface, observed
from checks.mistakes import changes
from checks.mistakes_l2 import after_the_step, right_l2
from checks.verdict import Part

# Penalties within the gradient of a step: the id, "" for the right one, and penalty, W -> the term.
TERMS = [
    ("", lambda W, penalty: penalty * W),
    ("conv_l2_factor2", lambda W, penalty: 2 * penalty * W),
    ("l2_missing", lambda W, penalty: 0 * W),
    ("l2_sign", lambda W, penalty: -penalty * W),
    ("l2_sign", lambda W, penalty: -2 * penalty * W),
    ("l2_scalar_norm", lambda W, penalty: penalty * np.sum(W**2) + 0 * W),
]


def judge(plain, seen, explanation, context):
    """The Part logistic_regression_l2; `plain` is that of the step without a penalty."""
    part = Part()
    if not interface.takes_l2(seen, context.asks_for_l2):
        part.blocked = ("absent", "l2_penalty is not part of this program")
        return part
    pairs = pairs_of(seen, "single") or pairs_of(seen, "update")
    epochs = seen.runs("l2/epoch")
    if not pairs and not epochs:
        calls = seen.calls("l2/single") or seen.calls("l2/update")
        error = next((call.error for call in calls if call.error), None)
        part.blocked = ("uncallable", observed.error_text(error) if error else "no step was made")
        return part
    unmoved = [np.array_equal(without.after["W"], without.before["W"]) for _, without in pairs]
    if "no_update" in plain.found and unmoved and all(unmoved):
        part.add("no_update")
        return part
    id, twin, note = explain_l2(pairs, explanation)
    if id is None:
        id = explain_within_step([run for run, _ in pairs] or epochs, explanation)
    spoiled = [id for id in ("weights_overwritten", "lr_loss_as_gradient") if id in plain.found]
    if spoiled and (id is None or id == "l2_missing"):
        part.add(spoiled[0])  # there is no gradient that a penalty could be added to
    elif id is None:
        shown = certificate.unknown_l2(*pairs[0]) if pairs else None
        part.unknown.append(("The penalty changes the weights in another way.", shown))
    elif id:
        part.add(id, "", certificate.l2(twin, seen))
    if note:
        part.notes.append(note)
    return part


def pairs_of(seen, name):
    """[(Run with a penalty, the same step without)]"""
    return [
        (run, without)
        for run, without in zip(seen.runs(f"l2/{name}"), seen.runs(name), strict=False)
        if run.after is not None
        and without.after is not None
        and np.array_equal(run.before["W"], without.before["W"])
    ]


def l2_twins():
    """[(id, twin, note)], the right ones with the id ""."""
    yield "", right_l2, None
    for entry, twin in changes("logistic_regression_l2"):
        yield entry.id, twin, None
    yield "", after_the_step, "the penalty is taken after the gradient step, from the new weights"


def explain_l2(pairs, explanation):
    """(id, twin, note) of what the penalty adds to the steps; Nones if no twin adds it."""
    constant = explanation.rate if explanation else None
    for rate in (None, constant) if constant else (None,):
        for spare_bias in (False, True):
            for id, twin, note in l2_twins():
                if pairs and all(l2_agrees(twin, *pair, rate, spare_bias) for pair in pairs):
                    if spare_bias and not id:
                        note = "the last column, the bias, is spared by the penalty"
                    return id, twin, note
    return None, None, None


def l2_agrees(twin, run, without, rate, spare_bias):
    W, stepped, seen = run.before["W"], without.after["W"], run.after["W"]
    rate = rate or run.rate
    change = twin(W, stepped, rate, run.penalty) + 0 * W
    if spare_bias:
        change = change.copy()
        change[:, -1] = 0
    size = np.abs(W).max()
    allowed = 1e-3 * rate * run.penalty * size + explain.OF_WEIGHTS * size
    return seen.shape == stepped.shape and np.abs(seen - stepped - change).max() <= allowed


def explain_within_step(runs, explanation):
    """The id of a penalty that is part of the gradient of a step, one that may be wrong itself."""
    for id, term in TERMS if explanation else ():
        textbook = replace(explanation.textbook, penalty_term=term)
        for agrees in (explain.agrees, explain.all_at_once):
            if all(agrees(textbook, run) for run in runs):
                return id
    return None
