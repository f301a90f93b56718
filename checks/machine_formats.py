"""What was found, for other programs: json, csv, junit, gradescope, classroom50; each a string."""

import csv
import datetime
import io
import json
import os
import platform
from xml.etree import ElementTree

from checks.parts import PARTS, PASSING, VERDICTS
from checks.summary import shared_notes


def write_json(judged, points):
    """Our own format, schema 1."""
    return _dump({"schema": 1, "submissions": [submission.as_json() for submission in judged]})


def write_csv(judged, points):
    """A row for each submission and part."""
    stream = io.StringIO()
    shared = shared_notes(judged)
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["name", "edition", "part", "verdict", "points", "ids", "titles", "notes"])
    for submission in judged:
        for part, found in submission.parts.items():
            row = [
                submission.name,
                submission.edition,
                part,
                found["verdict"],
                _score(found, points[part]),
                " ".join(finding["id"] for finding in found["findings"]),
                "; ".join(finding["title"] for finding in found["findings"]),
                " ".join(note for note in submission.notes if note not in shared),
            ]
            rows.writerow([_no_formula(cell) for cell in row])
    return stream.getvalue()


def _no_formula(cell):
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + cell
    return cell


def _score(found, points):
    return points if found["verdict"] in PASSING else 0


def _totals(submission, points):
    """The points of a submission and the most there are."""
    scores = [_score(found, points[part]) for part, found in submission.parts.items()]
    return sum(scores), sum(points[part] for part in submission.parts)


def write_junit(judged, points):
    """JUnit XML as pytest writes it: a suite for each submission, a case for each part."""
    root = ElementTree.Element("testsuites", name="check.py")
    now = datetime.datetime.now(datetime.UTC).isoformat()
    for submission in judged:
        verdicts = [found["verdict"] for found in submission.parts.values()]
        errors = verdicts.count("uncallable")
        failures = sum(verdict not in PASSING for verdict in verdicts) - errors
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=submission.name,
            errors=str(errors),
            failures=str(failures),
            skipped="0",
            tests=str(len(verdicts)),
            time=f"{submission.seconds:.3f}",
            timestamp=now,
            hostname=platform.node(),
        )
        score, most = _totals(submission, points)
        properties = {"edition": submission.edition, "score": score, "max_score": most}
        for part, found in submission.parts.items():
            properties[f"{part}.score"] = _score(found, points[part])
            properties[f"{part}.max_score"] = points[part]
        listed = ElementTree.SubElement(suite, "properties")
        for name, value in properties.items():
            ElementTree.SubElement(listed, "property", name=name, value=str(value))
        for part, found in submission.parts.items():
            _add_case(suite, submission, part, found, submission.seconds / max(1, len(verdicts)))
        if submission.notes:
            ElementTree.SubElement(suite, "system-out").text = "\n".join(submission.notes)
    ElementTree.indent(root)
    xml = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xml}\n'


def _add_case(suite, submission, part, found, seconds):
    case = ElementTree.SubElement(
        suite, "testcase", classname=submission.name, name=part, time=f"{seconds:.3f}"
    )
    verdict, text = found["verdict"], _plain(found)
    if verdict in PASSING:
        if text:
            ElementTree.SubElement(case, "system-out").text = text
        return
    kind = "error" if verdict == "uncallable" else "failure"
    message = "; ".join(finding["title"] for finding in found["findings"]) or VERDICTS[verdict]
    ElementTree.SubElement(case, kind, type=verdict, message=message).text = text


def _plain(found):
    """A part's findings as plain text."""
    texts = []
    for finding in found["findings"]:
        lines = [finding["title"], finding["explanation"], finding["hint"]]
        lines.append(finding["certificate"] and finding["certificate"]["text"])
        texts.append("\n".join(line for line in lines if line))
    return "\n\n".join(texts)


def _markdown(found):
    """A part's findings as Markdown; what was said of the program is text, not markup."""
    texts = [f"**{VERDICTS[found['verdict']].capitalize()}**"]
    if found["verdict"] == "mistake":
        texts = []
    for finding in found["findings"]:
        texts.append(f"**{_escaped(finding['title'])}**")
        texts.append(_escaped(finding["explanation"]))
        if finding["hint"]:
            texts.append(f"*Hint:* {_escaped(finding['hint'])}")
        if finding["certificate"]:
            texts.append(finding["certificate"]["markdown"])
    return "\n\n".join(texts)


def _escaped(text):
    """Text in which Markdown and HTML see nothing of theirs but code between `backticks`."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one that has no partner
        pieces = [text]
    for number in range(0, len(pieces), 2):
        plain = pieces[number].replace("&", "&amp;").replace("<", "&lt;")
        pieces[number] = "".join(f"\\{c}" if c in "\\`*_[]#|~" else c for c in plain)
    return "`".join(pieces)


def write_gradescope(judged, points):
    """Gradescope's results.json, for one submission."""
    (submission,) = judged
    tests = [
        {
            "score": _score(found, points[part]),
            "max_score": points[part],
            "status": "passed" if found["verdict"] in PASSING else "failed",
            "name": PARTS[part][0],
            "output": _markdown(found),
            "output_format": "md",
            "visibility": "visible",
        }
        for part, found in submission.parts.items()
    ]
    results = {
        "score": _totals(submission, points)[0],
        "execution_time": round(submission.seconds),
        "output": "\n".join(submission.notes),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return _dump(results)


def write_classroom50(judged, points):
    """Classroom 50's result.json, for one submission; its runner's environment says whose."""
    (submission,) = judged
    whole = {part: round(points[part]) for part in submission.parts}
    tests = [
        {
            "test-name": PARTS[part][0],
            "passed": found["verdict"] in PASSING,
            "score": _score(found, whole[part]),
            "max-score": whole[part],
            "verdict": found["verdict"],
            "output": _plain(found),
        }
        for part, found in submission.parts.items()
    ]
    names = {
        "classroom": "CLASSROOM",
        "assignment": "ASSIGNMENT",
        "assignment_type": "ASSIGNMENT_TYPE",
        "owner": "OWNER",
        "submission": "SUBMISSION_TAG",
        "commit": "COMMIT_URL",
        "release": "RELEASE_URL",
        "review": "REVIEW_URL",
    }
    result = {"schema": "classroom50/result/v1"}
    result |= {field: os.environ.get(name, "") for field, name in names.items()}
    result["assignment_type"] = result["assignment_type"] or "individual"
    result["review"] = result["review"] or result["commit"]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    result |= {"datetime": now, "graded_at": now}
    score, most = _totals(submission, whole)
    return _dump({**result, "score": score, "max-score": most, "tests": tests})


def _dump(value):
    return json.dumps(value, indent=2, allow_nan=False) + "\n"
