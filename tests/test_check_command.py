"""check.py as a command: options, exit status, progress, memory, and what a stand-in judge does."""

import importlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import ROOT, run_script

import check
from checks import cache, class_run, summary, text
from checks.parts import PARTS, Judged
from checks.sandbox import cage
from checks.sandbox.run import Outcome
from checks.submissions.find import Submission
from lab.cores import cores
from utils import InputError

FINDING = {
    "id": "perc_label_scaled",
    "severity": "wrong",
    "title": "The step is scaled by the label",
    "explanation": "y_i is a name.",
    "hint": "Is it a number?",
    "certificate": {"text": "2 * x", "markdown": "2 * x"},
}


@pytest.fixture
def judge(monkeypatch, tmp_path):
    """A stand-in for checks/judge.py: a script's first line is the verdict on every part."""

    def judge_submission(submission, run, edition, only, timeout):
        judge_submission.calls.append((submission.name, edition, tuple(only), timeout))
        if not submission.q1:
            return {"edition": edition, "parts": {}, "notes": []}
        verdict = (submission.path / submission.q1).read_text().splitlines()[0].strip("# ")
        if verdict == "raises":
            raise KeyError("perceptron\033[31m")
        findings = [FINDING] if verdict == "mistake" else []
        parts = {part: {"verdict": verdict, "findings": findings} for part in only}
        return {"edition": edition, "parts": parts, "notes": [f"said of {verdict}"]}

    judge_submission.calls = []
    module = types.SimpleNamespace(judge_submission=judge_submission)
    monkeypatch.setitem(sys.modules, "checks.judge", module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return judge_submission


@pytest.fixture
def submission(tmp_path):
    """Write a student's folder, whose verdict will be this; returns its path."""

    def submission_(verdict, name="ada", place="class"):
        folder = tmp_path / place / name
        folder.mkdir(parents=True)
        (folder / "hw1-q1.py").write_text(
            f"# {verdict}\nclass Perceptron:\n    update_weight = 1\n"
        )
        return folder

    return submission_


def run(*arguments):
    """check.py's exit status in this process."""
    try:
        check.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("correct", 0), ("convention", 0), ("fragile", 0), ("mistake", 1), ("unknown", 1),
        ("unfinished", 1), ("absent", 1), ("uncallable", 1), ("raises", 1), ("nonsense", 1),
    ],
)  # fmt: skip
def test_exit_status(judge, submission, capsysbinary, verdict, status):
    assert run(submission(verdict)) == status
    out = capsysbinary.readouterr().out.decode()
    assert "Perceptron" in out
    assert "\033" not in out
    if verdict in ("raises", "nonsense"):
        assert "The judge itself failed" in out


def test_options_reach_the_judge(judge, submission):
    folder = submission("correct")
    assert run(folder, "-only", "mlp", "perceptron", "-timeout", 7, "-edition", "ist-2022") == 0
    assert judge.calls == [("ada", "ist-2022", ("perceptron", "mlp"), 7)]
    assert run(folder / "hw1-q1.py") == 0  # alone: no word of the other question's parts
    assert judge.calls[-1][2] == (
        "perceptron", "logistic_regression", "logistic_regression_l2", "mlp",
    )  # fmt: skip


def test_a_class_goes_on_after_a_program_that_fails(judge, submission, capsysbinary):
    for name, verdict in {"ada": "correct", "bob": "raises", "carl": "mistake"}.items():
        folder = submission(verdict, name)
    assert run(folder.parent, "-format", "json", "-jobs", 2) == 1
    said = json.loads(capsysbinary.readouterr().out)["submissions"]
    assert [each["name"] for each in said] == ["ada", "bob", "carl"]
    assert [each["parts"]["mlp"]["verdict"] for each in said] == [
        "correct",
        "uncallable",
        "mistake",
    ]


def test_what_has_not_changed_is_not_judged_again(judge, submission, capsysbinary, tmp_path):
    folder, other = submission("correct"), submission("mistake", "bob")
    command = [folder.parent, "-format", "json"]

    def judged(*more):
        judge.calls.clear()
        run(*command, *more)
        said = json.loads(capsysbinary.readouterr().out)
        return sorted(name for name, *_ in judge.calls), said

    both, first = judged()
    assert both == ["ada", "bob"]
    assert judged() == ([], first)
    assert judged("-fresh")[0] == ["ada", "bob"]
    assert judged("-timeout", 7)[0] == ["ada", "bob"]
    assert judged("-only", "mlp")[0] == ["ada", "bob"]
    (other / "helper.py").write_text("x = 1")
    assert judged() == (["bob"], first)
    for number, path in enumerate((tmp_path / "cache").rglob("*.json")):
        path.write_bytes([b"", b"{}", b"[" * 100_000, b'{"parts": 3}', b"\xff"][number % 5])
    assert judged() == (["ada", "bob"], first)


