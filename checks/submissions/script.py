"""What a script says before it is run: its syntax, classes, unfilled bodies, imports, edition."""

import ast
import importlib.machinery
import re
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EDITIONS = ("ist-2024", "ist-2023", "ist-2022")
MAX_SOURCE = 2 * 2**20  # bytes
FLAGS = re.IGNORECASE | re.MULTILINE

# Words that tell the questions apart, as patterns of the source, so that a script with a syntax
# error is recognised too; each with its weight.
Q1_WORDS = [
    (r"^class\s+\w*Perceptron\b(?!.*Module)", 2),
    (r"^class\s+\w*MLP\w*\b(?!.*Module)", 2),
    (r"^class\s+LogisticRegression\b(?!.*Module)", 1),
    (r"^class\s+LinearModel\b", 1),
    (r"^\s+def\s+update_weights?\b", 2),
    (r"^\s+def\s+train_epoch\b", 1),
]
Q2_WORDS = [
    (r"^class\s+FeedForward\w*", 2),
    (r"^class\s+\w+\(.*Module\)", 2),
    (r"^def\s+train_batch\b", 2),
    (r"^(import|from)\s+torch\b", 1),
]


def read(path, beside):
    """What the script at `path` says, as a dict; `beside` is the folder it imports modules from.

    kind            "q1", "q2" or None: the question whose classes it defines
    syntax_error    {"line", "message"} or None; with one, what follows is empty
    main_at_import  the line of a call that runs the program on import, or None
    classes         {name: {method: [parameters]}}
    functions       {name: [parameters]}
    unfilled        ["Perceptron.update_weight", ...]: an empty body or NotImplementedError
    imports         modules imported outside functions, by their first name
    missing         those of them that are neither installed nor beside the script
    edition         the skeleton it fills in, or None if nothing tells
    """
    said = {
        "kind": None,
        "syntax_error": None,
        "main_at_import": None,
        "classes": {},
        "functions": {},
        "unfilled": [],
        "imports": [],
        "missing": [],
        "edition": None,
    }
    try:
        if path.stat().st_size > MAX_SOURCE:
            raise ValueError(f"larger than {MAX_SOURCE // 2**20} MB: not read")
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        said["syntax_error"] = {"line": None, "message": getattr(error, "strerror", str(error))}
        return said
    text = source.decode("utf-8", "replace")
    said["kind"] = kind(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        said["syntax_error"] = {"line": error.lineno, "message": str(error.msg)}
        return said
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, endless nesting
        message = str(error) or "nested too deeply to be read"
        said["syntax_error"] = {"line": None, "message": message}
        return said
    _read_definitions(tree, said)
    said["main_at_import"] = _call_at_import(tree, said["functions"])
    said["imports"] = sorted(set(_imports(tree)))
    said["missing"] = [name for name in said["imports"] if not _is_importable(name, beside)]
    said["edition"] = _edition(text, said["classes"])
    return said


def kind(text):
    """Which question's classes a script's text defines: "q1", "q2" or None."""
    q1, q2 = (
        sum(weight for pattern, weight in words if re.search(pattern, text, FLAGS))
        for words in (Q1_WORDS, Q2_WORDS)
    )
    if max(q1, q2) < 2:
        return None
    return "q2" if q2 >= q1 else "q1"


def _read_definitions(tree, said):
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name not in said["classes"]:
            methods = [part for part in node.body if isinstance(part, _FUNCTIONS)]
            said["classes"][node.name] = {part.name: _parameters(part) for part in methods}
            said["unfilled"] += [f"{node.name}.{part.name}" for part in methods if _is_empty(part)]
    for node in tree.body:
        if isinstance(node, _FUNCTIONS):
            said["functions"][node.name] = _parameters(node)
            if _is_empty(node):
                said["unfilled"].append(node.name)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _parameters(function):
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _is_empty(function):
    """Whether a body does nothing: pass, ..., a bare return, or NotImplementedError."""
    for statement in function.body:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring or ...
        if isinstance(statement, ast.Return):
            value = statement.value
            return value is None or (isinstance(value, ast.Constant) and value.value is None)
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
        return False
    return True


def _call_at_import(tree, functions):
    """The line of the first call of the script's own function outside functions, or None."""
    for node in tree.body:
        called = isinstance(node, (ast.Expr, ast.Assign)) and node.value
        if (
            isinstance(called, ast.Call)
            and isinstance(called.func, ast.Name)
            and called.func.id in functions
        ):
            return node.lineno
    return None


def _imports(tree):
    """The first names of the modules imported outside functions, also under try and if."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, (ast.Try, ast.If, ast.With, ast.ExceptHandler)):
            waiting += [child for child in ast.iter_child_nodes(node)]


def _is_importable(name, beside):
    if name in sys.stdlib_module_names or name == "utils":
        return True
    if (beside / f"{name}.py").exists() or (beside / name).is_dir():
        return True
    # Not this project's own folder: its modules are none of the submission's.
    places = [place for place in sys.path if place and Path(place).resolve() != ROOT]
    try:
        return importlib.machinery.PathFinder.find_spec(name, places) is not None
    except (ImportError, ValueError, OSError):
        return False


def _edition(text, classes):
    """The edition whose skeleton a script fills in, or None.

    The 2022-23 MLP takes the number of layers and its data come from load_classification_data;
    2023-24 calls load_oct_data; 2024-25 has an l2_penalty and calls load_dataset.
    """
    layered = any(
        "mlp" in name.lower() and "layers" in methods.get("__init__", ())
        for name, methods in classes.items()
        if "train_epoch" in methods
    )
    if layered or "load_classification_data" in text:
        return "ist-2022"
    if "load_oct_data" in text:
        return "ist-2023"
    if "l2_penalty" in text or "l2_decay" in text or "load_dataset" in text:
        return "ist-2024"
    return None
