"""What check.py says of the programs of tests/submissions, whose mistakes are known.

A few of them by default, all of them when marked long; each test starts check.py once.
"""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from conftest import ROOT
from submissions import mutants

# A right program of an odd interface and a few mistakes: what a default run has time for.
FEW = [
    "right-onehot",
    "perc_one_vs_all-own_epoch",
    "init_wrong+relu_grad_wrong-plain",
    "loss_broadcast-matrix",
    "unfinished-oneatatime",
]

# What a name of the corpus may start with that is no id of the table of mistakes.
NO_IDS = {"right", "unfinished", "absent", "syntax_error", "missing_helper"}
NOT_IN_TABLE = {"l2_after_step", "grad_not_zeroed"}


def differences(folder, names=None):
    """Start check.py on the programs of these names (or all); what is not as expected, in lines."""
    expected = mutants.write(folder / "class", names)
    result = folder / "result.json"
    arguments = [folder / "class", "-format", "json", "-output", result, "-jobs", 2, "-fresh"]
    process = subprocess.run(
        [sys.executable, ROOT / "check.py", *map(str, arguments)],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert process.returncode in (0, 1), process.stderr
    found = {one["name"]: one["parts"] for one in json.loads(result.read_text())["submissions"]}
    assert found.keys() == expected.keys()
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
    assert differences(tmp_path, set(FEW)) == []


@pytest.mark.long
def test_all_programs(tmp_path):
    assert differences(tmp_path) == []
