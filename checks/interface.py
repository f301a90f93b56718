"""What hinders the judging of a part (absent, unfinished, crashes) and how its interface differs."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checks import observed

SKELETON = {
    "__init__": ["n_classes", "n_features"],
    "update_weight": ["x_i", "y_i"],
    "train_epoch": ["X", "y"],
    "predict": ["X"],
}
# Checks that may fail in a program that works, which say nothing of whether it is finished.
EXTREMES = ("other", "absent", "huge", "single_onehot", "epoch_onehot")
CRASHES = {"perceptron": "perc_crash", "logistic_regression": "lr_crash", "mlp": "mlp_crash"}
HYPERPARAMETERS = ("learning_rate", "l2_penalty", "lr", "eta", "alpha", "reg", "l2")
VAR_POSITIONAL, VAR_KEYWORD = 2, 4
ONE_HOT_WORDS = ("onehot", "one_hot", "1hot", "categorical", "binariz", "eye", "hot_encod")
ARGUMENT_ERRORS = ("positional argument", "keyword argument")


@dataclass(frozen=True)
class Context:
    """What is known of a script beside what it computes."""

    edition: str
    n_classes: int
    path: Path

    @property
    def asks_for_l2(self):
        return self.edition == "ist-2024"

    @property
    def asks_for_loss(self):
        return self.edition != "ist-2022"

    @cached_property
    def tree(self):
        try:
            return ast.parse(self.path.read_bytes())
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            return ast.Module([], [])

    @cached_property
    def converts_labels(self):
        """Whether what calls train_epoch, outside the classes, makes one-hot labels."""
        for statement in self.tree.body:
            nodes = list(ast.walk(statement))
            attributes = {n.attr.lower() for n in nodes if isinstance(n, ast.Attribute)}
            if isinstance(statement, ast.ClassDef) or "train_epoch" not in attributes:
                continue
            names = attributes | {n.id.lower() for n in nodes if isinstance(n, ast.Name)}
            if any(word in name for name in names for word in ONE_HOT_WORDS):
                return True
            for node in nodes:  # Y[np.arange(n), y] = 1
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                    index = ast.unparse(node.targets[0].slice)
                    if "arange" in index or "range(" in index:
                        return True
        return False

    def returns_in_loop(self, role):
        """Whether a train_epoch that may be this model's returns inside a loop."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == "train_epoch":
                loops = [n for n in ast.walk(node) if isinstance(n, (ast.For, ast.While))]
                if any(isinstance(n, ast.Return) for loop in loops for n in ast.walk(loop)):
                    return True
        return False


def can_be_judged(part, role, checks, results, context):
    """False, and the part's verdict, where a model is absent, unfinished or fails for any input."""
    values = [results[key] for key in checks if key.startswith(f"{role}/") and key in results]
    load = results.get("load")
    if observed.field(load, "error") is not None:
        part.blocked = ("uncallable", observed.error_text(load["error"]))
        return False
    if not values:
        part.blocked = ("uncallable", "nothing came back from it")
        return False
    if any(observed.field(value, "absent") for value in values):
        part.blocked = ("absent", "no such class was found")
        return False
    first = values[0]
    error = observed.field(first, "constructor_error") or observed.field(first, "error")
    if error is not None:
        unfinished = observed.field(error, "type") == "NotImplementedError"
        if unfinished or observed.field(first, "constructor_empty"):
            part.blocked = ("unfinished", "the constructor is not written yet")
        elif observed.field(error, "type") == "SystemExit":
            part.add("exit_call")
            return False
        else:
            part.blocked = ("uncallable", observed.error_text(error))
        return False
    if observed.field(first, "methods", "__init__") == "empty" and not first.get("initial"):
        part.blocked = ("unfinished", "the constructor is not written yet")
        return False
    return _training_works(part, role, checks, results, values, context)


