"""What check.py takes for a submission: scripts, folders, zips, classes; and what it refuses."""

import os
import shutil
import stat
import tempfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from checks.submissions import files, names, script, unpack
from checks.submissions.find import find
from utils import InputError

Q1 = "import numpy as np\nclass Perceptron:\n    def update_weight(self, x_i, y_i, **kwargs):\n        x_i\n"
Q2 = "import torch\nfrom torch import nn\nclass FeedforwardNetwork(nn.Module):\n    pass\n"


@pytest.fixture
def write(tmp_path):
    """Write files {path: text} to a folder of the test's; returns the folder."""

    def write_(files, name="here"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    return write_


@pytest.fixture
def found(tmp_path):
    def found_(*paths):
        submissions = find(paths, tmp_path / "scratch")
        for submission in submissions:
            for name in (submission.q1, submission.q2):
                assert name is None or (submission.path / name).is_file()
        return submissions

    return found_


def scripts(submission):
    return (
        submission.q1 and submission.q1.as_posix(),
        submission.q2 and submission.q2.as_posix(),
    )


# --------------------------------------------------------------------------------------------
# One


def test_a_folder_with_the_two_scripts_is_one_submission(write, found):
    folder = write({"hw1-q1.py": Q1, "hw1-q2.py": Q2, "tests/other.py": Q1, "lab/run.py": "x = 1"})
    (submission,) = found(folder)
    assert submission.name == "here"
    assert scripts(submission) == ("hw1-q1.py", "hw1-q2.py")
    assert submission.notes == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"hw1-q1.py": Q1}, ("hw1-q1.py", None)),
        ({"HW1_Q2.py": Q2}, (None, "HW1_Q2.py")),
        ({"a.py": Q1, "b.py": Q2, "utils.py": "x = 1"}, ("a.py", "b.py")),
        ({"src/hw1/hw1-q1.py": Q1, "src/hw1/hw1-q2.py": Q2}, ("hw1-q1.py", "hw1-q2.py")),
        ({"q1/mine.py": Q1, "q2/mine.py": Q2}, ("q1/mine.py", "q2/mine.py")),
        ({"hw1-q1.py": Q1, "hw1-q2.py": Q1}, ("hw1-q1.py", "hw1-q2.py")),
        ({"hw1-q1.py": "def f(:\n", ".venv/x/hw1-q2.py": Q2}, ("hw1-q1.py", None)),
        ({"hw1-q1.py": Q1, "venv/hw1-q2.py": Q2, "__MACOSX/hw1-q2.py": Q2}, ("hw1-q1.py", None)),
        ({"old/hw1-q1.py": Q1, "hw1-q1.py": Q1}, ("hw1-q1.py", None)),
    ],
)
def test_scripts_are_found_by_name_and_by_what_they_define(write, found, files, expected):
    (submission,) = found(write(files))
    assert scripts(submission) == expected


def test_a_script_alone_is_judged_by_its_own_question_with_what_it_imports(write, found):
    folder = write({
        "hw1-q1.py": "import helper, pack\n" + Q1, "helper.py": "import third", "third.py": "",
        "pack/__init__.py": "", "unrelated.py": "", "hw1-q2.py": Q2,
    })  # fmt: skip
    (submission,) = found(folder / "hw1-q1.py")
    assert submission.questions == ("q1",)
    assert submission.path != folder
    names = {name.as_posix() for name in files.files(submission.path)}
    assert names == {"hw1-q1.py", "helper.py", "third.py", "pack/__init__.py"}
    (submission,) = found(write({"mine.py": "x = 1"}) / "mine.py")  # nothing of the homework
    assert scripts(submission) == ("mine.py", None)


def test_a_copy_of_the_other_script_is_noted(write, found):
    (submission,) = found(write({"hw1-q1.py": Q1, "hw1-q2.py": Q1}))
    assert submission.notes == ["hw1-q2.py: holds the classes of Question 1"]


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"solution.ipynb": "{}"}, "solution.ipynb: a notebook is not judged"),
        ({"report.txt": "see you"}, "no script of this homework was found here"),
    ],
)
def test_nothing_to_judge_is_said(write, found, files, note):
    (submission,) = found(write(files))
    assert scripts(submission) == (None, None)
    assert submission.notes[0].startswith(note)


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere", "does not exist"), ("a.rar", "unpack it first"), ("a.txt", "neither a folder")],
)
def test_what_is_no_submission_is_refused(write, found, name, said):
    folder = write({"a.rar": "", "a.txt": ""})
    with pytest.raises(InputError, match=said):
        found(folder / name)


