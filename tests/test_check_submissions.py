"""What check.py takes for a submission: scripts, folders, zips, classes; and what it refuses."""

import stat
import zipfile

import pytest

from checks.submissions import files as folders
from checks.submissions import script as source
from checks.submissions import unpack as archives
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
            for script in (submission.q1, submission.q2):
                assert script is None or (submission.path / script).is_file()
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
    names = {name.as_posix() for name in folders.files(submission.path)}
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
    submissions = {submission.name: submission for submission in found(folder)}
    assert {name: scripts(each) for name, each in submissions.items()} == {
        "Ada Lovelace": ("hw1-q1.py", None),
        "bob": ("hw1-q1.py", "hw1-q2.py"),
        "carl": (None, None),
        "dora": ("dora_hw1-q1.py", "dora_hw1-q2.py"),
        "eve": (None, "hw1-q2.py"),
        "fay": (None, None),
        "ned.tar": (None, None),
    }
    assert "only zips are unpacked" in submissions["ned.tar"].notes[0]


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
    ada, _ = found(folder)
    assert [name.as_posix() for name in folders.files(ada.path)] == ["hw1-q1.py", "inside.py"]
    folders.copy(ada.path, tmp_path / "copy")
    assert not (tmp_path / "copy" / "inside.py").is_symlink()


def test_data_and_large_files_are_left_out(write):
    folder = write({"hw1-q1.py": Q1, "data/a.npz": "", "plots/a.txt": "", "b.pdf": "", "c.txt": ""})
    (folder / "large.txt").write_bytes(bytes(folders.MAX_FILE + 1))
    assert [name.as_posix() for name in folders.files(folder)] == ["c.txt", "hw1-q1.py"]


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
    archives.unpack(path, tmp_path / "here")
    files = [p.relative_to(tmp_path / "here") for p in (tmp_path / "here").rglob("*.py")]
    assert [file.as_posix() for file in files] == ["windows/hw1-q1.py"]


@pytest.mark.parametrize("kind", ["many", "claims", "large", "nonsense", "damaged", "encrypted"])
def test_a_zip_that_is_a_bomb_or_damaged_is_refused_in_a_line(found, tmp_path, monkeypatch, kind):
    path = tmp_path / "ada.zip"
    monkeypatch.setattr(archives, "MAX_MEMBERS", 100)
    monkeypatch.setattr(archives, "MAX_CLAIMED", 40 * 2**20)
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10 * 2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hw1-q1.py", Q1)
        for number in range({"many": 200, "claims": 50, "large": 12}.get(kind, 1)):
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
    (note,) = submission.notes
    assert note.startswith("ada.zip: ")
    assert note.isprintable()


# --------------------------------------------------------------------------------------------
# What a script says before it is run


def said(tmp_path, text):
    path = tmp_path / "hw1-q1.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return source.read(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ndef f(:\n", 2),
        (b"x = '\xff'\n", 1),
        (b"x = 1\0\n", None),
        ("(" * 5000, 1),
        ("-" * 100_000 + "1", None),
    ],
)
def test_what_cannot_be_parsed_is_said_with_its_line(tmp_path, text, line):
    error = said(tmp_path, text)["syntax_error"]
    assert error["message"]
    assert line is None or error["line"] == line


def test_a_script_is_read_before_it_is_run(tmp_path):
    (tmp_path / "helper.py").touch()
    read = said(
        tmp_path,
        '''
import numpy as np, helper, no_such_module
try:
    import other_missing.part
except ImportError:
    pass

class Perceptron(object):
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
    assert read["missing"] == ["no_such_module", "other_missing"]
    assert read["main_at_import"] == 20
    assert read["classes"]["Perceptron"]["__init__"] == ["self", "n_classes", "n_features", "extra"]
    assert read["unfilled"] == [
        "Perceptron.__init__", "Perceptron.update_weight", "Perceptron.predict", "plot",
    ]  # fmt: skip
    guarded = said(tmp_path, "def main(): pass\nif __name__ == '__main__':\n    main()\n")
    assert guarded["main_at_import"] is None


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
    assert said(tmp_path, text)["edition"] == edition
