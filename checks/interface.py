"""What hinders the judging of a part (absent, unfinished, crashes) and how its interface differs."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checks import certificate, observed, source

SKELETON = {
    "__init__": ["n_classes", "n_features"],
    "update_weight": ["x_i", "y_i"],
    "train_epoch": ["X", "y"],
    "predict": ["X"],
}
CRASHES = {"perceptron": "perc_crash", "logistic_regression": "lr_crash", "mlp": "mlp_crash"}
# Checks that may fail in a program that works, which say nothing of whether it is finished.
EXTREMES = ("other", "absent", "huge", "small")
VAR_POSITIONAL, VAR_KEYWORD = 2, 4
ONE_HOT_WORDS = ("onehot", "one_hot", "1hot", "categorical", "binariz", "eye", "hot_encod")
ARGUMENT_ERRORS = ("positional argument", "keyword argument")
HYPERPARAMETERS = ("learning_rate", "l2_penalty", "lr", "eta", "alpha", "reg", "l2")
PENALTY_WORDS = ("l2", "reg", "penalty", "lambda", "lmbd", "decay")


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
        return source.parse(source.read(self.path))

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

    @property
    def returns_in_loop(self):
        """Whether a train_epoch returns inside a loop."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == "train_epoch":
                loops = [n for n in ast.walk(node) if isinstance(n, (ast.For, ast.While))]
                if any(isinstance(n, ast.Return) for loop in loops for n in ast.walk(loop)):
                    return True
        return False


def blocked(part, values, results):
    """Whether a class is absent, unfinished or uncallable for every input; the part says so."""
    load = observed.field(results.get("load"), "error")
    errors = [constructor_error(value) for value in values]
    kinds = [observed.error_type(error) for error in errors]
    if load is not None:
        part.blocked = ("uncallable", observed.error_text(load))
    elif not values:
        part.blocked = ("uncallable", "nothing came back from it")
    elif any(observed.field(value, "absent") for value in values):
        part.blocked = ("absent", "it was not found")
    elif not all(errors):
        return False
    elif "NotImplementedError" in kinds or observed.field(values[0], "constructor_empty"):
        part.blocked = ("unfinished", "the constructor is not written yet")
    elif kinds[0] == "SystemExit":
        part.add("exit_call", "", certificate.crash(errors[0]))
    else:
        part.blocked = ("uncallable", observed.error_text(errors[0]))
    return True


def constructor_error(value):
    return observed.field(value, "constructor_error") or observed.field(value, "error")


def can_be_judged(part, seen, context):
    """False, and the part's verdict, where a model is absent, unfinished or fails for any input."""
    keys = [key for key in seen.checks if key.startswith(f"{seen.role}/")]
    values = [seen.results[key] for key in keys if key in seen.results]
    if blocked(part, values[:1], seen.results):
        return False
    methods = observed.mapped(observed.field(values[0], "methods"))
    if methods.get("__init__") == "empty" and not values[0].get("initial"):
        part.blocked = ("unfinished", "the constructor is not written yet")
        return False

    telling = [
        key
        for key in keys
        if (context.converts_labels or not key.endswith("_onehot"))
        and key.removesuffix("_onehot").split("/")[1] not in EXTREMES
    ]
    made = [
        call for key in telling for call in observed.calls(seen.checks[key], seen.results.get(key))
    ]
    training = [call for call in made if call.asked["call"] in ("update", "epoch")]
    ended = [call for call in made if observed.error_type(call.error) == "SystemExit"]
    if ended:
        text = observed.error_text(ended[0].error)
        part.add("exit_call", text, certificate.crash(ended[0].error, ended[0]))
    failed = [call for call in training if call.error]
    went = [call for call in training if not call.error]
    kinds = {observed.error_type(call.error): call.error for call in failed}
    empty = [name for name in ("update_weight", "train_epoch") if methods.get(name) == "empty"]
    moved = any(call.before is None or differ(call.before, call.after or {}) for call in went)
    if (not went and "NotImplementedError" in kinds) or (empty and not moved):
        part.blocked = ("unfinished", f"{(empty or ['training'])[0]} is not written yet")
        return False
    if "MissingHelper" in kinds:
        part.blocked = ("uncallable", observed.error_text(kinds["MissingHelper"]))
        return False
    whole = [call for call in training if len(call.X) > 1]
    never_whole = (
        whole
        and all(call.error for call in whole)
        and any(call.asked["call"] == "update" for call in failed)
        and methods.get("update_weight") is not None
    )
    if went and not never_whole:
        return True
    if not ended:
        say_why_training_fails(part, seen.role, failed)
    return False


