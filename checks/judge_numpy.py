"""Judges a model of Question 1: what training computes, what predict returns, and at what sizes."""

from checks import certificate, explain, interface, judge_l2, judge_mlp, observed
from checks.judge_large_scores import judge_large_scores
from checks.judge_predict import judge_predictions
from checks.observations import Observations
from checks.twins import TEXTBOOKS
from checks.verdict import Part


def judge(role, checks, results, context):
    """{part: Part} of a model: its own, and for logistic regression that of the l2 penalty."""
    part = Part()
    seen = Observations(role, checks, results)
    if not interface.can_be_judged(part, seen, context):
        return {role: part, f"{role}_l2": part}
    trial, explanation, scheme = judge_steps(seen, context)
    if trial.has_wrong() and seen.with_column:
        other = Observations(role, checks, results, bias_first=True)
        again, *found = judge_steps(other, context)
        if not again.has_wrong():
            seen, trial, (explanation, scheme) = other, again, found
    part.add_all(trial)
    if role == "mlp":
        judge_mlp.judge_loss(part, seen, explanation, scheme, context)
        judge_mlp.judge_initial(part, seen)
    judge_predictions(part, seen, explanation, context)
    if role != "perceptron":
        judge_large_scores(part, seen, explanation)
    judge_sizes(part, seen, explanation, scheme)
    interface.add_deviations(part, seen, context)
    if role == "logistic_regression":
        return {role: part, f"{role}_l2": judge_l2.judge(part, seen, explanation, context)}
    return {role: part}


def judge_steps(seen, context):
    """(Part, Explanation or None, scheme): the twin that makes the steps and the epochs.

    The scheme is how epochs are made of steps, a key of explain.SCHEMES; None if none is known.
    """
    part, role = Part(), seen.role
    explanation = explain.explain_right(role, seen.runs("epoch"))
    if explanation is None and context.converts_labels:
        seen.encoded = True
        step, epochs = explain.explain(role, seen.runs("single")), seen.runs("epoch")
        if epochs and explain.explain_epochs(role, epochs, step)[0] is not None:
            part.add("train_onehot")
            explanation = explain.explain_right(role, epochs)
        else:
            seen.encoded = False
    epochs, single = seen.runs("epoch"), seen.runs("single")
    update = [] if seen.encoded else seen.runs("update")
    if explanation is not None:  # what training does is right
        add_entries(part, seen, explanation)
        written = not interface.is_silent_update(seen.result("update"))
        if update and written and explain.explain_right(role, update) is None:
            part.notes.append(
                "update_weight called alone does otherwise than train_epoch, which is right"
            )
        return part, explanation, ""

    explanation = explain.explain(role, single) or explain.explain(role, update)
    scheme = None
    if epochs:
        scheme, explanation = explain.explain_epochs(role, epochs, explanation)
    if explanation is None or (epochs and scheme is None and explanation.is_right):
        steps = single or update
        part.unknown.append(certificate.unknown_step(TEXTBOOKS[role], steps, epochs))
        return part, None, None
    if epochs and scheme is None:
        part.notes.append("a single step is explained, a whole epoch is not")
    add_entries(part, seen, explanation)
    if scheme:
        id = scheme
        if scheme == "first_only":
            id = "early_return" if context.returns_in_loop else "one_sample_epoch"
        part.add(id, "", certificate.epoch(seen, explanation, scheme))
    return part, explanation, scheme


def add_entries(part, seen, explanation):
    for entry in explanation.entries:
        detail = f"It is {explanation.rate:.6g} always." if entry.fitted else ""
        is_wrong = entry.severity != "deviation"
        part.add(entry.id, detail, certificate.step(seen, explanation) if is_wrong else None)


def judge_sizes(part, seen, explanation, scheme):
    """Other numbers of hidden units and classes, and a class that is absent from the data."""
    for name in ("single", "epoch") if seen.role == "mlp" else ():
        asked = seen.checks[f"mlp/{name}"]["dims"][2]
        found = observed.field(seen.result(name), "hidden_size")
        if isinstance(found, int) and found != asked:
            part.add("hardcoded_hidden_size", f"It is {found}.")
            return
    if explanation is None or seen.encoded or scheme not in ("", "full_batch"):
        return
    agrees = explain.SCHEMES[scheme]
    for name, id in (("other", "hardcoded_n_classes"), ("absent", "classes_from_batch")):
        failed = next((call for call in seen.calls(name) if call.error), None)
        error = failed.error if failed else observed.field(seen.result(name), "constructor_error")
        runs = seen.runs(name)
        if error:
            text = observed.error_text(error)
            part.add(id, f"({text})", certificate.crash(error, failed))
            return
        if runs and not all(agrees(explanation.textbook, run) for run in runs):
            part.add(id)
            return