def test_time_outs_are_not_remembered(judge, submission, monkeypatch):
    def slow(submission, run, edition, only, timeout):
        run(submission.path, submission.q1, {"checks": []}, timeout)
        return judge(submission, run, edition, only, timeout)

    folder = submission("uncallable")
    monkeypatch.setattr(sys.modules["checks.judge"], "judge_submission", slow)
    for overtime, calls in ((True, 1), (True, 2), (False, 3), (False, 3)):
        monkeypatch.setattr(class_run, "run", lambda *_, o=overtime: Outcome(overtime=o))
        run(folder)
        assert len(judge.calls) == calls


@pytest.fixture
def cache_name(tmp_path):
    """The name of the cache's file for a script of one line, as a new process finds it."""

    def name(text="import own_package\n"):
        folder = tmp_path / "submission"
        folder.mkdir(exist_ok=True)
        (folder / "hw1-q1.py").write_text(text)
        for remembered in (cache._own_digest, cache._versions, cache._distributions):
            remembered.cache_clear()
        submission = Submission("ada", folder, folder, q1=Path("hw1-q1.py"))
        return cache.name(submission, "ist-2024", ["mlp"], 30)

    yield name
    name()  # forgets what the test changed


def test_packages_that_a_submission_imports_are_part_of_the_name(tmp_path, monkeypatch, cache_name):
    without, other = cache_name(), cache_name("import numpy\n")
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    names = [without]
    for version in ("1.0", "1.1"):
        for folder in site.glob("*.dist-info"):
            folder.rename(site / f"own_package-{version}.dist-info")
        info = site / f"own_package-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Name: own_package\nVersion: {version}\n")
        (info / "top_level.txt").write_text("own_package\n")
        (site / "own_package.py").write_text("")
        importlib.invalidate_caches()
        names.append(cache_name())
    assert len(set(names)) == 3
    assert cache_name("import numpy\n") == other
    assert cache_name("from own_package.part import x\n") != cache_name(
        "from .own_package import x\n"
    )


