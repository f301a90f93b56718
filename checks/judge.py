"""Judges a submission: what is asked of its scripts, and the verdict of each part."""

from collections import Counter

import numpy as np

from checks import (
    experiments,
    experiments_torch,
    interface,
    judge_numpy,
    judge_torch,
    judge_train_batch,
    observed,
)
from checks.parts import PARTS
from checks.verdict import Part

# Errors that numbers of another size may cause; not those of time, imports or arguments.
SIZE_ERRORS = ("ValueError", "IndexError", "AssertionError", "RuntimeError")
CRASHES = {*interface.CRASHES.values(), "torch_lr_crash"}
# A child that sends nonsense costs its part the verdict, not a class its report.
UNREADABLE = (
    *(TypeError, ValueError, AttributeError, KeyError, IndexError, ArithmeticError),
    RecursionError,
)
NONSENSE = "what came back from it cannot be read"
MOST_ENDS = 2  # children that a model may end before its other checks are given up
MOST_NOTES = 5  # of what was noticed while a script was loaded

TORCH = {
    "torch_logistic_regression": judge_torch.judge_linear,
    "torch_mlp": judge_torch.judge_network,
    "torch_train_batch": judge_train_batch.judge,
}


def judge_submission(submission, run, edition=None, only=None, timeout=30):
    """{"edition", "parts": {part: {"verdict", "findings"}}, "notes"} of a submission.

    submission  has path (its folder), q1 and q2 (paths of its scripts in it, or None) and edition
    run         checks.sandbox.run or a function like it
    only        the parts to judge; all by default
    timeout     seconds a check may take
    """
    edition = edition or submission.edition or "ist-2024"
    parts, notes = {}, []
    for question, script in (("q1", submission.q1), ("q2", submission.q2)):
        asked = [p for p in PARTS if PARTS[p][1] == question and (not only or p in only)]
        if script is None:
            parts |= {part: {"verdict": "absent", "findings": []} for part in asked}
        elif asked:

            def ask(request, script=script):
                return run_all(submission.path, script, request, run, timeout, notes)

            with np.errstate(all="ignore"):  # the twins of unstable programs overflow as these do
                found = judge_script(submission.path / script, edition, asked, ask)
            parts |= {part: found[part].report() for part in asked}
    for part, report in parts.items():
        notes += [f"{part}: {note}" for note in report.pop("notes", [])]
    return {"edition": edition, "parts": parts, "notes": list(dict.fromkeys(notes))}


def run_all(path, script, request, run, timeout, notes):
    """The results of a request; after a check that ended the child, of the rest in another one."""
    results, ends = {}, Counter()
    load, checks = request["checks"][:1], request["checks"][1:]
    while True:
        outcome = run(path, script, {**request, "checks": load + checks}, timeout)
        results |= {k: v for k, v in outcome.results.items() if isinstance(k, str)}
        waiting = [check for check in load + checks if check["key"] not in results]
        if outcome.ended == "finished" or not waiting:
            break
        ender, *checks = waiting
        notes.append(f"{script}: {ender['key']} {outcome.detail}")
        error = {"type": outcome.ended, "message": outcome.detail, "line": None}
        results[ender["key"]] = {"error": error}
        model = ender["key"].partition("/")[0]
        ends[model] += 1
        if ends[model] == MOST_ENDS:  # the others' checks are not to wait for all of this one's
            checks = [c for c in checks if c["key"].partition("/")[0] != model]
        if ender in load or not checks:
            break
    said = observed.listed(observed.field(results.get("load"), "notes"))
    notes += [f"{script}: {note}" for note in said[:MOST_NOTES]]
    return results


def judge_script(path, edition, asked, ask):
    """{part: Part} of a script, of the parts asked for and perhaps others.

    ask(request) -> results; where a model fails for any input, it is asked again at other sizes.
    """
    models = sorted({part.removesuffix("_l2") for part in asked})

    def judge(models, **sizes):
        if asked[0] in TORCH:
            request = experiments_torch.q2_request(path.name, edition, models, **sizes)
        else:
            request = experiments.q1_request(path.name, edition, models, **sizes)
        n_classes = sizes.get("n_classes", experiments.CLASSES[edition])
        context = interface.Context(edition, n_classes, path)
        results, found = ask(request), {}
        checks = {check["key"]: check for check in request["checks"]}
        for model in models:
            found |= judge_model(model, checks, results, context)
        return found

    found = judge(models)
    for model in models:
        for id, sentence, sizes in other_sizes(model, edition) if is_crash(found[model]) else ():
            again = judge([model], **sizes)
            if again[model].blocked is None and not is_crash(again[model]):
                again[model].add(id, sentence)
                found |= again
                break
    return found


def judge_model(model, checks, results, context):
    """{part: Part} of one model, or of train_batch."""
    try:
        if model in TORCH:
            return {model: TORCH[model](checks, results)}
        return judge_numpy.judge(model, checks, results, context)
    except UNREADABLE:
        part = Part(("uncallable", NONSENSE))
        return {model: part, f"{model}_l2": part}


def is_crash(part):
    """Whether a part failed for any input in a way that another size may cure."""
    if part.blocked is None:
        return bool(CRASHES & set(part.found))
    verdict, sentence = part.blocked
    return verdict == "uncallable" and sentence.startswith(SIZE_ERRORS)


def other_sizes(model, edition):
    """[(id, sentence, sizes)] at which a program may work that fails at those of experiments.py.

    They are the sizes of the courses' data sets.
    """
    if model == "torch_train_batch":
        return []
    if model in TORCH:
        sentence = "It works for 784, which is 28 * 28."
        return [("hardcoded_n_features", sentence, {"features": 784})]
    found = [
        ("hardcoded_n_classes", f"It works for {k}.", {"n_classes": k})
        for k in experiments.CLASSES.values()
        if k != experiments.CLASSES[edition]
    ]
    hidden = (200, 100) if model == "mlp" else ()
    return found + [("hardcoded_hidden_size", f"It works for {h}.", {"hidden": h}) for h in hidden]