def say_why_training_fails(part, role, failed):
    """The verdict on a model whose training fails for any input, by the first error."""
    if not failed:
        part.blocked = ("uncallable", "it has neither update_weight nor train_epoch")
        return
    error, text = failed[0].error, observed.error_text(failed[0].error)
    by_arguments = observed.error_type(error) == "TypeError" and any(
        words in str(observed.field(error, "message")) for words in ARGUMENT_ERRORS
    )
    if observed.error_type(error) == "TooLong":
        part.blocked = ("uncallable", f"one step takes too long: {text}")
    elif by_arguments and observed.field(error, "line") is None:
        part.blocked = ("uncallable", text)
    else:
        part.add(CRASHES[role], f"It says: {text}", certificate.crash(error, failed[0]))


def differ(before, after):
    return any(
        name not in after or after[name].shape != value.shape or not (after[name] == value).all()
        for name, value in before.items()
    )


# ----------------------------------------------------------------------------------------------
# Deviations


def is_silent_update(value):
    """Whether update_weight is missing or empty, so that it says nothing."""
    return observed.field(value, "methods", "update_weight") != "filled"


def takes_l2(seen, asks_for_it):
    """Whether the penalty can be passed to logistic regression: by its name, or (where the edition
    asks for it) by **kwargs.
    """
    signature = observed.mapped(observed.field(seen.result("update"), "signature"))
    return any(
        any(word in name.lower() for word in PENALTY_WORDS)
        or (asks_for_it and kind == VAR_KEYWORD and method != "__init__")
        for method in ("update_weight", "train_epoch", "__init__")
        for name, kind, _ in signature.get(method, ())
    )


def add_deviations(part, seen, context):
    """What differs from the skeleton's interface without being a mistake."""
    keys = [key for key in seen.checks if key.startswith(f"{seen.role}/")]
    value = next((seen.results[key] for key in keys if key in seen.results), {})
    layout = observed.mapped(observed.field(value, "layout"))
    calls = [
        call for key in keys for call in observed.calls(seen.checks[key], seen.results.get(key))
    ]
    notes = {str(note) for call in calls for note in observed.listed(call.raw.get("notes"))}
    update = observed.field(value, "methods", "update_weight")
    start = observed.field(seen.result("initial"), "initial", "W", "std")
    linear = seen.role != "mlp"
    found = {
        "renamed_class": observed.field(value, "renamed"),
        "conv_W_transposed": any(observed.field(s, "transposed") for s in layout.values()),
        "own_bias_column": bool(seen.with_column),
        "own_shuffle": any(call.raw.get("shuffled") for call in calls),
        "state_in_train_epoch": "state_in_train_epoch" in notes,
        "no_update_weight": linear and update != "filled",
        "requires_kwargs": linear
        and update == "filled"
        and any(note.startswith("requires") for note in notes),
        "lr_random_init": seen.role == "logistic_regression"
        and isinstance(start, float)
        and start > 1e-12,
        **signature_deviations(seen.role, value, context),
    }
    for id, there in found.items():
        if there:
            part.add(id)


def signature_deviations(role, value, context):
    """{id: True} of how the methods' parameters differ from the skeleton's."""
    found = {}
    signature = observed.mapped(observed.field(value, "signature"))
    for method, names in SKELETON.items():
        parameters = signature.get(method)  # [[name, kind, whether it is required]]
        if not parameters:
            continue
        if method == "__init__" and role == "mlp":
            names = [*names, "hidden_size"] + ["layers"] * (context.edition == "ist-2022")
        named = [p for p in parameters if p[1] not in (VAR_POSITIONAL, VAR_KEYWORD)]
        required = [name for name, _, is_required in named if is_required]
        spare = [name for name in required if not name.startswith(HYPERPARAMETERS)]
        if method == "__init__":
            found["ctor_extra_arg"] = len(required) > len(names)
        elif len(spare) > len(names):
            found["predict_contract" if method == "predict" else "extra_arg"] = True
        if named and not set(names) <= {p[0] for p in named}:
            found["renamed_param"] = True
        asked = method in ("update_weight", "train_epoch") and context.edition == "ist-2024"
        if asked and all(kind != VAR_KEYWORD for _, kind, _ in parameters):
            found["no_kwargs"] = True
    return found
