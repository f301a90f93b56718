"""What several tests need: the scripts as modules, small data files, and running a script."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def load_script(name):
    """Import a script by its file's name, which a dash keeps from being importable."""
    spec = importlib.util.spec_from_file_location(Path(name).stem.replace("-", "_"), ROOT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(name, *arguments, cwd=ROOT, timeout=120, **options):
    """Run a script as a user does; returns the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, ROOT / name, *map(str, arguments)],
        check=False,
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **options,
    )


def tiny_arrays(seed=0, sizes=(60, 24, 24), shape=(6, 5, 3), n_classes=3):
    """A small data set in the course's format, its classes told apart by brightness and noise."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, n in zip(("train", "val", "test"), sizes, strict=True):
        labels = np.arange(n) % n_classes
        noise = rng.integers(0, 120, (n, *shape))
        arrays[f"{split}_images"] = (noise + 40 * labels.reshape(n, *[1] * len(shape))).astype(
            np.uint8
        )
        arrays[f"{split}_labels"] = labels
    return arrays


@pytest.fixture
def tiny_npz(tmp_path):
    """The path of a small data set."""
    path = tmp_path / "tiny.npz"
    np.savez(path, **tiny_arrays())
    return path


@pytest.fixture(scope="session")
def q1():
    return load_script("hw1-q1.py")


@pytest.fixture(scope="session")
def q2():
    return load_script("hw1-q2.py")