def test_surroundings_that_bear_on_a_verdict_are_part_of_the_name(
    tmp_path, monkeypatch, cache_name
):
    names = [cache_name()]
    (tmp_path / "utils.py").write_text("other = 1")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "judge.py").write_text("other = 1")
    for owner, field, value in (
        (sys, "version", "3.99"),
        (cage, "UTILS", tmp_path / "utils.py"),
        (cage, "CHECKS", tmp_path / "checks"),
        (cage, "protections", lambda: ()),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(owner, field, value)
            names.append(cache_name())
    assert len(set(names)) == 5
    assert cache_name() == names[0]


def test_a_cache_that_cannot_be_written_is_none(judge, submission, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert run(submission("correct")) == 0


def test_old_results_are_forgotten(judge, submission, tmp_path):
    run(submission("correct"))
    (path,) = (tmp_path / "cache").rglob("*.json")
    old = time.time() - (cache.KEPT_DAYS + 1) * 86400
    os.utime(path, (old, old))
    cache.forget_old(cache.folder())
    assert not path.exists()


def test_output_is_written_whole_or_not_at_all(judge, submission, tmp_path, capsysbinary):
    folder, output = submission("mistake"), tmp_path / "class.html"
    assert run(folder, "-format", "html", "-output", output) == 1
    assert output.read_text().endswith("</html>")
    captured = capsysbinary.readouterr()
    assert captured.out == b""
    assert captured.err.decode() == f"written: {output}\n"
    with pytest.raises(InputError, match="folder does not exist"):
        run(folder, "-output", tmp_path / "nowhere" / "out.txt")


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    judge, submission, tmp_path, monkeypatch
):
    folder = submission("correct")
    with pytest.raises(InputError, match="is a folder"):
        run(folder, "-output", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written"):
        run(folder, "-output", tmp_path / "out.txt")
    assert judge.calls == []


@pytest.mark.parametrize(
    "name", ["json", "csv", "html", "junit", "gradescope", "classroom50", "text"]
)
def test_every_format(judge, submission, capsysbinary, name):
    status = run(submission("mistake"), "-format", name)
    assert status == (0 if name == "classroom50" else 1)
    out = capsysbinary.readouterr().out.decode()
    assert "perc_label_scaled" in out or FINDING["title"] in out
    if name in ("json", "gradescope", "classroom50"):
        json.loads(out)
    if name == "junit":
        ElementTree.fromstring(out)


def findings_of(*parts, reason="SyntaxError: invalid syntax (line 3)"):
    finding = {**FINDING, "id": "uncallable", "explanation": reason, "certificate": None}
    return {part: {"verdict": "uncallable", "findings": [finding]} for part in parts}


def test_one_cause_of_several_parts_is_told_once():
    every = findings_of(*PARTS)
    every["mlp"] = {"verdict": "correct", "findings": []}
    written = text.write([Judged("ada", "ada", "ist-2024", every)])
    assert written.count("SyntaxError") == 2  # once on each side of the part that is correct
    assert "-- Perceptron, Logistic regression, Logistic regression with l2 ---" in written


@pytest.mark.parametrize("width", [24, 30, 43, 44, 60, 80])
def test_no_word_is_broken_on_a_narrow_terminal(width):
    parts = findings_of("perceptron", "torch_mlp", reason="a reason of some short words")
    parts["mlp"] = {"verdict": "correct", "findings": []}
    written = text.write([Judged("ada", "ada", "ist-2024", parts)], width)
    lines = [line for line in written.splitlines() if not line.startswith("--")]
    assert all(len(line) <= width for line in lines)
    for words in ("Feedforward network in PyTorch", "could not be run", "a reason of some short"):
        assert (
            words.split()
            == [word for word in written.split() if word in words.split()][: len(words.split())]
        )


def test_where_nothing_is_judged_nothing_is_asked_for():
    absent = {part: {"verdict": "absent", "findings": []} for part in PARTS}
    judged = [Judged("ada", "ada", "ist-2024", absent, ["ada.zip: cannot be unpacked"])]
    assert text.write(judged).endswith("ada.zip: cannot be unpacked\n\nNothing was judged.\n")


def test_what_was_not_run_leaves_the_notes_of_the_others_together():
    sandbox = "Sandbox: no network."
    each = [Judged(name, name, "ist-2024", {}, [sandbox]) for name in ("ada", "bob")]
    broken = Judged("eve", "eve", "ist-2024", {}, ["eve.zip: cannot be unpacked"])
    assert summary.shared_notes([*each, broken]) == [sandbox]


@pytest.mark.parametrize(("value", "coloured"), [(None, True), ("", True), ("1", False)])
def test_colour_on_a_terminal(judge, submission, capsysbinary, monkeypatch, value, coloured):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    run(submission("correct"))
    assert (b"\033[" in capsysbinary.readouterr().out) == coloured


def test_what_a_glob_names_beside_submissions_is_left_out(judge, submission, capsys, tmp_path):
    folders = [submission("correct", name) for name in ("ada", "bob")]
    (tmp_path / "class" / "grades.csv").touch()
    assert run(*folders, tmp_path / "class" / "grades.csv", "-format", "csv") == 0
    said = capsys.readouterr()
    assert said.err.endswith("grades.csv: is no submission: left out\n")
    assert [line.split(",")[0] for line in said.out.splitlines()[1::7]] == ["ada", "bob"]


@pytest.mark.parametrize("name", ["gradescope", "classroom50"])
def test_a_grading_platform_gets_its_file_whatever_happens(
    judge, submission, tmp_path, monkeypatch, name
):
    output = tmp_path / "results.json"

    def read():
        results = json.loads(output.read_text())
        output.unlink()
        assert len(results["tests"]) == len(PARTS)
        return results["score"]

    run(submission("raises"), "-format", name, "-output", output)
    assert read() == 0
    with pytest.raises(InputError, match="does not exist"):
        run(tmp_path / "nowhere", "-format", name, "-output", output)
    assert read() == 0
    submission("correct", "bob")
    with pytest.raises(InputError, match="takes one submission"):
        run(tmp_path / "class", "-format", name, "-output", output)
    assert read() == 0
    monkeypatch.setitem(sys.modules, "checks.judge", None)
    with pytest.raises(ImportError):
        run(tmp_path / "class" / "bob", "-format", name, "-output", output)
    assert read() == 0


def test_progress_is_for_a_terminal(judge, submission, capsys, monkeypatch):
    paths = [submission("correct", name) for name in ("ada", "bob", "carl")]
    assert run(paths[0].parent) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(paths[0].parent, "-fresh") == 0
    assert "/3 [" in capsys.readouterr().err


def test_the_note_says_which_protections_were_there():
    every = cage.PROTECTIONS
    assert class_run.sandbox_note(every) == f"Sandbox: {'; '.join(every)}."
    assert class_run.sandbox_note((cage.NETWORK,)) == (
        f"Sandbox: no network. Not available on this system: {'; '.join(every[1:])} "
        "(see docs/check.md)."
    )
    assert class_run.sandbox_note(()).startswith("Sandbox: a separate process only. Not available")


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "0::/user.slice/run.scope\n",
                "sys/fs/cgroup/user.slice/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/user.slice/run.scope/cpu.max": "max 100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        ({"proc/self/cgroup": "nonsense\n", "sys/fs/cgroup/cpu.max": "nonsense"}, 64),
    ],
)
def test_cores_are_those_that_the_container_grants(tmp_path, monkeypatch, files, granted):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert cores(tmp_path) == granted


