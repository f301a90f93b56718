"""What a script says before it is run: whether it can be read, its question, imports, edition."""

import ast
import codecs
import re
import warnings
from dataclasses import dataclass, field

from checks.submissions.files import MAX_FILE

EDITIONS = ("ist-2024", "ist-2023", "ist-2022")
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


@dataclass
class Script:
    """What was read in a script; with an error, only its question and the error are known.

    question  "q1", "q2" or None: the question whose classes it defines
    error     why it cannot be read, with its line, or None
    edition   the skeleton it fills in, or None if nothing tells
    imports   modules imported outside functions, by their first name
    unfilled  the number of methods and functions that are empty or raise NotImplementedError
    """

    question: str | None = None
    error: str | None = None
    edition: str | None = None
    imports: list = field(default_factory=list)
    unfilled: int = 0


def read(path):
    """The `Script` at `path`."""
    try:
        with open(path, "rb") as file:
            source = file.read(MAX_FILE + 1)
    except OSError as error:
        return Script(error=f"{path.name} cannot be read ({error.strerror})")
    if len(source) > MAX_FILE:
        return Script(
            question(source), f"{path.name} is larger than {MAX_FILE // 2**20} MB: not read"
        )
    if _is_utf_16(source):
        error = f"{path.name} is saved as UTF-16, which Python does not read; save it as UTF-8"
        return Script(question(source), error)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    # Null bytes; nested too deeply.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Script(question(source), _described(error))
    text = source.decode("utf-8", "replace")
    return Script(
        question=question(source),
        edition=_edition(text, tree),
        imports=sorted(set(_imports(tree))),
        unfilled=_unfilled(tree),
    )


def question_of(path):
    """`question` of the script at `path`, which is not parsed; None where it cannot be opened."""
    try:
        with open(path, "rb") as file:
            return question(file.read(MAX_FILE))
    except OSError:
        return None


def question(source):
    """Which question's classes a script's bytes define: "q1", "q2" or None."""
    text = source.decode("utf-16" if _is_utf_16(source) else "utf-8", "replace")
    q1, q2 = (
        sum(weight for pattern, weight in words if re.search(pattern, text, FLAGS))
        for words in (Q1_WORDS, Q2_WORDS)
    )
    if max(q1, q2) < 2:
        return None
    return "q2" if q2 >= q1 else "q1"


def _is_utf_16(source):
    return source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _described(error):
    if not isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {str(error) or 'nested too deeply'}"
    text = f"{type(error).__name__}: {error.msg}"
    if error.lineno:
        text += f" (line {error.lineno})"
    return text + ("; save the file as UTF-8" if "codec can't decode" in text else "")


def _edition(text, tree):
    """The edition whose skeleton a script fills in, or None.

    The 2022-23 MLP takes the number of layers and its data come from load_classification_data;
    2023-24 calls load_oct_data; 2024-25 has an l2_penalty and calls load_dataset.
    """
    if _takes_layers(tree) or "load_classification_data" in text:
        return "ist-2022"
    if "load_oct_data" in text:
        return "ist-2023"
    if "l2_penalty" in text or "l2_decay" in text or "load_dataset" in text:
        return "ist-2024"
    return None


def _takes_layers(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "mlp" in node.name.lower():
            methods = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
            if "train_epoch" in methods and "__init__" in methods:
                arguments = methods["__init__"].args
                named = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
                return "layers" in [argument.arg for argument in named]
    return False


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


def _unfilled(tree):
    """How many bodies are empty, those of classes that others inherit from aside."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base) for node in classes for base in node.bases}
    places = [tree, *(node for node in classes if node.name not in bases)]
    return sum(
        isinstance(part, ast.FunctionDef) and _is_empty(part)
        for place in places
        for part in place.body
    )


def _is_empty(function):
    """Whether a body does nothing: pass, ..., a bare return, or NotImplementedError."""
    for statement in function.body:
        if isinstance(statement, ast.Raise):
            return "NotImplemented" in ast.unparse(statement)
        if isinstance(statement, ast.Return):
            return statement.value is None or ast.unparse(statement.value) == "None"
        if not isinstance(statement, ast.Pass) and not (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            return False
    return True
