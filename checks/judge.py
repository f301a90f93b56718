"""Judges a submission: what is asked of its scripts, and the verdict of each part."""

import sys
from collections import Counter

import numpy as np

from checks import (
    experiments,
    experiments_torch,
    judge_linear,
    judge_mlp,
    judge_torch,
    judge_train_batch,
    observed,
)
from checks.interface import CRASHES, Context, add_places
from checks.verdict import Part, finding

# Errors that numbers of another size may cause; not those of time, imports or arguments.
SIZE_ERRORS = ("ValueError", "IndexError", "AssertionError")
# What a child sends is checked where it is read. Should something slip through, it costs one part
# its verdict, not a class its report.
UNREADABLE = (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError)
NONSENSE = "what came back from it cannot be read"
PARTS = {
    "q1": ["perceptron", "logistic_regression", "logistic_regression_l2", "mlp"],
    "q2": ["torch_logistic_regression", "torch_mlp", "torch_train_batch"],
}


def judge_submission(submission, run, edition=None, only=None, timeout=30):
    """{"edition", "parts": {part: {"verdict", "findings"}}, "notes"} of a submission.

    submission  has path (its folder), q1 and q2 (paths of its scripts in it, or None), what
                 was read in them (scripts) and edition
    run         checks.sandbox.run or a function like it
    only        the parts to judge; all by default
    timeout     seconds a check may take
    """
    edition = edition or submission.edition or "ist-2024"
    wanted = [part for parts in PARTS.values() for part in parts if not only or part in only]
    parts, notes = {}, []
    for question, script in (("q1", submission.q1), ("q2", submission.q2)):
        asked = [part for part in PARTS[question] if part in wanted]
        if not asked:
            continue
        if script is None:
            for part in asked:
                parts[part] = {"verdict": "absent", "findings": []}
            continue
        read = submission.scripts.get(question)
        if read and read.error:
            for part in asked:
                parts[part] = unreadable(read.error)
            continue
        judge = judge_q1 if question == "q1" else judge_q2
        with np.errstate(all="ignore"):  # the twins of unstable programs overflow as these do
            found = judge(submission.path, script, edition, set(asked), run, timeout, notes)
        parts |= {part: found[part] for part in asked}
    for part, report in parts.items():
        notes += [f"{part}: {note}" for note in report.pop("notes", [])]
    return {"edition": edition, "parts": parts, "notes": list(dict.fromkeys(notes))}


def unreadable(error):
    """The report of a part whose script cannot be read, whatever the part."""
    version = ".".join(map(str, sys.version_info[:2]))
    hint = f"If it runs elsewhere, that is another version of Python than this one, {version}."
    found = finding(
        "uncallable", "The script cannot be read", error, hint if "SyntaxError" in error else ""
    )
    return {"verdict": "uncallable", "findings": [found]}


MOST_ENDS = 2  # children that a model may end before its other checks are given up


def run_all(path, script, request, run, timeout, notes):
    """The results of a request; after a check that ended the child, of the rest in another one."""
    results, checks, ends = {}, list(request["checks"]), Counter()
    while True:
        outcome = run(path, script, {**request, "checks": checks}, timeout)
        results |= {k: v for k, v in outcome.results.items() if isinstance(k, str)}
        waiting = [check for check in checks if check["key"] not in results]
        if outcome.ended == "finished" or not waiting:
            return results
        ender, *waiting = waiting
        notes.append(f"{script}: {ender['key']} {outcome.detail}")
        error = {"type": outcome.ended, "message": outcome.detail, "line": None}
        results[ender["key"]] = {"error": error}
        if ender["kind"] == "load":
            return results
        model = ender["key"].partition("/")[0]
        ends[model] += 1
        if ends[model] == MOST_ENDS:  # the others' checks are not to wait for all of this one's
            waiting = [c for c in waiting if c["key"].partition("/")[0] != model]
        load = [check for check in checks if check["kind"] == "load"][:1]
        checks = load + [c for c in waiting if c["kind"] != "load"]
        if checks == load:
            return results


