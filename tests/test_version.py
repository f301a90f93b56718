"""The code's version in a record: of what bears on a run's numbers, without what is for people."""

import pytest
from conftest import ROOT

import utils
from lab import version

SCRIPT = """
def loss(scores, gold):
    return 0.5 * max(scores) - scores[gold]

print(f"loss: {loss([1, 2], 0):.4f}", "and no more")
"""
BESIDE = ["utils.py", "fast/blocks.py", "lab/numpy_state.py", "lab/torch_state.py", "lab/run.py"]


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A folder with a script and some of the files that its numbers depend on, to be changed."""
    monkeypatch.setattr(utils, "ROOT", tmp_path)
    for name in BESIDE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "hw1-q1.py").write_text(SCRIPT)
    version.code_version.cache_clear()
    yield tmp_path
    version.code_version.cache_clear()


def version_now(*more):
    version.code_version.cache_clear()
    return version.code_version("hw1-q1.py", *more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def loss", "# what is minimised\ndef loss"),
        ("def loss(scores, gold):", 'def loss(scores, gold):\n    """Its value."""'),
        ("def loss", '"""A script."""\n\n\ndef loss'),
        ("0.5 * max(scores)", "(0.5 *\n max(scores))"),
    ],
)
def test_what_is_for_people_does_not_count(house, old, new):
    before = version_now()
    (house / "hw1-q1.py").write_text(SCRIPT.replace(old, new))
    assert version_now() == before


@pytest.mark.parametrize(
    ("old", "new"), [("0.5", "0.25"), ("max", "min"), ("1, 2", "1, 3"), ("gold]", "0]")]
)
def test_what_is_computed_counts(house, old, new):
    before = version_now()
    (house / "hw1-q1.py").write_text(SCRIPT.replace(old, new))
    assert version_now() != before


@pytest.mark.parametrize("name", BESIDE)
def test_the_files_that_count(house, name):
    before = version_now()
    (house / name).write_text("x = 2\n")
    assert (version_now() != before) == (name != "lab/run.py")


def test_a_file_that_is_named_counts_too(house):
    before = version_now(), version_now("lab/run.py")
    assert before[0] != before[1]
    (house / "lab/run.py").write_text("x = 2\n")
    assert version_now() == before[0] and version_now("lab/run.py") != before[1]


def test_the_files_that_count_are_there():
    for pattern in version.FILES:
        assert list(ROOT.glob(pattern)), pattern


def test_it_is_taken_once(house):
    """As the program started: a file that is changed while it trains is not what trained."""
    before = version.code_version("hw1-q1.py")
    (house / "hw1-q1.py").write_text("x = 2\n")
    assert version.code_version("hw1-q1.py") == before
