"""What check.py writes: each format against a copy of its description, and hostile names in each."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from checks import machine_formats, page, text
from checks.parts import PARTS, VERDICTS, Judged, checked, load_points
from checks.summary import counts, shared_notes
from utils import InputError

POINTS = dict.fromkeys(PARTS, 1)


def finding(id_="perc_label_scaled", severity="wrong", **more):
    return {
        "id": id_,
        "severity": severity,
        "title": f"A title with `{id_}`",
        "explanation": "The step is y_i * x_i.",
        "hint": "Is the label a number or a name?",
        "certificate": {"text": "x = (1, -2)\n  W[2] = (2, -4)", "markdown": "`W[2]`: (2, -4)"},
        **more,
    }


def judged(name="ada", **verdicts):
    """A submission with every part correct but those named: a verdict, or one and its finding."""
    parts = {part: {"verdict": "correct", "findings": []} for part in PARTS}
    for part, verdict in verdicts.items():
        verdict, findings = verdict if isinstance(verdict, tuple) else (verdict, [])
        parts[part] = {"verdict": verdict, "findings": findings}
    return Judged(name, f"class/{name}", "ist-2024", parts, ["Sandbox: no network."], 1.25)


MIXED = judged(
    perceptron=("mistake", [finding()]),
    logistic_regression=("fragile", [finding("softmax_unstable", "fragile")]),
    mlp="unknown",
    torch_mlp="unfinished",
    torch_train_batch=("uncallable", [finding("crash", certificate=None)]),
)
HOSTILE = "=1+<script>alert(1)</script>&\"'\N{REPLACEMENT CHARACTER}[31m]]>"


# --------------------------------------------------------------------------------------------
# For programs. What follows is checked against copies of the descriptions of the formats.


def test_json():
    said = json.loads(machine_formats.write_json([MIXED], POINTS))
    assert set(said) == {"schema", "submissions"}
    assert said["schema"] == 1
    (submission,) = said["submissions"]
    assert set(submission) == {"name", "path", "edition", "parts", "notes"}
    assert list(submission["parts"]) == [
        "perceptron", "logistic_regression", "logistic_regression_l2", "mlp",
        "torch_logistic_regression", "torch_mlp", "torch_train_batch",
    ]  # fmt: skip
    for part in submission["parts"].values():
        assert set(part) == {"verdict", "findings"}
        assert part["verdict"] in {
            "correct", "fragile", "convention", "mistake", "unknown", "unfinished", "absent",
            "uncallable",
        }  # fmt: skip
        for each in part["findings"]:
            assert set(each) == {
                "id", "severity", "title", "explanation", "hint", "certificate",
            }  # fmt: skip


def test_csv_has_a_row_for_each_student_and_part_and_no_formula():
    names = ["=cmd()", "+1", "-1", "@x", "ada, b", HOSTILE]
    rows = list(
        csv.DictReader(
            io.StringIO(machine_formats.write_csv([judged(name) for name in names], POINTS))
        )
    )
    assert len(rows) == len(names) * len(PARTS)
    assert [row["part"] for row in rows[:7]] == list(PARTS)
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@"))
    assert {row["name"].removeprefix("'") for row in rows} == set(names)
    (row, *_) = csv.DictReader(io.StringIO(machine_formats.write_csv([MIXED], POINTS)))
    assert row["verdict"] == "mistake"
    assert row["ids"] == "perc_label_scaled"
    assert row["points"] == "0"


def test_junit_is_as_pytest_writes_it():
    points = {**POINTS, "perceptron": 2.5}
    root = ElementTree.fromstring(machine_formats.write_junit([MIXED, judged(HOSTILE)], points))
    assert root.tag == "testsuites"
    first, second = root
    assert second.get("name") == HOSTILE
    assert set(first.keys()) == {
        "name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname",
    }  # fmt: skip
    cases = first.findall("testcase")
    assert int(first.get("tests")) == len(cases) == 7
    assert int(first.get("failures")) == len(first.findall("testcase/failure")) == 3
    assert int(first.get("errors")) == len(first.findall("testcase/error")) == 1
    assert {case.get("name") for case in cases} == set(PARTS)
    for case in cases:
        assert set(case.keys()) == {"classname", "name", "time"}
        for outcome in [*case.findall("failure"), *case.findall("error")]:
            assert outcome.get("message")
            assert outcome.get("type") in VERDICTS
    properties = {p.get("name"): p.get("value") for p in first.findall("properties/property")}
    assert properties["max_score"] == "8.5"
    assert properties["score"] == "3"
    assert properties["perceptron.max_score"] == "2.5"
    assert properties["perceptron.score"] == "0"


def test_gradescope():
    points = {**POINTS, "perceptron": 10, "logistic_regression": 2.5}
    results = json.loads(machine_formats.write_gradescope([MIXED], points))
    assert set(results) <= {
        "score", "execution_time", "output", "output_format", "test_output_format",
        "test_name_format", "visibility", "stdout_visibility", "extra_data", "tests",
        "leaderboard",
    }  # fmt: skip
    assert results["score"] == sum(test["score"] for test in results["tests"]) == 4.5
    assert results["visibility"] in ("visible", "hidden", "after_due_date", "after_published")
    for test in results["tests"]:
        assert set(test) <= {
            "score", "max_score", "status", "name", "name_format", "number", "output",
            "output_format", "tags", "visibility", "extra_data",
        }  # fmt: skip
        assert test["status"] == ("passed" if test["score"] else "failed")
        assert test["visibility"] == "visible"  # students see no total while one is hidden
        assert test["output_format"] == "md"
        assert test["output"]
    assert results["tests"][0]["max_score"] == 10
    assert "`W[2]`: (2, -4)" in results["tests"][0]["output"]


def test_what_a_program_says_is_no_markdown():
    sly = finding(explanation="NameError: <img src=x onerror=alert(1)> **bold** [a](b) # `")
    output = json.loads(
        machine_formats.write_gradescope([judged(mlp=("uncallable", [sly]))], POINTS)
    )["tests"][3]["output"]
    assert "<img" not in output
    assert "**bold**" not in output
    assert "[a]" not in output


def test_classroom50(monkeypatch):
    values = {
        "CLASSROOM": "cs", "ASSIGNMENT": "hw1", "ASSIGNMENT_TYPE": "group", "OWNER": "ada",
        "SUBMISSION_TAG": "submit/1", "COMMIT_URL": "https://c", "RELEASE_URL": "https://r",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REVIEW_URL", raising=False)
    result = json.loads(machine_formats.write_classroom50([MIXED], {**POINTS, "mlp": 19.6}))
    assert set(result) == {
        "schema", "classroom", "assignment", "assignment_type", "owner", "submission", "commit",
        "release", "review", "datetime", "graded_at", "score", "max-score", "tests",
    }  # fmt: skip
    assert result["schema"] == "classroom50/result/v1"
    assert result["classroom"] == "cs"
    assert result["assignment_type"] == "group"
    assert result["review"] == "https://c"
    assert type(result["score"]) is type(result["max-score"]) is int
    assert result["max-score"] == 26
    assert result["score"] == sum(test["score"] for test in result["tests"])
    for test in result["tests"]:
        assert {"test-name", "passed", "score", "max-score"} <= set(test)
        assert type(test["score"]) is type(test["max-score"]) is int
        assert type(test["passed"]) is bool


# --------------------------------------------------------------------------------------------
# For people


def test_text_of_one_shows_each_part_and_its_certificate():
    said = text.write([MIXED], width=60)
    assert "\033" not in said
    assert all(title in said for title, _ in PARTS.values())
    assert "Is the label a number or a name?" in said
    assert "\n    x = (1, -2)\n      W[2] = (2, -4)\n" in said
    assert "3 of 7 parts" in said
    assert all(len(line) <= 60 for line in said.splitlines())
    coloured = text.write([MIXED], width=60, colour=True)
    assert "\033[31m" in coloured


def test_text_of_many_counts_the_mistakes():
    said = text.write([MIXED, judged("bob"), judged("carl", perceptron=("mistake", [finding()]))])
    assert "   2  A title with `perc_label_scaled`" in said
    assert "3 submissions, 1 with every part right" in said
    assert said.count("Sandbox: no network.") == 1


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_its_words_in_every_format(verdict):
    each = judged(mlp=(verdict, [finding()]))
    assert VERDICTS[verdict].split(",")[0] in text.write([each])
    assert VERDICTS[verdict].split(",")[0] in page.write([each, each], POINTS)
    for write in (machine_formats.write_json, machine_formats.write_csv):
        assert verdict in write([each], POINTS)
    assert each.passes == (verdict in ("correct", "fragile", "convention"))


def test_the_page_is_self_contained_and_escapes_every_name():
    sly = finding(title=HOSTILE, explanation=f"`{HOSTILE}`", hint=HOSTILE)
    sly["certificate"]["text"] = HOSTILE
    written = page.write([judged(HOSTILE, mlp=("mistake", [sly])), MIXED], POINTS)
    assert "<script" not in written
    assert "&lt;script&gt;" in written
    assert "http" not in written
    assert "<code>perc_label_scaled</code>" in written


def test_how_often_counts_a_submission_once_and_mistakes_come_first():
    twice = judged(perceptron=("mistake", [finding()]), mlp=("mistake", [finding()]))
    listed = counts([twice, MIXED, judged("carl", mlp=("fragile", [finding("f", "fragile")]))])
    assert [(each["id"], number) for each, number in listed] == [
        ("perc_label_scaled", 2), ("crash", 1), ("f", 1), ("softmax_unstable", 1),
    ]  # fmt: skip
    assert shared_notes([twice, MIXED]) == ["Sandbox: no network."]


# --------------------------------------------------------------------------------------------
# What comes in


def test_findings_are_made_printable_and_cut():
    found = {
        "parts": {
            "mlp": {
                "verdict": "mistake",
                "findings": [
                    finding(explanation="a\033[31m\x07b\n\N{RIGHT-TO-LEFT OVERRIDE}" * 10_000)
                ],
            }
        }
    }
    (said,) = checked(found, ["mlp"])["parts"]["mlp"]["findings"]
    assert said["explanation"].startswith("a\N{REPLACEMENT CHARACTER}[31m")
    assert not set(said["explanation"]) & set("\033\x07\N{RIGHT-TO-LEFT OVERRIDE}")
    assert len(said["explanation"]) < 21_000
    assert checked({"parts": {}}, ["mlp"])["parts"]["mlp"]["verdict"] == "absent"
    for broken in ({}, {"parts": {"mlp": {"verdict": "splendid", "findings": []}}}):
        with pytest.raises(ValueError, match="no "):
            checked(broken, ["mlp"])


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[points]\nperceptron = 'ten'", "points of perceptron must be a number"),
        ("[points]\nperceptron = true", "points of perceptron must be a number"),
        ("[points]\nperceptron = -1", "points of perceptron must be a number"),
        ("[points]\nmlp = nan", "points of mlp must be a number"),
        ("[points]\nmpl = 1", "no part 'mpl'"),
        ("points = 3", "must hold one table"),
        ("[other]\nmlp = 1", "must hold one table"),
        ("[points", "cannot be read as TOML"),
        (None, "cannot be read as TOML"),
    ],
)
def test_points_of_a_teacher_are_checked(tmp_path, toml, said):
    path = tmp_path / "points.toml"
    if toml is not None:
        path.write_text(toml)
    with pytest.raises(InputError, match=said):
        load_points(path)


def test_points_of_a_teacher(tmp_path):
    path = tmp_path / "points.toml"
    path.write_text("[points]\nperceptron = 10\nmlp = 2.5\n")
    points = load_points(path)
    assert points["perceptron"] == 10
    assert points["mlp"] == 2.5
    assert points["torch_mlp"] == 0
    assert set(load_points(None).values()) == {1}