def judge_q1(path, script, edition, asked, run, timeout, notes):
    found = {}
    roles = {
        "perceptron": {"perceptron"},
        "logistic_regression": {"logistic_regression", "logistic_regression_l2"},
        "mlp": {"mlp"},
    }
    wanted = {role for role, parts in roles.items() if parts & asked}
    request = experiments.q1_request(str(script), edition, wanted)
    results = run_all(path, script, request, run, timeout, notes)
    for role in sorted(wanted):
        parts = judge_role(role, request, results, edition, path / script)
        if is_crash(parts[0]):
            again = judge_at_other_sizes(role, edition, path, script, run, timeout)
            parts = again or parts
        found[role] = parts[0]
        if role == "logistic_regression":
            found["logistic_regression_l2"] = parts[1]
    return reports(found, results, path / script)


def reports(found, results, path):
    """{part: its report} of Parts, with the line of the class or function that each is about."""
    said = {name: part.report() for name, part in found.items()}
    for name, report in said.items():
        key = name.removesuffix("_l2") + "/"
        values = [results[each] for each in results if each.startswith(key)]
        classes = [observed.field(value, "class") for value in values]
        called = next((each for each in classes if isinstance(each, str)), "train_batch")
        add_places(report, Context("", 0, path).tree, called)
    return said


def judge_role(role, request, results, edition, path, n_classes=None):
    """(Part, Part of the l2 penalty or None) of one model."""
    checks = {check["key"]: check for check in request["checks"]}
    context = Context(edition, n_classes or experiments.CLASSES[edition], path)
    try:
        if role == "mlp":
            return judge_mlp.judge(checks, results, context), None
        return judge_linear.judge(role, checks, results, context)
    except UNREADABLE:
        return Part(("uncallable", NONSENSE)), Part(("uncallable", NONSENSE))


def is_crash(part):
    """Whether a part failed for any input in a way that another number of classes may cure."""
    if part.blocked is None:
        return any(id in part.found for id in CRASHES.values())
    verdict, sentence = part.blocked
    return verdict == "uncallable" and sentence.startswith(SIZE_ERRORS)


def judge_at_other_sizes(role, edition, path, script, run, timeout):
    """The parts at the sizes of the courses' data sets, where a program works for one of them alone."""
    others = [k for k in experiments.CLASSES.values() if k != experiments.CLASSES[edition]]
    sizes = [("hardcoded_n_classes", k, experiments.HIDDEN) for k in others]
    if role == "mlp":
        own = experiments.CLASSES[edition]
        sizes += [("hardcoded_hidden_size", own, hidden) for hidden in (200, 100)]
    for id, n_classes, hidden in sizes:
        request = experiments.q1_request(str(script), edition, {role}, n_classes, hidden)
        results = run_all(path, script, request, run, timeout, [])
        parts = judge_role(role, request, results, edition, path / script, n_classes)
        if not is_crash(parts[0]) and parts[0].blocked is None:
            parts[0].add(id, f"It works for {hidden if 'hidden' in id else n_classes}.")
            return parts
    return None


def judge_q2(path, script, edition, asked, run, timeout, notes):
    request = experiments_torch.q2_request(str(script), edition, asked)
    results = run_all(path, script, request, run, timeout, notes)
    checks = {check["key"]: check for check in request["checks"]}
    judges = {
        "torch_logistic_regression": judge_torch.judge_linear,
        "torch_mlp": judge_torch.judge_network,
        "torch_train_batch": judge_train_batch.judge,
    }
    found = {part: judge_module(judges[part], checks, results) for part in asked}
    failed = {part for part in asked if part != "torch_train_batch" and is_torch_crash(found[part])}
    if failed:
        request = experiments_torch.q2_request(str(script), edition, failed, features=28 * 28)
        results = run_all(path, script, request, run, timeout, [])
        checks = {check["key"]: check for check in request["checks"]}
        for part in failed:
            again = judge_module(judges[part], checks, results)
            if not is_torch_crash(again) and again.blocked is None:
                again.add("hardcoded_n_features", "It works for 784, which is 28 * 28.")
                found[part] = again
    return reports(found, results, path / script)


def judge_module(judge, checks, results):
    try:
        return judge(checks, results)
    except UNREADABLE:
        return Part(("uncallable", NONSENSE))


def is_torch_crash(part):
    """Whether a module fails for any input in a way that another number of features may cure."""
    if part.blocked is None:
        return "torch_lr_crash" in part.found
    return part.blocked[0] == "uncallable" and part.blocked[1].startswith(
        ("RuntimeError", *SIZE_ERRORS)
    )
