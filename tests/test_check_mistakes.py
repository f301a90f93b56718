"""What check.py says of the programs of tests/submissions, whose mistakes are known.

A few of them by default, all of them when marked long, some of each by the command itself.
"""

import contextlib
import json
import re
from collections import Counter

import probing
import pytest
from conftest import run_script
from submissions import mutants

import check
from checks import sandbox

# Two right programs of odd interfaces and a few mistakes: what a default run has time for.
FEW = [
    "right-oneatatime",
    "right-onehot",
    "perc_one_vs_all-own_epoch",
    "l2_sign-lists",
    "init_wrong+relu_grad_wrong-plain",
    "loss_broadcast-matrix",
    "unfinished-oneatatime",
    "softmax_before_ce+layers_plus_one-matrix",
]

# What a name of the corpus may start with that is no id of the table of mistakes.
NO_IDS = {"right", "unfinished", "absent", "syntax_error", "missing_helper"}
NOT_IN_TABLE = {"l2_after_step", "grad_not_zeroed"}


SHARES = 8  # of all programs, each a test, so that two workers have as much to do


def by_command(*arguments):
    done = run_script("check.py", *arguments, timeout=None)
    assert done.returncode in (0, 1), done.stderr


def in_forks(*arguments):
    """check.py's main() with children that are quicker to start, see probing.py."""
    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(SystemExit):
        patched.setattr(sandbox, "run", probing.run)
        check.main([*arguments, "-jobs", "1"])


def differences(folder, names, judge):
    """Have `judge` take check.py's arguments for programs of these names; what is not as expected."""
    expected = mutants.write(folder / "class", names)
    result = folder / "result.json"
    judge(str(folder / "class"), *f"-format json -output {result} -fresh".split())
    found = {one["name"]: one["parts"] for one in json.loads(result.read_text())["submissions"]}
    assert found.keys() == expected.keys() == set(names)
    lines = []
    for name, parts in expected.items():
        for part, alternatives in parts.items():
            complaint = mutants.fits(found[name].get(part), alternatives)
            if complaint:
                lines.append(f"{name} {part}: {complaint}: {found[name].get(part)}")
    return lines


def test_every_mistake_in_three_programs():
    """Three programs or more for every id; of deviations the right programs hold some, too."""
    programs = Counter(
        mistake
        for name in mutants.submissions()
        for mistake in re.sub(r"-[a-z_0-9]+(-\d+)?$", "", name).split("+")
        if mistake not in NO_IDS | NOT_IN_TABLE
    )
    few = {
        mistake: n
        for mistake, n in programs.items()
        if n < (2 if mutants.severity(mistake) == "deviation" else 3)
    }
    assert few == {}
    assert len(programs) == 103  # all but conv_W_transposed, which right programs have


def test_few_programs(tmp_path):
    assert differences(tmp_path / "forks", FEW, in_forks) == []
    assert differences(tmp_path / "command", FEW[-2:], by_command) == []


@pytest.mark.long
def test_a_sample_of_the_programs_by_the_command(tmp_path):
    """The right ones, and of the others every twelfth."""
    names = list(mutants.submissions())
    right = [name for name in names if name.startswith("right-")]
    assert differences(tmp_path, right + names[len(right) :: 12], by_command) == []


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
def test_all_programs(tmp_path, share):
    names = list(mutants.submissions())[share::SHARES]
    assert differences(tmp_path, names, in_forks) == []
