"""The version of the code that a run was made with, as a digest."""

import ast
import functools
import hashlib

import utils

# The files beside a script on which a run's numbers depend.
NUMPY = ("fast/pixels.py", "fast/blocks.py", "fast/ties.py", "lab/numpy_state.py", "utils.py")
TORCH = ("fast/pixels.py", "fast/batches.py", "lab/torch_state.py", "lab/torchrun.py",
         "utils.py")  # fmt: skip
FILES = {"hw1-q1.py": NUMPY, "hw1-q2.py": TORCH}
# Functions and classes of theirs, and calls of them, that no number depends on.
NO_NUMBERS = {
    "notice",
    "plot_curves",
    "_span",
    "plot_weights",
    "new_figure",
    "show_figures",
    "Figure",
}


@functools.cache  # as the program started: its files may change while it trains
def code_version(script, *more):
    """A digest of `script`, by its file's name, and of the files that its numbers depend on; `more`
    are those of a run of an uncommon kind.

    Taken over the syntax trees, so that only what Python executes counts, and of that not the texts
    with a blank in them, which are for people: help, messages, labels, docstrings.
    """
    digest = hashlib.sha256()
    for name in (script, *FILES.get(script, ()), *more):
        path = utils.ROOT / name
        if path.is_file():  # else a run started by another program than the two scripts
            digest.update(repr(essence(ast.parse(path.read_bytes()))).encode())
    return digest.hexdigest()[:16]


def essence(node):
    """A syntax tree as nested tuples, the same from every version of Python."""
    if isinstance(node, list):
        return tuple(essence(item) for item in node if not _is_docstring(item))
    if not isinstance(node, ast.AST) or _named(node) in NO_NUMBERS:
        return None if isinstance(node, ast.AST) else node
    if isinstance(node, ast.Constant):
        return None if isinstance(node.value, str) and " " in node.value else node.value
    if isinstance(node, ast.JoinedStr):  # Python 3.12 has empty texts in it
        node = ast.JoinedStr([item for item in node.values if getattr(item, "value", 0) != ""])
    # A field that is empty may be one that only later versions have.
    fields = [(name, essence(value)) for name, value in ast.iter_fields(node)]
    return type(node).__name__, *(field for field in fields if field[1] not in (None, ()))


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _named(node):
    """The name of what a node defines or calls, or None."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", None)
    is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
    return node.name if is_definition else None
