"""Runs one check on a NumPy model of the submission (runs in the child).

A check is {"role", "dims": [n_classes, n_features, hidden_size], "calls": [...]}. All of its calls go
to one model; each may first set the parameters, and reports them before and after.
"""

import ast

import numpy as np

from . import arguments as calls
from . import load as loading
from . import weights
from .limits import TooLong, described_error, time_limit

CORE = {"learning_rate": 0.5, "l2_penalty": 0.0}


def run_check(loaded, check):
    role = check["role"]
    cls, renamed = loading.find_class(loaded, role)
    if cls is None:
        return loading.not_found(loaded, role)
    value = {
        "class": cls.__name__,
        "renamed": renamed,
        "methods": methods(loaded, cls),
        "signature": signatures(cls),
    }
    empty = value["methods"].get("__init__") == "empty"
    hyper = {**CORE, **check.get("hyper", {})}
    try:
        np.random.seed(check.get("seed", 42))
        model, notes = build(loaded, cls, role, check["dims"], hyper)
    except BaseException as error:
        if isinstance(error, TooLong):
            raise
        return {**value, "constructor_error": described_error(error), "constructor_empty": empty}
    value["constructor_notes"] = notes
    player = Player(loaded, cls, role, model, check["dims"], hyper)
    player.make_layout()
    value["initial"] = player.reading(brief=check.get("brief", False))
    value["calls"] = [player.play(step) for step in check["calls"]]
    value["layout"] = player.layout_report()
    value["hidden_size"] = player.hidden
    return value


def methods(loaded, cls):
    """{method: "filled" or "empty"} of those the class has."""
    found = {}
    for name in ("__init__", "update_weight", "train_epoch", "predict", "evaluate"):
        source = loading.source_of(loaded, cls, name)
        if hasattr(cls, name):
            found[name] = "empty" if source is not None and loading.is_empty(source) else "filled"
            if name == "train_epoch" and source is not None:
                found["returns_in_loop"] = any(
                    isinstance(part, ast.Return)
                    for loop in ast.walk(source)
                    if isinstance(loop, (ast.For, ast.While))
                    for part in ast.walk(loop)
                )
    return found


def signatures(cls):
    found = {}
    for name in ("__init__", "update_weight", "train_epoch", "predict"):
        try:
            parameters = calls.inspect.signature(getattr(cls, name)).parameters.values()
        except (AttributeError, TypeError, ValueError):
            continue
        found[name] = [[p.name, int(p.kind), p.default is p.empty] for p in parameters][1:]
    return found


def build(loaded, cls, role, dims, hyper):
    """(model, notes): the class's constructor called as the skeleton calls it, or as it can be."""
    n_classes, n_features, hidden = dims
    core = [("n_classes", n_classes), ("n_features", n_features)]
    if role == "mlp":
        core.append(("hidden", hidden))
    known = {"layers": 1}
    if takes_from_main(loaded, cls, core):
        known |= hyper
    attempts = [known, {**known, "hidden": [hidden]}, {**known, **hyper}]
    first = None
    for attempt in attempts:
        own_core = [(what, attempt.get(what, value)) for what, value in core]
        try:
            args, kwargs, notes = calls.arguments(cls, own_core, attempt, guesses=hyper)
            return cls(*args, **kwargs), notes
        except Exception as error:  # noqa: BLE001
            first = first or error
    try:
        return cls(*[value for _, value in core]), []
    except Exception:  # noqa: BLE001
        raise first from None


def takes_from_main(loaded, cls, core):
    """Whether the script itself gives the constructor more than the skeleton does."""
    for node in ast.walk(loaded.tree):
        called = isinstance(node, ast.Call) and getattr(node.func, "id", None) == cls.__name__
        if called and len(node.args) + len(node.keywords) > len(core):
            return True
    return False


def kept_hyperparameters(loaded, cls, role, model):
    """{attribute: meaning} of hyperparameters that the program gives to the constructor.

    They are set for each call, as if the model had been made for it; but not those that its methods
    take as arguments of their own, which are the ones that count.
    """
    given = takes_from_main(loaded, cls, [None] * (3 if role == "mlp" else 2))
    taken = set()
    for parameter in calls.inspect.signature(cls).parameters.values():
        if given or parameter.default is parameter.empty:
            taken.add(calls.meaning(parameter.name))
    for method in ("update_weight", "train_epoch"):
        taken -= {calls.meaning(str(p[0])) for p in signatures(cls).get(method, ())}
    return {
        name: calls.meaning(name)
        for name, value in vars(model).items()
        if isinstance(value, (int, float))
        and calls.meaning(name) in taken & {"learning_rate", "l2_penalty"}
    }