# --------------------------------------------------------------------------------------------
# A class


def test_a_class_of_folders_zips_and_scripts(write, found, tmp_path):
    folder = write({
        "Ada Lovelace_123_assignsubmission_file_/hw1-q1.py": Q1,
        "bob/project/hw1-q1.py": Q1, "bob/project/hw1-q2.py": Q2,
        "carl/notes.txt": "sorry", "dora_hw1-q1.py": Q1, "dora_hw1-q2.py": Q2,
        "__MACOSX/x/hw1-q1.py": Q1, "grades.csv": "", "fay/x.ipynb": "{}", "ned.tar.gz": "",
    })  # fmt: skip
    with zipfile.ZipFile(folder / "eve.zip", "w") as archive:
        archive.writestr("eve/hw1-q2.py", Q2)
    (folder / "gus.zip").write_bytes(b"PK broken")
    submissions = {submission.name: submission for submission in found(folder)}
    assert {name: scripts(each) for name, each in submissions.items()} == {
        "Ada Lovelace": ("hw1-q1.py", None),
        "bob": ("hw1-q1.py", "hw1-q2.py"),
        "carl": (None, None),
        "dora": ("dora_hw1-q1.py", "dora_hw1-q2.py"),
        "eve": (None, "hw1-q2.py"),
        "fay": (None, None),
        "gus": (None, None),
        "ned.tar": (None, None),
    }
    assert "only zips are unpacked" in submissions["ned.tar"].notes[0]
    again = {submission.name: submission for submission in found(zipped(folder, tmp_path))}
    assert {name: scripts(each) for name, each in again.items()} == {
        name: scripts(each) for name, each in submissions.items()
    }
    assert [each.notes for each in again.values()] == [s.notes for s in submissions.values()]