def test_jobs_are_the_cores_that_the_process_is_bound_to(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert check.parse_arguments(["."]).jobs == 1


# --------------------------------------------------------------------------------------------
# In a process of its own


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: SUBMISSION"),
        (["nowhere"], "nowhere: does not exist"),
        ([".", "-only", "mlpp"], "mlpp"),
        ([".", "-format", "xml"], "xml"),
        ([".", "-timeout", "0"], "whole number"),
        ([".", "-points", "nowhere.toml"], "nowhere.toml: cannot be read"),
        ([".", "-output", "nowhere/x"], "its folder does not exist"),
        (["nowhere", "-output", "."], ".: is a folder; name a file"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(arguments, said):
    done = run_script("check.py", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("check.py: ")


def test_without_a_home_everything_is_judged(tmp_path):
    """As in a container: the user has neither HOME nor a line in the table of users."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import pwd\ndef nobody(uid): raise KeyError(uid)\npwd.getpwuid = nobody\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    environment["PYTHONPATH"] = str(tmp_path / "site")
    script = ROOT / "benchmarks" / "plain_q1.py"
    done = run_script("check.py", script, "-only", "perceptron", "-format", "json", env=environment)
    assert done.stderr == ""
    (said,) = json.loads(done.stdout)["submissions"]
    assert said["parts"]["perceptron"]["verdict"] == "correct"


def test_ctrl_c_ends_the_children_and_is_one_line(tmp_path):
    (tmp_path / "hw1-q1.py").write_text(
        "class Perceptron:\n    def __init__(self, *sizes):\n        while True: pass\n"
        "    def update_weight(self, x_i, y_i, **kwargs): return 1\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, ROOT / "check.py", tmp_path, "-timeout", "60"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("check-*/work/hw1-q1.py")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.count("stopped") == 1
    assert not list(tmp_path.glob("check-*"))


HOSTILE = {  # what a perceptron's update_weight does; each ends in a line, and spoils nothing else
    "loop": "while True: pass",
    "exit": "import sys; sys.exit(0)",
    "quit": "import os; os._exit(0)",
    "bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "flood": "while True: print('x' * 10_000)",
    "array": "np.ones(10 * 2**30, np.uint8)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "deaf": "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)",
    "stdin": "input()",
    "channel": "import os, time\nwhile True:\n    for number in range(3, 20):\n"
    "        try: os.write(number, b'{}\\n')\n        except OSError: pass\n    time.sleep(0.5)",
}


@pytest.mark.long
def test_hostile_programs_end_in_their_line_and_the_next_one_goes_on(tmp_path):
    plain = (ROOT / "benchmarks" / "plain_q1.py").read_text()
    line = "        y_hat = np.argmax(self.W.dot(x_i))\n"
    assert plain.count(line) == 1
    for name, body in {"fine": "", **HOSTILE}.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        program = plain.replace(line, textwrap.indent(body, " " * 8) + "\n" + line)
        (tmp_path / "class" / name / "hw1-q1.py").write_text(program)
    parts = ["perceptron", "logistic_regression", "logistic_regression_l2", "mlp"]
    done = run_script(
        "check.py", tmp_path / "class", "-format", "json", "-timeout", 2, "-only", *parts,
        timeout=300, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ""
    found = {each["name"]: each for each in json.loads(done.stdout)["submissions"]}
    assert set(found) == {"fine", *HOSTILE}
    for name, each in found.items():
        verdicts = {part: said["verdict"] for part, said in each["parts"].items()}
        perceptron = verdicts.pop("perceptron")
        assert set(verdicts.values()) == {"correct"}, name
        if name == "fine":
            assert perceptron == "correct"
        else:
            assert perceptron in ("mistake", "uncallable"), name
            assert each["parts"]["perceptron"]["findings"], name