class Player:
    """One model, the places of its parameters, and the calls made to it."""

    def __init__(self, loaded, cls, role, model, dims, hyper):
        self.loaded, self.cls, self.role, self.model = loaded, cls, role, model
        self.dims, self.hyper, self.hidden, self.layout = dims, hyper, dims[2], None
        self.kept_hyper = kept_hyperparameters(loaded, cls, role, model)

    def make_layout(self):
        """Find the parameters: on this model, or as they were found on one of clearer dimensions."""
        n_classes, n_features, hidden = self.dims
        key = (self.cls, self.role)
        if len({n_classes, n_features, hidden}) == 3 and min(self.dims) > 2:
            if self.role == "mlp":
                self.layout, found = weights.mlp_layout(self.model, n_classes, n_features, hidden)
                self.hidden = found or hidden
            else:
                self.layout = weights.linear_layout(self.model, n_classes, n_features)
            if self.layout is not None:
                self.loaded.cache.setdefault(key, self.layout)
        else:
            known = self.loaded.cache.get(key)
            if known is not None:
                sizes = {"b": n_classes, "b1": hidden, "b2": n_classes}
                slots = {
                    name: {**slot, "size": sizes[name]} if name in sizes else slot
                    for name, slot in known.slots.items()
                }
                self.layout = weights.Layout(slots)

    def layout_report(self):
        if self.layout is None:
            return None
        return {
            name: {
                "path": weights.word(slot["paths"][0]),
                "transposed": slot.get("transposed", False),
                "extra": slot.get("extra", 0),
            }
            for name, slot in self.layout.slots.items()
        }

    def reading(self, before=None, brief=False):
        """The parameters; of many numbers (brief) what sums them up."""
        if self.layout is None:
            self.make_layout()
        if self.layout is None:
            return None
        found = self.layout.read(self.model, before)
        if not brief:
            return {name: calls.numbers(value) for name, value in found.items()}
        return {name: summary(value) for name, value in found.items()}

    def play(self, step):
        """One call: {"set", "before", "after", "returned"} or {"error"}."""
        said = {}
        if "set" in step:
            said["set"] = self.set(step["set"])
        before = self.layout.read(self.model) if self.layout is not None else None
        if before is not None:
            said["before"] = {name: calls.numbers(value) for name, value in before.items()}
        hyper = {**self.hyper, **step.get("hyper", {})}
        for name, what in self.kept_hyper.items():
            setattr(self.model, name, hyper[what])
        loading.shuffles.clear()
        overtime = (self.role, step["call"], "overtime")
        try:
            if self.loaded.cache.get(overtime, 0) > 1:
                raise TooLong("like the calls before it, this one would take too long")
            with time_limit(step.get("seconds", 5)), np.errstate(all="ignore"):
                said |= getattr(self, step["call"])(step, hyper)
        except BaseException as error:  # noqa: BLE001
            said["error"] = described_error(error)
            if isinstance(error, TooLong):
                self.loaded.cache[overtime] = self.loaded.cache.get(overtime, 0) + 1
        if loading.shuffles:
            said["shuffled"] = True
        said["after"] = self.reading(before)
        return said

    def set(self, values):
        if self.layout is None:
            return False
        given = {}
        for name, slot in self.layout.slots.items():
            if name not in values:
                continue
            value = np.array(values[name], dtype=float)
            if slot.get("extra"):  # its bias column: the bias given, at the end
                bias = values.get(name.replace("W", "b"), np.zeros(len(value)))
                value = np.hstack([value, np.array(bias, dtype=float).reshape(-1, 1)])
            given[name] = value
        return self.layout.write(self.model, given)

    def update(self, step, hyper):
        """update_weight on one example; where it needs what train_epoch makes, after one epoch."""
        x, y = np.array(step["x"]), label(step["y"])
        core = [("x", x), ("y", y)]
        notes = []
        try:
            returned, notes = self.call("update_weight", core, hyper)
        except AttributeError as error:
            if "update_weight" in str(error) or not hasattr(self.cls, "train_epoch"):
                raise
            self.call("train_epoch", [("x", x[None].copy()), ("y", np.array([y]))], hyper)
            self.set(step.get("set", {}))
            returned, notes = self.call("update_weight", [("x", x.copy()), ("y", y)], hyper)
            notes = [*notes, "state_in_train_epoch"]
        return {"returned": calls.described(returned), "notes": notes}

    def epoch(self, step, hyper):
        X, y = np.array(step["X"]), labels(step["y"], step.get("onehot"))
        returned, notes = self.call("train_epoch", [("x", X), ("y", y)], hyper)
        return {"returned": calls.described(returned), "notes": notes}

    def predict(self, step, hyper):
        """predict on all rows, and on the rows one at a time."""
        X = np.array(step["X"])
        said = {}
        known = {**hyper, "y": np.zeros(len(X), dtype=int)}
        try:
            returned, said["notes"] = self.call("predict", [("x", X.copy())], known)
            said["returned"] = calls.described(returned)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            said["error"] = described_error(error)
        rows = []
        for x in X[: step.get("rows", 0)]:
            try:
                rows.append(calls.described(self.call("predict", [("x", x.copy())], known)[0]))
            except (Exception, SystemExit) as error:  # noqa: BLE001
                rows.append({"error": described_error(error)})
        return {**said, "rows": rows}

    def evaluate(self, step, hyper):
        X, y = np.array(step["X"]), labels(step["y"], step.get("onehot"))
        returned, notes = self.call("evaluate", [("x", X), ("y", y)], hyper)
        return {"returned": calls.described(returned), "notes": notes}

    def call(self, method, core, hyper):
        always = (
            ("learning_rate", "l2_penalty") if method in ("update_weight", "train_epoch") else ()
        )
        if self.role == "mlp":
            always = always[:1]
        known = {
            what: hyper[what] for what in ("learning_rate", "l2_penalty", "y") if what in hyper
        }
        return calls.call(getattr(self.model, method), core, known, always)


def label(y):
    return np.int64(y) if not isinstance(y, list) else np.array(y)


def labels(y, onehot=None):
    y = np.array(y)
    return np.eye(onehot)[y] if onehot else y


def summary(value):
    """Of many weights: how they are distributed."""
    flat = value.ravel()
    mean, deviation = float(flat.mean()), float(flat.std())
    fourth = float(np.mean(((flat - mean) / deviation) ** 4)) if deviation else 0.0
    return {
        "shape": list(value.shape),
        "mean": mean,
        "std": deviation,
        "kurtosis": fourth,
        "min": float(flat.min()),
        "max": float(flat.max()),
        "zeros": int(np.count_nonzero(flat == 0)),
    }