def test_a_zip_of_a_class_with_zips_in_folders(found, tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("ada", "bob"):
        with zipfile.ZipFile(tmp_path / "inner" / f"{name}.zip", "w") as archive:
            archive.writestr("hw1/hw1-q1.py", Q1)
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for name in ("ada", "bob"):
            archive.write(tmp_path / "inner" / f"{name}.zip", f"class/{name}/handed-in.zip")
    submissions = found(tmp_path / "class.zip")
    assert [submission.name for submission in submissions] == ["ada", "bob"]
    assert all(scripts(submission) == ("hw1-q1.py", None) for submission in submissions)


def test_names_are_printable_and_differ(write, found):
    folder = write({"a/x\033[31m/hw1-q1.py": Q1, "b/x\033[31m/hw1-q1.py": Q1, "b/y/hw1-q1.py": Q1})
    names = [submission.name for submission in found(folder / "a", *(folder / "b").iterdir())]
    assert len(set(names)) == 3
    assert all(name.isprintable() for name in names)


def test_links_are_not_followed_outside(write, found, tmp_path):
    (tmp_path / "secret.py").write_text("password")
    folder = write({"ada/hw1-q1.py": Q1, "bob/hw1-q1.py": Q1})
    (folder / "ada" / "secret.py").symlink_to(tmp_path / "secret.py")
    (folder / "ada" / "inside.py").symlink_to(folder / "ada" / "hw1-q1.py")
    (folder / "ada" / "loop").symlink_to(folder)
    (folder / "eve").symlink_to(tmp_path)
    ada, _, eve = found(folder)
    assert scripts(eve) == (None, None)
    assert eve.notes == ["eve: a link, which is not followed; copy it here"]
    assert [name.as_posix() for name in files.files(ada.path)] == ["hw1-q1.py", "inside.py"]
    files.copy(ada.path, tmp_path / "copy")
    assert not (tmp_path / "copy" / "inside.py").is_symlink()


def test_data_and_large_files_are_left_out(write):
    folder = write({"hw1-q1.py": Q1, "data/a.npz": "", "plots/a.txt": "", "b.pdf": "", "c.txt": ""})
    (folder / "large.txt").write_bytes(bytes(files.MAX_FILE + 1))
    assert [name.as_posix() for name in files.files(folder)] == ["c.txt", "hw1-q1.py"]


def zipped(folder, tmp_path):
    """The folder as a zip, as platforms and file managers make it."""
    path = tmp_path / "zipped" / f"{folder.name}.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.rglob("*")):
            archive.write(each, each.relative_to(folder.parent))
    return path


GRADESCOPE = """---
submission_901:
  :submitters:
  - :name: Ada Lovelace
    :sid: '7'
  - :name: Bob
submission_902:
  :submitters:
  - :name: Zoe
"""
CLASSES = {  # {name: (files, {student: question letters of the scripts that are judged})}
    "canvas": (
        {"s1_111_901_hw1-q1.py": Q1, "s1_111_909_hw1-q2.py": Q2, "s2_LATE_222_903_hw1-q1-1.py": Q1,
         "s2_LATE_222_909_hw1-q2.py": Q2, "s3_333_905_report.pdf": ""},
        {"s1": "12", "s2": "12", "s3": ""},
    ),
    "behind": (
        {"hw1-q1-s1.py": Q1, "hw1-q2-s1.py": Q2, "hw1-q1-s2.py": Q1, "hw1-q2-s2.py": Q2},
        {"s1": "12", "s2": "12"},
    ),
    "under": (
        {"hw1-q1_s1.py": Q1, "hw1-q2_s1.py": Q2, "HW1_Q1 s2.py": Q1},
        {"s1": "12", "s2": "1"},
    ),
    "before": ({"s1-hw1-q1.py": Q1, "s1_hw1_q2.py": Q2, "s2-hw1-q1.py": Q1}, {"s1": "12", "s2": "1"}),
    "moodle": (
        {"Ada L_101_assignsubmission_file_/hw1-q1.py": Q1,
         "Ada L_101_assignsubmission_onlinetext_/onlinetext.html": "hi",
         "Bo Li_102_assignsubmission_file_/x/hw1-q1.py": Q1,
         "Bo Li_102_assignsubmission_onlinetext_/onlinetext.html": "hi",
         "Cy_103_assignsubmission_onlinetext_/onlinetext.html": "hi"},
        {"Ada L": "1", "Bo Li": "1", "Cy": ""},
    ),
    "moodle without folders": (
        {"Ada L_101_assignsubmission_file_hw1-q1.py": "import helper\n" + Q1,
         "Ada L_101_assignsubmission_file_helper.py": "", "Bo Li_102_assignsubmission_file_hw1-q2.py": Q2},
        {"Ada L": "1", "Bo Li": "2"},
    ),
    "namesakes": (
        {"Ada_101_assignsubmission_file_/hw1-q1.py": Q1, "Ada_102_assignsubmission_file_/hw1-q1.py": Q1},
        {"Ada (101)": "1", "Ada (102)": "1"},
    ),
    "blackboard": (
        {"Homework 1_ada_attempt_2024-12-10-21-33-04_hw1-q1.py": Q1,
         "Homework 1_ada_attempt_2024-12-10-21-33-04.txt": "Name: Ada",
         "Homework 1_bo_attempt_2024-12-11-01-02-03_hw1-q2.py": Q2},
        {"ada": "1", "bo": "2"},
    ),
    "gradescope": (
        {"submission_metadata.yml": GRADESCOPE, "submission_901/hw1-q1.py": Q1,
         "submission_902/code/hw1-q1.py": Q1},
        {"Ada Lovelace, Bob": "1", "Zoe": "1"},
    ),
    "one has work": ({"s1/hw1-q1.py": Q1, "s2/hw1.rar": "x", "s3/a.txt": "x"},
                     {"s1": "1", "s2": "", "s3": ""}),
    "half each": ({"s1/hw1-q1.py": Q1, "s2/hw1-q2.py": Q2}, {"s1": "1", "s2": "2"}),
    "parts of each": (
        {"s1/q1/a.py": Q1, "s1/q2/a.py": Q2, "s2/code/hw1-q1.py": Q1, "s2/report/r.txt": "x"},
        {"s1": "12", "s2": "1"},
    ),
    "template": (
        {"hw1-q1.py": Q1, "s1/hw1-q1.py": Q1, "s2/hw1-q1.py": Q1}, {"s1": "1", "s2": "1"}
    ),
    "data alone": ({"s1/hw1-q1.py": Q1, "s2/x.npz": "", "s3/r.pdf": ""},
                   {"s1": "1", "s2": "", "s3": ""}),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_whose_file_is_whose_in_a_folder_and_in_a_zip(write, found, tmp_path, name):
    contents, expected = CLASSES[name]
    folder = write(contents, "class")
    submissions = found(folder)
    for each in (submissions, found(zipped(folder, tmp_path))):
        assert {s.name: "".join(q[1] for q in s.scripts) for s in each} == expected
        assert all(s.questions == ("q1", "q2") for s in each)
        assert [s.notes for s in each] == [s.notes for s in submissions]
        assert all(s.notes for s in each if not s.scripts)


def test_files_named_one_by_one_are_the_students_of_their_folder(write, found):
    folder = write({"grades.csv": "", "s1/hw1-q1.py": Q1, "s2-hw1-q1.py": Q1, "s2-hw1-q2.py": Q2,
                    "s3.rar": "", "utils.py": ""})  # fmt: skip
    left_out = []
    submissions = find(sorted(folder.iterdir()), folder / "scratch", left_out.append)
    assert [(each.name, list(each.scripts)) for each in submissions] == [
        ("s1", ["q1"]), ("s2", ["q1", "q2"]), ("s3", []),
    ]  # fmt: skip
    assert [Path(line.split(":")[0]).name for line in left_out] == ["grades.csv", "utils.py"]


@pytest.mark.parametrize("name", ["canvas", "moodle", "moodle without folders", "blackboard"])
def test_what_a_platform_wrote_named_one_by_one(write, found, name):
    folder = write(CLASSES[name][0])
    submissions = found(*sorted(folder.iterdir()))
    assert {s.name: "".join(q[1] for q in s.scripts) for s in submissions} == CLASSES[name][1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("q1 Q2 code src part-b hw1-q1 question_2 old v2 results", True),
     ("s1 ada 99123 group1 bob_smith submission_12 José", False)],
)  # fmt: skip
def test_which_names_are_parts_of_one_submission(words, expected):
    assert {names.is_part(word) for word in words.split()} == {expected}


def test_the_copy_that_is_filled_in_is_judged(write, found):
    empty = Q1.replace("x_i\n", "raise NotImplementedError\n", 2)
    for place in ("skeleton", "a"):
        folder = write({f"s1/{place}/hw1-q1.py": empty, "s1/solution/hw1-q1.py": Q1}, place)
        (submission,) = found(folder / "s1")
        assert submission.path.name == "solution"
        noted = "a/hw1-q1.py: not judged, solution/hw1-q1.py is"
        assert submission.notes == ([noted] if place == "a" else [])


def test_a_notebook_beside_a_script_is_noted(write, found):
    (submission,) = found(write({"hw1-q1.py": Q1, "hw1-q2.ipynb": "{}"}))
    assert submission.notes == ["hw1-q2.ipynb: a notebook is not judged; save it as a .py"]


def test_the_script_itself_is_always_among_its_files(write):
    folder = write({"z/hw1-q1.py": Q1, **{f"a/{number}.py": "" for number in range(10)}})
    for number in range(files.MAX_FILES):
        (folder / f"{number}.log").touch()
    found = files.files(folder)
    assert len(found) == files.MAX_FILES
    assert Path("z/hw1-q1.py") in found  # scripts before logs
    for number in range(files.MAX_FILES):
        (folder / f"{number}.py").touch()
    assert Path("z/hw1-q1.py") not in files.files(folder)
    assert Path("z/hw1-q1.py") in files.files(folder, [Path("z/hw1-q1.py")])


@pytest.fixture
def unprivileged(tmp_path):
    """A folder of a class with one that may not be read, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    for name in ("s1", "s2"):
        (folder / name).mkdir()
        (folder / name / "hw1-q1.py").write_text(Q1)
    (folder / "s2").chmod(0)
    if os.geteuid() == 0:
        os.chmod(folder, 0o777)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(os.getuid())
        (folder / "s2").chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_read_costs_one_student_a_note(unprivileged):
    s1, s2 = find([unprivileged], unprivileged / ".scratch")
    assert scripts(s1) == ("hw1-q1.py", None)
    assert scripts(s2) == (None, None)
    assert s2.notes == ["this folder cannot be read (Permission denied)"]
    (alone,) = find([unprivileged / "s2"], unprivileged / ".scratch")
    assert alone.notes == s2.notes


# --------------------------------------------------------------------------------------------
# Zips from strangers


def member(name, mode=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "a/../../evil.py", "C:\\evil.py"])
def test_a_zip_that_leads_out_of_itself_is_refused(found, tmp_path, name):
    path = tmp_path / "ada.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hw1-q1.py", Q1)
        archive.writestr(member(name), Q1)
    (submission,) = found(path)
    assert scripts(submission) == (None, None)
    assert "names a file outside itself" in submission.notes[0]
    assert not list(tmp_path.glob("**/evil.py"))


def test_links_in_a_zip_are_left_out(tmp_path):
    path = tmp_path / "ada.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("windows\\hw1-q1.py", Q1)
        archive.writestr(member("link.py", stat.S_IFLNK | 0o777), "/etc/passwd")
    unpack.unpack(path, tmp_path / "here")
    files = [p.relative_to(tmp_path / "here") for p in (tmp_path / "here").rglob("*.py")]
    assert [file.as_posix() for file in files] == ["windows/hw1-q1.py"]


def test_a_zip_in_zips_without_end(found, tmp_path):
    path = tmp_path / "0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ada/hw1-q1.py", Q1)
    for number in range(1, 12):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.write(tmp_path / f"{number - 1}.zip", "bob.zip")
    (inner,) = found(tmp_path / "2.zip")
    assert scripts(inner) == ("hw1-q1.py", None)
    (submission,) = found(tmp_path / "11.zip")
    assert scripts(submission) == (None, None)
    assert submission.notes == ["bob.zip: a zip in too many others"]


def test_names_that_lead_out_of_a_platforms_files(write, found, tmp_path):
    folder = write({"a_1_assignsubmission_file_..": "x", "a_1_assignsubmission_file_hw1-q1.py": Q1,
                    "b_2_3_..py": Q1})  # fmt: skip
    (folder / "c_4_5_hw1-q1.py").symlink_to(tmp_path / "secret.py")
    a, b, c = found(folder)
    assert scripts(a) == ("hw1-q1.py", None)
    assert [each.path.is_relative_to(tmp_path / "scratch") for each in (a, b)] == [True, True]
    assert c.notes == ["c_4_5_hw1-q1.py: a link, which is not followed; copy it here"]


def test_what_is_not_unpacked_refuses_no_zip(found, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 100)
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for student in ("s1", "s2"):
            archive.writestr(f"{student}/hw1-q1.py", Q1)
            archive.writestr(f"{student}/data/intel_landscapes.npz", "0")
        archive.writestr("s2/hw1-q1.py:Zone.Identifier", "[ZoneTransfer]\nZoneId=3\n")
        for number in range(200):
            archive.writestr(f"s1/.venv/lib/{number}.py", "")
        for info in archive.filelist:
            if info.filename.endswith("npz"):
                info.file_size = 2**40  # claimed, and never read
    assert [(each.name, each.notes) for each in found(path)] == [("s1", []), ("s2", [])]


def test_a_damaged_file_in_a_zip_costs_one_student_a_note(found, tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for student in ("s1", "s2", "s3"):
            archive.writestr(f"{student}/hw1-q1.py", f"{Q1}# of {student}")
    path.write_bytes(path.read_bytes().replace(b"# of s2", b"# of S2"))  # against its checksum
    s1, s2, s3 = found(path)
    assert [scripts(each)[0] for each in (s1, s2, s3)] == ["hw1-q1.py", None, "hw1-q1.py"]
    assert [len(each.notes) for each in (s1, s2, s3)] == [0, 1, 0]
    assert s2.notes[0].startswith("hw1-q1.py: cannot be unpacked (Bad CRC-32")


def test_names_in_a_zip_made_by_macos(found, tmp_path):
    class Unflagged(zipfile.ZipInfo):
        def _encodeFilenameFlags(self):
            return self.filename.encode(), self.flag_bits

    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for name in ("José", "Zoë"):
            decomposed = unicodedata.normalize("NFD", name)
            archive.writestr(Unflagged(f"{decomposed}/hw1-q1.py"), Q1)
    assert [each.name for each in found(tmp_path / "class.zip")] == ["José", "Zoë"]


@pytest.mark.parametrize("kind", ["many", "large", "nonsense", "damaged", "encrypted"])
def test_a_zip_that_is_a_bomb_or_damaged_is_refused_in_a_line(found, tmp_path, monkeypatch, kind):
    path = tmp_path / "ada.zip"
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 100)
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 10 * 2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hw1-q1.py", Q1)
        for number in range({"many": 200, "large": 12}.get(kind, 1)):
            archive.writestr(f"{number}.txt", "" if kind == "many" else bytes(2**20))
    data = path.read_bytes()
    if kind == "nonsense":
        path.write_bytes(b"PK" + bytes(100))
    if kind == "damaged":
        path.write_bytes(data[:30] + b"\xff" * 40 + data[70:])
    if kind == "encrypted":
        path.write_bytes(
            data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
        )
    (submission,) = found(path)
    assert scripts(submission) == (None, None)
    assert 1 <= len(submission.notes) <= 2
    for note in submission.notes:
        assert note.startswith(("ada.zip: ", "hw1-q1.py: cannot be unpacked", "0.txt: cannot be"))
        assert note.isprintable()


# --------------------------------------------------------------------------------------------
# What a script says before it is run


def read(tmp_path, text):
    path = tmp_path / "hw1-q1.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return script.read(path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x = 1\ndef f(:\n", "SyntaxError: invalid syntax (line 2)"),
        (b"y = 1\nx = '\xff'\n", "save the file as UTF-8"),
        (Q1.encode("utf-16"), "hw1-q1.py is saved as UTF-16"),
        (b"x = 1\0\n", "null bytes"),
        ("(" * 5000, "too many nested parentheses"),
        ("-" * 100_000 + "1", "Error: "),
        (Q1 + "#" * files.MAX_FILE, "hw1-q1.py is larger than 2 MB: not read"),
    ],
)
def test_why_a_script_cannot_be_read_is_said_once(tmp_path, text, error):
    found = read(tmp_path, text)
    assert error in found.error
    assert found.error.count("(line") <= 1
    if Q1 in str(text) or "UTF-16" in error:
        assert found.question == "q1"


def test_a_script_is_read_before_it_is_run(tmp_path):
    found = read(
        tmp_path,
        '''
import numpy as np, helper, no_such_module
try:
    import other_missing.part
except ImportError:
    pass

class LinearModel(object):
    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError  # for those below to fill in

class Perceptron(LinearModel):
    def __init__(self, n_classes, n_features, extra): pass
    def update_weight(self, x_i, y_i, **kwargs):
        """Q1.1"""
        raise NotImplementedError
    def predict(self, X): ...
    def evaluate(self, X, y):
        return 1

def plot(): return
def main():
    import late_missing
main()
''',
    )
    assert found.imports == ["helper", "no_such_module", "numpy", "other_missing"]
    assert found.unfilled == 4
    assert found.error is None


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        (
            "class MLP:\n def __init__(self, n, m, h, layers): 0\n def train_epoch(self): 0",
            "ist-2022",
        ),
        ("import utils\ndata = utils.load_oct_data(bias=True)", "ist-2023"),
        ("def update_weight(self, x, y, l2_penalty=0): 0", "ist-2024"),
        ("x = 1", None),
    ],
)
def test_the_edition_is_found_out(tmp_path, text, edition):
    assert read(tmp_path, text).edition == edition
