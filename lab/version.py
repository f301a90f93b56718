"""The version of the code that a run was made with, as a digest."""

import ast
import functools
import hashlib

import utils

# What a run's numbers depend on besides its script.
FILES = ("utils.py", "fast/*.py", "lab/stored.py", "lab/*_state.py", "lab/torchrun.py")


@functools.cache  # as the program started: its files may change while it trains
def code_version(script, *more):
    """A digest of the code of a script, by its file's name, of FILES and of `more` files.

    Comments, docstrings and layout do not count.
    """
    digest = hashlib.sha256()
    for pattern in (script, *FILES, *more):
        for path in sorted(utils.ROOT.glob(pattern)):
            tree = ast.parse(path.read_bytes())
            for node in ast.walk(tree):
                if isinstance(body := getattr(node, "body", None), list):
                    node.body = [line for line in body if not _is_text(line)]
            digest.update(ast.unparse(tree).encode())
    return digest.hexdigest()[:16]


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
