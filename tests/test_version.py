"""The code's version in a record: of what bears on a run's numbers, the same from every Python."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import utils
from lab import version

SCRIPT = """
def loss(scores, gold):
    return 0.5 * max(scores) - scores[gold]

print(f"loss: {loss([1, 2], 0):.4f}", "and no more", "red")
"""


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A folder with hw1-q1.py and the other files that its numbers depend on, to be changed."""
    monkeypatch.setattr(utils, "ROOT", tmp_path)
    for name in {file for files in version.FILES.values() for file in files}:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "hw1-q1.py").write_text(SCRIPT)
    (tmp_path / "hw1-q2.py").write_text(SCRIPT)
    version.code_version.cache_clear()
    yield tmp_path
    version.code_version.cache_clear()


def versions():
    version.code_version.cache_clear()
    return [version.code_version(script) for script in ("hw1-q1.py", "hw1-q2.py")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def loss", "# what is minimised\ndef loss"),
        ("def loss(scores, gold):", 'def loss(scores, gold):\n    """Its value."""'),
        ("def loss(scores, gold):", 'def loss(scores, gold):\n    """Value."""'),
        ("0.5 * max(scores)", "(0.5 *\n max(scores))"),
        ("and no more", "and that is all"),
        ("def loss", 'FIGURES = [Figure("loss", "cross-entropy", {"train": "loss"})]\n\ndef loss'),
        ("def loss", "def plot_curves(color='red'):\n    return color\n\ndef loss"),
    ],
)
def test_what_no_number_depends_on_does_not_count(house, old, new):
    """Comments, docstrings, layout, messages, and what is drawn."""
    before = versions()
    (house / "hw1-q1.py").write_text(SCRIPT.replace(old, new))
    if "Figure(" in new or "plot_curves" in new:
        before[0] = versions()[0]  # the first such one may count, its words do not
        new = new.replace("cross-entropy", "Cross-entropy").replace("'red'", "'blue'")
        (house / "hw1-q1.py").write_text(SCRIPT.replace(old, new))
    assert versions() == before


@pytest.mark.parametrize(
    ("old", "new"), [("0.5", "0.25"), ("max", "min"), ("1, 2", "1, 3"), ("gold]", "0]")]
)
def test_what_is_computed_counts(house, old, new):
    before = versions()
    (house / "hw1-q1.py").write_text(SCRIPT.replace(old, new))
    after = versions()
    assert after[0] != before[0] and after[1] == before[1]


def test_the_files_that_count(house):
    before = versions()
    (house / "lab").mkdir(exist_ok=True)
    for name in ("lab/run.py", "lab/figures.py", "lab/comparison.py", "reproduce.py"):
        (house / name).write_text("x = 2\n")
    assert versions() == before
    (house / "fast/blocks.py").write_text("x = 2\n")
    (house / "lab/torch_state.py").write_text("x = 2\n")
    after = versions()
    assert after[0] != before[0] and after[1] != before[1]
    (house / "lab/ranks.py").write_text("x = 2\n")
    assert versions() == after  # but for a run on several ranks
    of_ranks = version.code_version("hw1-q2.py", "lab/ranks.py")
    (house / "lab/ranks.py").write_text("x = 3\n")
    version.code_version.cache_clear()
    assert version.code_version("hw1-q2.py", "lab/ranks.py") not in (of_ranks, *after)


def test_the_files_that_count_are_there():
    for script, files in version.FILES.items():
        for name in (script, *files):
            assert (ROOT / name).is_file(), name


def test_it_is_taken_once(house):
    """As the program started: a file that is changed while it trains is not what trained."""
    before = version.code_version("hw1-q1.py")
    (house / "hw1-q1.py").write_text("x = 2\n")
    assert version.code_version("hw1-q1.py") == before


# Prints what `code_version` is of, with no package but Python's own.
ESSENCE = """
import sys, types
sys.modules["utils"] = types.SimpleNamespace(ROOT=None)
sys.path.insert(0, sys.argv[1])
import ast, hashlib, pathlib
from lab import version
for path in sys.argv[2:]:
    tree = repr(version.essence(ast.parse(pathlib.Path(path).read_bytes())))
    print(hashlib.sha256(tree.encode()).hexdigest())
"""
TRICKY = r'''
def f(a, /, b, *, c=None, **d) -> int:
    "x"
    return f"{a!r:>{b}} {c=} {{}}" f"{d['k']:.4f}" "tail" if a else u"kind" """three
    lines"""

async def g():
    async with a as (b, c): [x async for x in y]

match f:
    case {"k": [1, -2.5, *_], **rest} | None: pass

try: pass
except* ValueError as e: raise
lambda *a: (yield)
x: int = 1_000; y = 1e400; z = ...; w = {**x, 'b': [*y]}
'''.replace('u"kind" b"by" ', 'u"kind" ')


def other_pythons():
    """Those installed here besides this one, from 3.11 on."""
    for minor in range(11, 20):
        paths = [f"python3.{minor}", *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")]
        for path in filter(None, map(shutil.which, map(str, paths))):
            says = subprocess.run([path, "-V"], capture_output=True, text=True, check=False)
            if says.stdout.startswith(f"Python 3.{minor}."):  # and is no link to another
                yield path
                break


def test_every_python_comes_to_the_same(tmp_path):
    """Of those that are installed; and none of the fields that only later ones have is looked at."""
    (tmp_path / "tricky.py").write_text(TRICKY)
    (tmp_path / "essence.py").write_text(ESSENCE)
    files = [tmp_path / "tricky.py", ROOT / "hw1-q1.py", ROOT / "hw1-q2.py"]
    files += [ROOT / name for name in sorted({f for of in version.FILES.values() for f in of})]

    def digests(python):
        command = [python, "-I", "-S", tmp_path / "essence.py", ROOT, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.split() if done.returncode == 0 else done.stderr

    ours = digests(sys.executable)
    assert len(ours) == len(files)
    for python in other_pythons():
        assert digests(python) == ours, python


def test_a_field_of_a_later_python_counts_where_it_is_used():
    """`class A[T]` is 3.12's; a class without parameters has an empty list there, and none before."""
    plain = ast.parse("class A: pass\ndef f(): pass")
    later = ast.parse("class A: pass\ndef f(): pass")
    for node in later.body:
        node.type_params = []
        node._fields = tuple(dict.fromkeys((*node._fields, "type_params")))
    assert version.essence(later) == version.essence(plain)
    later.body[0].type_params = [ast.Name("T")]
    assert version.essence(later) != version.essence(plain)