def _training_works(part, role, checks, results, values, context):
    """Whether any training call went through; the part's verdict where none did."""
    made = [
        call
        for key, value in ((k, results.get(k)) for k in checks if k.startswith(f"{role}/"))
        for call in observed.calls(checks[key], value)
        if "calls" in checks[key]
        and (key.split("/")[-1] not in EXTREMES or (is_encoded(key) and context.converts_labels))
    ]
    training = [call for call in made if call.asked["call"] in ("update", "epoch")]
    ended = [call for call in made if observed.field(call.error, "type") == "SystemExit"]
    if ended:
        part.add("exit_call", observed.error_text(ended[0].error))
    methods = next((m for v in values if (m := observed.mapped(observed.field(v, "methods")))), {})
    empty = [name for name in ("update_weight", "train_epoch") if methods.get(name) == "empty"]
    went = [call for call in training if call.error is None]
    moved = any(call.before is None or _differ(call.before, call.after or {}) for call in went)
    missing = any(observed.field(c.error, "type") == "NotImplementedError" for c in training)
    if (not went and missing) or (empty and not moved):
        part.blocked = ("unfinished", f"{(empty or ['training'])[0]} is not written yet")
        return False
    lacking = [c.error for c in training if observed.field(c.error, "type") == "MissingHelper"]
    if lacking:
        part.blocked = ("uncallable", observed.error_text(lacking[0]))
        return False
    whole = [call for call in training if len(call.X) > 1]
    failed = [call for call in training if call.error is not None]
    if went and not (
        whole
        and all(call.error is not None for call in whole)
        and any(call.asked["call"] == "update" for call in failed)
        and methods.get("update_weight") is not None
    ):
        return True
    if ended:
        return False  # exit_call is named
    errors = [call.error for call in training if call.error is not None]
    if not errors:
        part.blocked = ("uncallable", "it has neither update_weight nor train_epoch")
        return False
    error = errors[0]
    text = observed.error_text(error)
    arguments = observed.field(error, "type") == "TypeError" and any(
        words in str(observed.field(error, "message")) for words in ARGUMENT_ERRORS
    )
    if observed.field(error, "type") == "TooLong":
        part.blocked = ("uncallable", f"one step takes too long: {text}")
    elif arguments and observed.field(error, "line") is None:
        part.blocked = ("uncallable", text)
    else:
        part.add(CRASHES[role], f"It says: {text}", {"text": text, "markdown": f"`{text}`"})
    return False


def is_encoded(key):
    return key.endswith("_onehot")


def _differ(before, after):
    return any(
        name not in after or after[name].shape != value.shape or not (after[name] == value).all()
        for name, value in before.items()
    )


# ----------------------------------------------------------------------------------------------
# Deviations


def has_own_bias_column(value):
    layout = observed.mapped(observed.field(value, "layout"))
    return any(observed.field(slot, "extra") for slot in layout.values())


def is_silent_update(value):
    """Whether update_weight is missing or empty, so that it says nothing."""
    return observed.field(value, "methods", "update_weight") != "filled"


def takes_l2(results, asks_for_it):
    """Whether the penalty can be passed to logistic regression: by its name, or (where the edition
    asks for it) by **kwargs.
    """
    value = results.get("logistic_regression/update")
    signature = observed.mapped(observed.field(value, "signature"))
    for method in ("update_weight", "train_epoch", "__init__"):
        for parameter in observed.listed(signature.get(method)):
            if not isinstance(parameter, list) or len(parameter) != 3:
                continue
            name, kind = str(parameter[0]).lower(), parameter[1]
            if asks_for_it and kind == VAR_KEYWORD and method != "__init__":
                return True
            if any(word in name for word in ("l2", "reg", "penalty", "lambda", "lmbd", "decay")):
                return True
    return False


def add_deviations(part, role, checks, results, context):
    """What differs from the skeleton's interface without being a mistake."""
    value = next((results[k] for k in checks if k.startswith(f"{role}/") and k in results), {})
    if observed.field(value, "renamed"):
        part.add("renamed_class")
    layout = observed.mapped(observed.field(value, "layout"))
    if any(observed.field(slot, "transposed") for slot in layout.values()):
        part.add("conv_W_transposed")
    if has_own_bias_column(value):
        part.add("own_bias_column")
    _signature_deviations(part, role, value, context)
    notes = set()
    for key in checks:
        if key.startswith(f"{role}/") and "calls" in checks[key]:
            for call in observed.calls(checks[key], results.get(key)):
                notes |= {str(note) for note in observed.listed(call.raw.get("notes"))}
                if call.raw.get("shuffled"):
                    part.add("own_shuffle")
    if "state_in_train_epoch" in notes:
        part.add("state_in_train_epoch")
    if role != "mlp":
        update = observed.field(value, "methods", "update_weight")
        if update != "filled":
            part.add("no_update_weight")
        elif any(note.startswith("requires") for note in notes):
            part.add("requires_kwargs")
    if role == "logistic_regression":
        initial = observed.field(results.get(f"{role}/initial"), "initial", "W")
        deviation = observed.field(initial, "std")
        if isinstance(deviation, (int, float)) and deviation > 1e-12:
            part.add("lr_random_init")


