"""Loads a submission's script without running its program (runs in the child).

The script is executed statement by statement: imports, definitions and assignments, but no call of
main(), no loop, no `if __name__ == "__main__"`. A package that is not installed is replaced by a
module of stand-ins, so that the classes can be judged all the same.
"""

import ast
import importlib
import os
import random
import sys
import types

import numpy as np

from .limits import TooLong, described_error, time_limit

MAIN_CALL = ("main", "run", "train", "test", "experiment", "plot", "exit", "quit", "print", "input")
KEPT_CALLS = ("sys.path", "seterr", "seed", "set_default_dtype", "use", "filterwarnings")


class Loaded:
    """A loaded script: its module, its tree, and what was noticed on the way."""

    def __init__(self, module, tree):
        self.module, self.tree = module, tree
        self.stubbed, self.failed, self.notes = [], [], []
        self.causes = {}  # {name: described error} of what failed, and is missing
        self.cache = {}

    def report(self):
        classes = {}
        for name, value in list(vars(self.module).items()):
            if isinstance(value, type):
                classes[name] = [base.__module__ + "." + base.__name__ for base in value.__mro__]
        return {
            "classes": classes,
            "functions": [n for n, v in vars(self.module).items() if callable(v)][:500],
            "stubbed": self.stubbed,
            "failed": self.failed,
            "notes": self.notes,
        }


class MissingHelper(ImportError):
    """A stand-in was asked to compute something."""


# Packages that compute nothing: what they are given comes back, or nothing needs to.
IDLE = (
    "tqdm",
    "rich",
    "alive_progress",
    "progressbar",
    "numba",
    "line_profiler",
    "typing_extensions",
)
SHOWING = ("matplotlib", "plotly", "seaborn", "wandb", "tensorboard", "tensorboardX", "colorama")


