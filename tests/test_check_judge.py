"""Verdicts of check.py on small programs, and on children that return nonsense.

The corpus of programs with known mistakes is judged in test_check_mistakes.py; here are the
judges' own branches: what hinders judging, epochs, conventions, certificates, untrusted results.
"""

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from checks import judge, mistakes, verdict
from checks.sandbox import cage, reply

Q1 = """
import numpy as np


class Perceptron:
    def __init__(self, n_classes, n_features):
        self.W = np.zeros((n_classes, n_features))

    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = np.argmax(self.W.dot(x_i))
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return np.dot(self.W, X.T).argmax(axis=0)

    def evaluate(self, X, y):
        return (self.predict(X) == y).mean()


class LogisticRegression(Perceptron):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        p = softmax(self.W.dot(x_i))
        p[y_i] -= 1
        self.W -= learning_rate * (np.outer(p, x_i) + l2_penalty * self.W)


def softmax(s):
    e = np.exp(s - s.max())
    return e / e.sum()


class MLP(Perceptron):
    def __init__(self, n_classes, n_features, hidden_size):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features))
        self.b1 = np.zeros(hidden_size)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size))
        self.b2 = np.zeros(n_classes)

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        total = 0
        for x_i, y_i in zip(X, y):
            z = self.W1 @ x_i + self.b1
            h = np.maximum(z, 0)
            s = self.W2 @ h + self.b2
            total += s.max() + np.log(np.exp(s - s.max()).sum()) - s[y_i]
            e = softmax(s)
            e[y_i] -= 1
            e1 = (self.W2.T @ e) * (z > 0)
            self.W2 -= learning_rate * np.outer(e, h)
            self.b2 -= learning_rate * e
            self.W1 -= learning_rate * np.outer(e1, x_i)
            self.b1 -= learning_rate * e1
        return total / len(X)

    def predict(self, X):
        return (np.maximum(X @ self.W1.T + self.b1, 0) @ self.W2.T + self.b2).argmax(axis=1)
"""


def run(folder, script, request, timeout):
    """A child without a sandbox: these programs are our own."""
    done = subprocess.run(
        [sys.executable, "-I", cage.CHILD, ""],
        input=json.dumps({**request, "script": str(script)}).encode(),
        cwd=folder,
        check=False,
        timeout=120,
        capture_output=True,
    )
    results, left, frames = {}, list(request["checks"]), io.BytesIO(done.stdout)
    while length := int.from_bytes(frames.read(4), "big"):
        check = left.pop(0)
        results[check["key"]], _ = reply.read(frames.read(length), check)
    return SimpleNamespace(results=results, ended="crashed" if left else "finished", detail="gone")


def judged(folder, program, only=None, question="q1", run=run):
    script = Path(f"hw1-{question}.py")
    (folder / script).write_text(program)
    scripts = {"q1": None, "q2": None, question: script}
    submission = SimpleNamespace(path=folder, edition="ist-2024", scripts={}, **scripts)
    return judge.judge_submission(submission, run, only=only)["parts"]


def ids(part):
    return [finding["id"] for finding in part["findings"]]


def changed(*pairs):
    program = Q1
    for old, new in pairs:
        assert old in program
        program = program.replace(old, new)
    return program


def test_a_right_program_is_correct_in_every_part(tmp_path):
    parts = judged(tmp_path, Q1)
    q1 = [parts[name] for name in judge.PARTS["q1"]]
    assert [part["verdict"] for part in q1] == ["correct"] * 4
    assert not any(part["findings"] for part in q1)
    assert all(parts[name]["verdict"] == "absent" for name in judge.PARTS["q2"])