def _signature_deviations(part, role, value, context):
    """Each with its method and parameters, and only where a call as the skeleton's would fail."""
    model = str(observed.field(value, "class"))
    signature = observed.mapped(observed.field(value, "signature"))
    options = ("learning_rate",) if role == "mlp" else ("learning_rate", "l2_penalty")
    details = {}
    for method, core in SKELETON.items():
        parameters = [
            p
            for p in observed.listed(signature.get(method))
            if isinstance(p, list) and len(p) == 3 and isinstance(p[0], str)
        ]
        if not parameters:
            continue
        if method == "__init__" and role == "mlp":
            core = [*core, "hidden_size"] + (["layers"] if context.edition == "ist-2022" else [])
        kinds = [p[1] for p in parameters]
        named = [p[0] for p in parameters if p[1] not in (VAR_POSITIONAL, VAR_KEYWORD)]
        required = [p[0] for p in parameters if p[0] in named and p[2]]
        if method != "__init__":
            required = [name for name in required if not name.startswith(HYPERPARAMETERS)]
        line = line_of(context.tree, model, method)
        where = f"{model}.{method}" + (f" (line {line})" if line else "")
        missing = [name for name in core if name not in named] if named else []
        others = [n for n in named if n not in core and not n.startswith(HYPERPARAMETERS)]
        said = [f"{name} is called {other}" for name, other in zip(missing, others, strict=False)]
        if VAR_POSITIONAL not in kinds and VAR_KEYWORD not in kinds:
            said += [f"{name} is left out" for name in missing[len(others) :]]
        if said:
            details.setdefault("renamed_param", []).append(f"{where}: {', '.join(said)}.")
        if len(required) > len(core):
            extra = [n for n in required if n not in core][len(missing) :] or required[len(core) :]
            id = {"__init__": "ctor_extra_arg", "predict": "predict_contract"}.get(method)
            sentence = f"{where} needs {' and '.join(extra)}."
            details.setdefault(id or "extra_arg", []).append(sentence)
        refused = [name for name in options if name not in named]
        asked = method in ("update_weight", "train_epoch") and context.edition == "ist-2024"
        if asked and refused and VAR_KEYWORD not in kinds:
            sentence = f"{where} takes no {' and no '.join(refused)}."
            details.setdefault("no_kwargs", []).append(sentence)
    for id, sentences in details.items():
        part.add(id, " ".join(sentences))


# ----------------------------------------------------------------------------------------------
# Where in the script it is


def line_of(tree, name, method=None):
    """The line of a class or function, or of a class's method, looked up in its bases; or None."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = {node.name: node for node in tree.body if isinstance(node, kinds)}
    waiting, seen = [name], set()
    while waiting:
        name = waiting.pop(0)
        node = found.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if method is None:
            return node.lineno
        for child in getattr(node, "body", ()):
            if isinstance(child, ast.FunctionDef) and child.name == method:
                return child.lineno
        waiting += [ast.unparse(base) for base in getattr(node, "bases", ())]
    return None


def add_places(report, tree, name):
    """Say in a part's findings where to look: in the class or function `name` of the script."""
    for finding in report["findings"]:
        id = finding["id"]
        method = "update_weight"
        if id.startswith("predict"):
            method = "predict"
        elif id in ("init_wrong", "bias_init_nonzero"):
            method = "__init__"
        elif id in ("full_batch", "early_return", "one_sample_epoch"):
            method = "train_epoch"
        line = line_of(tree, name, method)
        whole = line_of(tree, name)
        if (
            whole is None
            or finding["severity"] == "deviation"
            or "(line " in finding["explanation"]
        ):
            continue
        place = f"{name}.{method}, line {line}" if line else f"{name}, line {whole}"
        finding["explanation"] += f" See {place}."
