"""The step that a reader sees is the step that trains: change it, and training changes.

Each method that a textbook would show is replaced, or wrapped, and a run must notice: by the blocks'
fast way, by the plain step, by the program. And a script is a module that others can import and show.
"""

import importlib
import inspect
import sys

import numpy as np
import pytest
import torch
from conftest import tiny_arrays
from oracle import parameters

N_CLASSES, N = 3, 30

LINEAR = ["logistic_regression", "-epochs", 1]
MLP = ["mlp", "-epochs", 1, "-hidden_size", 7]


@pytest.fixture
def trained(tiny_npz, tmp_path, blank_figures):
    """The parameters after a short run of a script, as one array: trained(q1, "mlp", ...)."""

    def run(script, *words):
        model, history = script.main([*words, "-data_path", tiny_npz, "-plots_dir", tmp_path])
        assert len(history) == 1
        if isinstance(model, torch.nn.Module):
            values = [value.numpy() for value in model.state_dict().values()]
        else:
            values = parameters(model).values()
        return np.concatenate([value.ravel() for value in values])

    return run


def doubled(function):
    """`function` with what it returns, or a step's gradient in it, doubled."""

    def wrapper(*arguments, **options):
        result = function(*arguments, **options)
        if isinstance(result, tuple):
            return tuple(doubled_value(part) for part in result)
        return doubled_value(result)

    return wrapper


def doubled_value(value):
    return [2 * part for part in value] if isinstance(value, list) else 2 * value


def without_a_step(*arguments, **options):
    return torch.tensor(1.0)


# What is changed, where it is, how, and a command that has to notice.
Q1_STEPS = {
    "perceptron's update_weight": ("Perceptron.update_weight", without_a_step, ["perceptron", "-epochs", 1]),
    "the gradient of logistic regression": ("LogisticRegression.gradient", doubled, LINEAR),
    "its gradient in batches": ("LogisticRegression.gradient", doubled, [*LINEAR, "-batch_size", 7]),
    "its update_weight": ("LogisticRegression.update_weight", without_a_step, LINEAR),
    "its proximal step for l1": (
        "LogisticRegression.shrink", without_a_step, [*LINEAR, "-l1_penalty", 1]
    ),
    "cross-entropy of logistic regression": ("cross_entropy", doubled, LINEAR),
    "cross-entropy of the MLP": ("cross_entropy", doubled, MLP),
    "the MLP's forward pass": ("MLP.forward", doubled, MLP),
    "its forward pass in batches": ("MLP.forward", doubled, [*MLP, "-batch_size", 7]),
    "its backward pass": ("MLP.backward", doubled, MLP),
    "its backward pass in batches": ("MLP.backward", doubled, [*MLP, "-batch_size", 7]),
}  # fmt: skip
Q2_STEPS = {
    "train_batch": ("train_batch", without_a_step, MLP),
    "train_batch of logistic regression": ("train_batch", without_a_step, LINEAR),
    "the network's forward pass": ("FeedforwardNetwork.forward", doubled, MLP),
    "logistic regression's forward pass": ("LogisticRegression.forward", doubled, LINEAR),
}


def replace(monkeypatch, module, name, change):
    """Put change(what is there), or `without_a_step`, in place of a function of a module or class."""
    owner, _, attribute = name.rpartition(".")
    owner = getattr(module, owner) if owner else module
    new = change if change is without_a_step else change(getattr(owner, attribute))
    monkeypatch.setattr(owner, attribute, new)


@pytest.mark.parametrize("what", Q1_STEPS)
def test_question_1_trains_by_the_step_that_is_shown(q1, monkeypatch, trained, what):
    name, change, command = Q1_STEPS[what]
    before = trained(q1, *command)
    replace(monkeypatch, q1, name, change)
    assert not np.allclose(trained(q1, *command), before, rtol=1e-6)


@pytest.mark.parametrize("what", Q2_STEPS)
def test_question_2_trains_by_the_step_that_is_shown(q2, monkeypatch, trained, what):
    name, change, command = Q2_STEPS[what]
    before = trained(q2, *command)
    replace(monkeypatch, q2, name, change)
    assert not np.allclose(trained(q2, *command), before, rtol=1e-6)


def test_the_blocks_and_the_plain_step_share_one_gradient(q1, monkeypatch):
    """Several blocks, or too few examples for one: both ways go by `gradient`."""
    X, y = np.random.default_rng(0).normal(size=(N, 5)), np.arange(N) % N_CLASSES
    monkeypatch.setattr(
        q1.LogisticRegression, "gradient", lambda self, scores, y: np.zeros(scores.shape)
    )
    for n in (24, 5):
        model = q1.LogisticRegression(N_CLASSES, 5)
        model.train_epoch(X[:n], y[:n], learning_rate=1.0)
        assert not model.W.any()


# --------------------------------------------------------------------------------------------
# A script as a module


@pytest.mark.parametrize(
    ("name", "command"), [("hw1-q1", ["perceptron"]), ("hw1-q2", ["mlp", "-hidden_size", "5"])]
)
def test_main_takes_a_list_and_returns_what_it_trained(
    monkeypatch, blank_figures, tmp_path, tiny_npz, name, command
):
    """And reads no command line: that of whoever calls it, a notebook say, is another's."""
    script = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", ["notebook", "-f", "kernel.json"])
    words = [*command, "-epochs", "3", "-data_path", str(tiny_npz), "-plots_dir", str(tmp_path)]
    model, history = script.main(words)
    assert len(history) == 3 and all(0 <= row["val_acc"] <= 1 for row in history)
    arrays = tiny_arrays()
    X = arrays["val_images"].reshape(24, -1) / 256
    if name == "hw1-q1":
        X = np.hstack([X, np.ones((24, 1))])
        predicted = model.predict(X)
    else:
        predicted = script.predict(model.eval(), torch.tensor(X).float()).numpy()
    assert np.mean(predicted == arrays["val_labels"]) == history[-1]["val_acc"]


def test_a_command_line_may_be_one_text(q1, blank_figures, tmp_path, tiny_npz):
    """As a notebook writes it."""
    _, history = q1.main(f"perceptron -epochs 2 -data_path '{tiny_npz}' -plots_dir '{tmp_path}'")
    assert len(history) == 2


def test_a_sweep_returns_a_model_for_each_run(q1, blank_figures, tmp_path, tiny_npz):
    words = ["logistic_regression", "-epochs", 2, "-learning_rate", 0.1, 0.01]
    results = q1.main([*words, "-data_path", tiny_npz, "-plots_dir", tmp_path])
    assert [len(history) for _, history in results] == [2, 2]
    assert isinstance(results[0][0], q1.LogisticRegression)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("hw1-q1", ["Perceptron.update_weight", "MLP.forward", "MLP.backward", "cross_entropy"]),
        ("hw1-q2", ["FeedforwardNetwork", "train_batch", "evaluate"]),
    ],
)
def test_a_notebook_can_show_a_scripts_functions(name, shown):
    script = importlib.import_module(name)
    for path in shown:
        thing = script
        for part in path.split("."):
            thing = getattr(thing, part)
        source = inspect.getsource(thing)
        assert f" {part}(" in source and '"""' in source