def test_mistakes_of_one_part_do_not_spoil_the_others(tmp_path):
    """Wrong start, no step of the perceptron, an l2 sign: each in its own part, with its numbers."""
    program = changed(
        ("self.W[y_hat] -= x_i", "pass"),
        ("+ l2_penalty * self.W", "- l2_penalty * self.W"),
        ("normal(0.1, 0.1, (hidden", "normal(0, 0.1, (hidden"),
    )
    parts = judged(tmp_path, program)
    found = {name: ids(parts[name]) for name in judge.PARTS["q1"]}
    assert found == {
        "perceptron": ["perc_no_demote"],
        "logistic_regression": [],
        "logistic_regression_l2": ["l2_sign"],
        "mlp": ["init_wrong"],
    }
    for name in ("perceptron", "logistic_regression_l2"):
        text = parts[name]["findings"][0]["certificate"]["text"]
        assert "right" in text and "this program" in text


def test_two_mistakes_in_one_step_are_both_named(tmp_path):
    program = changed(
        ("e1 = (self.W2.T @ e) * (z > 0)", "e1 = self.W2.T @ e"),
        ("self.b2 -= learning_rate * e\n", "self.b2 -= learning_rate * e[0]\n"),
        ("return total / len(X)", "return total"),
    )
    found = judged(tmp_path, program, only=["mlp"])["mlp"]
    assert found["verdict"] == "mistake"
    assert {"relu_grad_wrong", "bias_grad_wrong", "conv_loss_sum"} == set(ids(found))


def test_what_no_twin_makes_is_unknown_and_shown(tmp_path):
    program = changed(("self.W[y_i] += x_i", "self.W[y_i] += x_i**3 + 1"))
    found = judged(tmp_path, program, only=["perceptron"])["perceptron"]
    assert found["verdict"] == "unknown"
    assert "expected" in found["findings"][0]["certificate"]["text"]


@pytest.mark.parametrize(
    ("old", "new", "verdict", "named"),
    [
        (
            "self.W -= learning_rate * (np",
            "raise NotImplementedError\n        (np",
            "unfinished",
            [],
        ),
        ("p[y_i] -= 1", "p[y_j] -= 1", "mistake", ["lr_crash"]),
        ("p[y_i] -= 1", "exit()", "mistake", ["exit_call"]),
        ("p[y_i] -= 1", "import nothing_such; p[y_i] -= 1", "mistake", ["lr_crash"]),
        ("class LogisticRegression", "class Other", "absent", []),
        ("import numpy as np", "import numpy as np\nimport sympy_ as s\nmain()", "correct", []),
        ("p = softmax(", "import time; time.sleep(99); p = softmax(", "uncallable", ["uncallable"]),
        ("p = softmax(", "for _ in range(10000): print('.')\n        p = softmax(", "correct", []),
        ("self.W -= learning_rate * (np", "self.W -= 0.3 * (np", "mistake", ["lr_ignored"]),
    ],
)
def test_what_hinders_judging(tmp_path, monkeypatch, old, new, verdict, named):
    monkeypatch.setattr("checks.experiments.SHORT", 0.5)
    found = judged(tmp_path, changed((old, new)), only=["logistic_regression"])
    assert found["logistic_regression"]["verdict"] == verdict
    assert ids(found["logistic_regression"]) == named


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("p = softmax(", "p = = softmax(", verdict.SYNTAX_HINT),
        ("p = softmax(", "while True: pass\n        p = softmax(", verdict.OVERTIME_HINT),
        (
            "class LogisticRegression(Perceptron):",
            "class LogisticRegression(Perceptron):\n    def __init__(self, *_): raise OSError('x')\n",
            verdict.UNCALLABLE_HINT,
        ),
    ],
)
def test_the_hint_fits_the_error(tmp_path, monkeypatch, old, new, hint):
    monkeypatch.setattr("checks.experiments.SHORT", 0.5)
    found = judged(tmp_path, changed((old, new)), only=["logistic_regression"])
    (finding,) = found["logistic_regression"]["findings"]
    assert finding["hint"] == hint


