"""What a script says before it is run: which question's it is, its imports, its edition."""

import ast
import re
import warnings

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


def read(path):
    """The text of a script; "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_SOURCE).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def kind(text):
    """Which question's classes a script's text defines: "q1", "q2" or None."""
    q1, q2 = (
        sum(weight for pattern, weight in words if re.search(pattern, text, FLAGS))
        for words in (Q1_WORDS, Q2_WORDS)
    )
    if max(q1, q2) < 2:
        return None
    return "q2" if q2 >= q1 else "q1"


def parse(text):
    """The tree of a script's text; that of an empty script where it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # null bytes, endless nesting
        return ast.Module([], [])


def imports(text):
    """The first names of the modules that a script imports outside functions."""
    waiting, found = [*parse(text).body], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, (ast.Try, ast.If, ast.With, ast.ExceptHandler)):
            waiting += ast.iter_child_nodes(node)
    return found


def edition(text):
    """The edition whose skeleton a script fills in, or None.

    The 2022-23 MLP takes the number of layers and its data come from load_classification_data;
    2023-24 calls load_oct_data; 2024-25 has an l2_penalty and calls load_dataset.
    """
    if "load_classification_data" in text or _is_layered(text):
        return "ist-2022"
    if "load_oct_data" in text:
        return "ist-2023"
    if "l2_penalty" in text or "l2_decay" in text or "load_dataset" in text:
        return "ist-2024"
    return None


def _is_layered(text):
    """Whether the constructor of an MLP of Question 1 takes the number of layers."""
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.ClassDef) and "mlp" in node.name.lower():
            methods = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
            taken = ast.unparse(methods["__init__"].args) if "__init__" in methods else ""
            if "train_epoch" in methods and re.search(r"\blayers\b", taken):
                return True
    return False