class Stand:
    """Stands for what is missing. Progress bars and decorators give back what they get; whatever
    would have to compute raises MissingHelper.
    """

    def __init__(self, name="", *_, **__):
        self.__name__ = str(name)

    def __call__(self, *args, **kwargs):
        package = self.__name__.split(".")[0]
        if package in IDLE:
            return args[0] if args else self
        if package in SHOWING or self.__name__.endswith((".configure_seed", ".plot")):
            return Stand(self.__name__)
        missing(self)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return range if name == "trange" else Stand(f"{self.__name__}.{name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __iter__(self):
        return iter(())


def missing(stand, *_):
    raise MissingHelper(f"{stand.__name__} is neither installed here nor among the files")


for _operation in ("add", "sub", "mul", "truediv", "matmul", "pow", "or"):
    for _side in ("", "r"):
        setattr(Stand, f"__{_side}{_operation}__", missing)
for _operation in ("getitem", "array", "float", "mro_entries"):  # the last: a class's base
    setattr(Stand, f"__{_operation}__", missing)


class StandInModule(types.ModuleType):
    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "trange":
            return lambda *args, **_: range(*args)
        return Stand(f"{self.__name__}.{name}")


def load(name):
    """Load the script `name` of the working directory; OSError, SyntaxError."""
    path = os.path.abspath(name)
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    quiet_shuffles()
    with open(path, "rb") as file:
        source = file.read()
    tree = ast.parse(source, path)
    module = types.ModuleType("submission")
    module.__file__ = path
    sys.modules["submission"] = module
    loaded = Loaded(module, tree)
    for statement in definitions(tree.body, loaded):
        execute(statement, loaded, path)
    return loaded


def definitions(body, loaded):
    """The statements of a script that only define things."""
    for node in body:
        if isinstance(node, (ast.For, ast.While, ast.Match, ast.Assert, ast.Raise)):
            continue
        if isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            continue
        blocks = isinstance(node, (ast.If, ast.With, ast.Try, ast.TryStar))
        if blocks and not any(define_only(node, loaded)):
            continue
        if isinstance(node, (ast.Expr, ast.Assign)) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            runs = called.split(".")[-1].startswith(MAIN_CALL)
            if runs and called.split(".")[-1] == "main":
                loaded.notes.append(f"line {node.lineno}: {called}() is called when imported")
            kept = any(word in called for word in KEPT_CALLS)
            if runs or (isinstance(node, ast.Expr) and not kept):
                continue
        yield node


def define_only(node, loaded):
    """Leave only the definitions in each block of an if, with or try; these, a list per block."""
    left = []
    for handler in getattr(node, "handlers", ()):
        handler.body = list(definitions(handler.body, loaded)) or [passing(handler)]
    for name in ("body", "orelse", "finalbody"):
        if hasattr(node, name):
            block = list(definitions(getattr(node, name), loaded))
            left.append(block)
            setattr(node, name, block or ([passing(node)] if name == "body" else []))
    return left


def passing(node):
    return ast.copy_location(ast.Pass(), node)


def bound(statement):
    """The names that a statement binds at module level."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    nodes = ast.walk(statement)
    return [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def execute(statement, loaded, path):
    """Run one statement; a package it misses is replaced, what else fails is noted and left out."""
    code = compile(ast.Module([statement], []), path, "exec", dont_inherit=True)
    for _ in range(30):
        try:
            with time_limit(10 if isinstance(statement, (ast.Assign, ast.AugAssign)) else 120):
                exec(code, vars(loaded.module))  # noqa: S102
            return
        except ImportError as error:
            if not replace_missing(error, loaded):
                note_failure(statement, error, loaded)
                return
        except BaseException as error:
            if isinstance(error, TooLong) and not isinstance(statement, ast.Assign):
                raise
            note_failure(statement, error, loaded)
            return


def note_failure(statement, error, loaded):
    """Keep why a statement failed, under the names that are missing now: the first cause of all."""
    described = described_error(error)
    if isinstance(error, NameError):
        described = loaded.causes.get(error.name, described)
    loaded.failed.append([statement.lineno, described])
    loaded.causes |= dict.fromkeys(bound(statement), described)


def replace_missing(error, loaded):
    """Put a stand-in for what an ImportError misses; False where that is no way out."""
    name = error.name or ""
    if not name or name.split(".")[0] in ("numpy", "submission"):
        return False
    if name.split(".")[0] == "torch" and "torch" not in loaded.stubbed:
        loaded.notes.append("torch is not installed")
    if isinstance(error, ModuleNotFoundError):
        for part in parents(name):
            if part not in sys.modules:
                try:
                    importlib.import_module(part)
                except ImportError:
                    sys.modules[part] = StandInModule(part)
                    loaded.stubbed.append(part)
                    package, _, child = part.rpartition(".")
                    if package:
                        setattr(sys.modules[package], child, sys.modules[part])
        return True
    wanted = getattr(error, "name_from", None) or _name_in(str(error))
    module = sys.modules.get(name)
    if wanted and module is not None and not hasattr(module, wanted):
        setattr(module, wanted, Stand(f"{name}.{wanted}"))
        loaded.stubbed.append(f"{name}.{wanted}")
        return True
    return False


def _name_in(message):
    parts = message.split("'")
    return parts[1] if message.startswith("cannot import name") and len(parts) > 1 else None


def parents(name):
    """a.b.c -> a, a.b, a.b.c"""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


shuffles = []  # which of NumPy's shuffles the submission called


def quiet_shuffles():
    """Make shuffles keep the order, so that an epoch's steps can be followed; note that they ran."""

    def in_order(x, *_, **__):
        shuffles.append("permutation")
        return np.arange(x) if isinstance(x, (int, np.integer)) else np.array(x)

    def kept(*_, **__):
        shuffles.append("shuffle")

    choice = np.random.choice

    def choose(a, size=None, replace=True, p=None):
        number = a if isinstance(a, (int, np.integer)) else len(a)
        if not replace and size == number and p is None:
            return in_order(a)
        return choice(a, size, replace, p)

    class Generator(np.random.Generator):
        def permutation(self, x, *_, **__):
            return in_order(x)

        def shuffle(self, *_, **__):
            kept()

    class RandomState(np.random.RandomState):
        def permutation(self, x):
            return in_order(x)

        def shuffle(self, x):
            kept()

    np.random.permutation, np.random.shuffle, np.random.choice = in_order, kept, choose
    np.random.default_rng = lambda seed=None: Generator(np.random.PCG64(seed))
    np.random.RandomState = RandomState
    random.shuffle = kept
    sample = random.sample
    random.sample = lambda population, k, **kwargs: (
        list(population) if k == len(population) else sample(population, k, **kwargs)
    )


# ----------------------------------------------------------------------------------------------
# Which class plays which part


WORDS = {
    "perceptron": ("perceptron",),
    "logistic_regression": ("logistic", "logreg", "softmaxregression", "lr"),
    "mlp": ("mlp", "multilayer", "multi_layer", "feedforward", "neural", "network", "ffn"),
}
SKELETON = {"Perceptron": "perceptron", "LogisticRegression": "logistic_regression", "MLP": "mlp"}


def is_torch(cls):
    return any(base.__module__.startswith("torch") for base in cls.__mro__)


def own_classes(loaded):
    """The classes a script holds that are not of an installed package."""
    outside = ("numpy", "torch", "matplotlib", "sklearn", "scipy", "builtins", "argparse")
    seen = {}
    for name, value in vars(loaded.module).items():
        if isinstance(value, type) and value.__module__.split(".")[0] not in outside:
            seen.setdefault(value, name)
    return {name: value for value, name in seen.items()}


def plays(name, role, torch_module):
    """(exactly, by its words): whether a class of this name is called as the role is."""
    exact = {"FeedforwardNetwork": "mlp"} | ({} if torch_module else SKELETON)
    if torch_module:
        exact["LogisticRegression"] = "logistic_regression"
    if name in exact:
        return exact[name] == role, False
    lowered = name.lower()
    multilayer = role == "perceptron" and any(word in lowered for word in WORDS["mlp"])
    return False, any(word in lowered for word in WORDS[role]) and not multilayer


def find_class(loaded, role, torch_module=False):
    """(class, renamed) that plays a role, by its name or by its methods; (None, False) if none."""
    classes = {n: c for n, c in own_classes(loaded).items() if is_torch(c) == torch_module}
    for name, cls in classes.items():
        if plays(name, role, torch_module)[0]:
            return cls, False
    needed = ("forward",) if torch_module else ("predict", "train_epoch", "update_weight")
    for name, cls in classes.items():
        if plays(name, role, torch_module)[1] and any(hasattr(cls, method) for method in needed):
            return cls, True
    return None, False


def not_found(loaded, role, torch_module=False):
    """The reply on a class that is not there: its statement's error, where that failed."""
    for name, error in loaded.causes.items():
        if name not in vars(loaded.module) and any(plays(name, role, torch_module)):
            return {"error": error}
    return {"absent": True}


def source_of(loaded, cls, method):
    """The ast of `cls.method` where the script itself defines it (base classes looked at too)."""
    for base in cls.__mro__:
        if method in vars(base):
            for node in ast.walk(loaded.tree):
                if isinstance(node, ast.ClassDef) and node.name == base.__name__:
                    for part in node.body:
                        if isinstance(part, ast.FunctionDef) and part.name == method:
                            return part
            return None
    return None


def is_empty(function):
    """Whether a function's body is a docstring, pass, ..., return None, NotImplementedError."""
    for node in function.body:
        if isinstance(node, ast.Pass):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Return) and (
            node.value is None
            or (isinstance(node.value, ast.Constant) and node.value.value is None)
        ):
            continue
        if isinstance(node, ast.Raise) and "NotImplemented" in ast.dump(node):
            continue
        return False
    return True