@pytest.mark.parametrize("new", ["p[y_i] -= = 1", "import json; json.loads('no')"])
def test_the_line_of_an_error_is_the_submission_s_own(tmp_path, new):
    program = changed(("p[y_i] -= 1", new))
    line = program[: program.index(new)].count("\n") + 1
    found = judged(tmp_path, program, only=["logistic_regression"])
    (finding,) = found["logistic_regression"]["findings"]
    assert finding["explanation"].count("(line ") == 1
    assert f"(line {line})" in finding["explanation"]


Q2 = """
import torch
from torch import nn


class LogisticRegression(nn.Module):
    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__()
        self.layer = nn.Linear(n_features, n_classes)

    def forward(self, x, **kwargs):
        return self.layer(x)


class FeedforwardNetwork(nn.Module):
    def __init__(self, n_classes, n_features, hidden_size, layers, activation_type, dropout, **kw):
        super().__init__()
        act = nn.ReLU if activation_type == "relu" else nn.Tanh
        parts, width = [], n_features
        for i in range(layers):
            parts += [nn.Linear(width, hidden_size), act()]
            if i > 0:
                parts.append(nn.Dropout(dropout))
            width = hidden_size
        self.parts = nn.Sequential(*parts, nn.Linear(width, n_classes))

    def forward(self, x, **kwargs):
        return self.parts(x)


def train_batch(X, y, model, optimizer, criterion, **kwargs):
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    return loss
"""


def test_question_2(tmp_path):
    parts = judged(tmp_path, Q2, question="q2")
    assert parts["torch_logistic_regression"] == {"verdict": "correct", "findings": []}
    assert ids(parts["torch_mlp"]) == ["dropout_missing_hidden"]
    assert ids(parts["torch_train_batch"]) == ["loss_tensor_returned"]


def packed(value):
    """As a child sends it."""
    return msgspec.msgpack.encode(value, enc_hook=lambda a: [list(a.shape), a.tobytes()])


def nonsense(random_, depth=0):
    """Any value that a child may send."""
    kinds = [None, True, -1, 3.5, "nan", "x" * 30, "inf"]
    if depth < 3 and random_.random() < 0.7:
        if random_.random() < 0.5:
            return [nonsense(random_, depth + 1) for _ in range(random_.randrange(4))]
        names = ("error", "calls", "before", "after", "returned", "W", "layout", "shape", "data")
        return {random_.choice(names): nonsense(random_, depth + 1) for _ in range(3)}
    return random_.choice(kinds)


def replaced(value, random_):
    """A value with some of its parts replaced by nonsense."""
    if random_.random() < 0.03:
        return nonsense(random_)
    if isinstance(value, dict):
        return {name: replaced(part, random_) for name, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, random_) for part in value[:20]]
    if isinstance(value, np.ndarray) and random_.random() < 0.1:
        return value.ravel()[: random_.randrange(3)] * np.nan
    return value


@pytest.mark.parametrize("question", ["q1", "q2"])
def test_nonsense_from_the_child_is_judged_without_error(tmp_path, monkeypatch, question):
    """The child is not trusted: whatever comes from it ends in a verdict for each part."""
    recorded = {}

    def record(folder, script, request, timeout):
        outcome = run(folder, script, request, timeout)
        recorded.update(outcome.results)
        return outcome

    program = Q1 if question == "q1" else Q2
    judged(tmp_path, program, question=question, run=record)
    monkeypatch.setattr(judge, "UNREADABLE", ())  # each judge copes with it by itself
    for seed in range(4):
        random_ = random.Random(seed)

        def lie(folder, script, request, timeout, random_=random_):
            checks = {check["key"]: check for check in request["checks"]}
            results = {
                key: reply.typed(packed(replaced(value, random_)), checks[key])
                for key, value in recorded.items()
                if key in checks
            }
            return SimpleNamespace(results=results, ended="finished", detail="")

        parts = judged(tmp_path, program, question=question, run=lie)
        for part in judge.PARTS[question]:
            assert isinstance(parts[part]["verdict"], str)
            json.dumps(parts[part])
            named = {"unknown", "uncallable", *mistakes.TABLE}
            assert named >= set(ids(parts[part]))
