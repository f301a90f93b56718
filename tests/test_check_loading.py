"""What check.py makes of scripts that run something, or fail, when they are loaded."""

import json
import os
import unicodedata

import pytest
from conftest import ROOT, run_script

PROGRAM = """
import numpy as np
import utils


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_classes, n_features))

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return np.dot(self.W, X.T).argmax(axis=0)


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        guess = np.argmax(self.W.dot(x_i))
        if guess != y_i:
            self.W[y_i] += x_i
            self.W[guess] -= x_i


def main():
    raise SystemExit
"""
CORRECT = {  # what stands behind the program at module level
    "if": "import os\nif not os.path.exists('plots'):\n    os.makedirs('plots')",
    "if, else": "import sys\nif len(sys.argv) > 1:\n    main()\nelse:\n    main()",
    "try": "try:\n    main()\nexcept KeyboardInterrupt:\n    print('stopped')\nfinally:\n    main()",
    "with": "with open('log.txt', 'w') as log:\n    print('x', file=log)",
    "nested": "if True:\n    with open('x') as f:\n        try:\n            main()\n"
    "        except* ValueError:\n            main()",
    "match": "import sys\nmatch sys.argv:\n    case _:\n        main()",
    "handler": "try:\n    import no_such_module.at_all\nexcept ImportError:\n    main()",
}
FAILING = {  # {name: (what is replaced, by what, the reason that is given)}
    "base": (
        "class LinearModel(object)",
        "from no_such_package import Base\nclass LinearModel(Base)",
        "no_such_package.Base is neither installed here nor among the files",
    ),
    "decorator": (
        "    def update_weight",
        "    @no_such_package.override\n    def update_weight",
        "no_such_package.override is neither installed",
    ),
    "annotation": (
        "y_i, **kwargs):\n        guess",
        "y_i, log: no_such_package.Frame | None = None, **kwargs):\n        guess",
        "no_such_package.Frame is neither installed",
    ),
    "file": (
        "class Perceptron(LinearModel):",
        "CONFIG = open('config.json').read()\nclass Perceptron(LinearModel):\n    rate = CONFIG[0]",
        "FileNotFoundError",
    ),
}

REMARKED = {  # {name: [(what is replaced, by what), ...]}
    "mistake": [("self.W[guess] -= x_i", "pass")],
    "strict": [("weight(self, x_i, y_i, **kwargs)", "weight(self, x, label, learning_rate=1)"),
               ("guess != y_i", "guess != label"), ("dot(x_i)", "dot(x)"),
               ("self.W[y_i] += x_i", "self.W[label] += x"), ("-= x_i", "-= x")],
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{student: what check.py says of the perceptron} of a class with all of these programs."""
    folder = tmp_path_factory.mktemp("class")
    programs = {name: f"{PROGRAM}\n{block}\n" for name, block in CORRECT.items()}
    for name, (old, new, _) in FAILING.items():
        assert PROGRAM.count(old) == 1
        programs[name] = PROGRAM.replace("import utils", "import utils, no_such_package").replace(
            old, new
        )
    for name, changes in REMARKED.items():
        programs[name] = PROGRAM
        for old, new in changes:
            assert old in programs[name]
            programs[name] = programs[name].replace(old, new)
    programs["syntax"] = PROGRAM + "x = = 1\n"
    programs["José"] = PROGRAM
    for name, program in programs.items():
        (folder / "all" / unicodedata.normalize("NFD", name)).mkdir(parents=True)
        (folder / "all" / unicodedata.normalize("NFD", name) / "hw1-q1.py").write_text(program)
    done = run_script(
        "check.py", folder / "all", "-format", "json", "-only", "perceptron",
        timeout=170, env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    )  # fmt: skip
    assert done.stderr == ""
    each = json.loads(done.stdout)["submissions"]
    return {submission["name"]: submission["parts"]["perceptron"] for submission in each}


@pytest.mark.parametrize("name", CORRECT)
def test_blocks_of_skipped_calls_hinder_nothing(found, name):
    assert found[name]["verdict"] == "correct", found[name]


@pytest.mark.parametrize("name", FAILING)
def test_a_class_that_fails_on_loading_says_why(found, name):
    assert found[name]["verdict"] == "uncallable"
    (finding,) = found[name]["findings"]
    assert FAILING[name][2] in finding["explanation"]


def test_a_syntax_error_has_the_students_line(found):
    (finding,) = found["syntax"]["findings"]
    line = PROGRAM.count("\n") + 1
    assert finding["explanation"] == f"SyntaxError: invalid syntax (line {line})"


def line(text):
    return PROGRAM[: PROGRAM.index(text)].count("\n") + 1


def test_a_mistake_says_where_to_look(found):
    (finding,) = found["mistake"]["findings"]
    here = line("def update_weight")
    assert finding["explanation"].endswith(f" See Perceptron.update_weight, line {here}.")


def test_a_remark_names_its_method_and_parameters(found):
    said = {finding["id"]: finding["explanation"] for finding in found["strict"]["findings"]}
    method = f"Perceptron.update_weight (line {line('def update_weight')})"
    assert f"{method}: x_i is called x, y_i is called label." in said["renamed_param"]
    assert f"{method} takes no l2_penalty." in said["no_kwargs"]


def test_nothing_is_remarked_on_this_repository(tmp_path):
    done = run_script(
        "check.py", ROOT, "-format", "json", "-only", "perceptron", "logistic_regression", "mlp",
        timeout=170, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    (submission,) = json.loads(done.stdout)["submissions"]
    for found in submission["parts"].values():
        assert found == {"verdict": "correct", "findings": []}


def test_names_are_composed(found):
    assert "José" in found
