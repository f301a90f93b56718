"""Finds a NumPy model's parameters by their shapes, sets and reads them (part of probe.py; in the child).

A place is a path from the model: attribute names, keys and indices. Weights may be transposed, biases
have any of the shapes (h,), (h, 1), (1, h), or be a further column of the weights; all may lie in
lists, dicts or objects of the submission.
"""

import contextlib
import os
import sys
import types
from itertools import permutations

import numpy as np

CACHES = ("grad", "cache", "prev", "best", "veloc", "moment", "delta", "old_", "dw", "db")
WEIGHTS = ("w", "theta", "coef", "peso")
BIASES = ("b", "vies", "intercept", "offset")
MAX_ARRAYS = 400
MAX_DEPTH = 4
NO_CONTAINERS = (
    *(type(None), str, bytes, int, float, complex, np.generic, np.ufunc, type, types.ModuleType),
    *(types.FunctionType, types.MethodType, types.BuiltinFunctionType),
)


def arrays(model):
    """{path: array} of everything in the model that can be read as an array of numbers."""
    found = {}

    def visit(value, path):
        if len(found) > MAX_ARRAYS or len(path) > MAX_DEPTH + 1:
            return
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "iuf" and value.size:
                found.setdefault(path, value)
            elif value.dtype == object:
                visit(list(value.ravel()[:200]), path)
        elif isinstance(value, (list, tuple, dict)):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            parts = list(parts)[:200]
            for key, part in parts:
                visit(part, (*path, ("item", key)))
            stacked = stack([part for _, part in parts])
            if stacked is not None:
                found.setdefault(path, stacked)
        elif not isinstance(value, NO_CONTAINERS):
            for name, part in attributes(value).items():
                visit(part, (*path, name))

    visit(model, ())
    return found


def attributes(value):
    """{name: value} of an object's attributes; of the submission's own classes slots, properties
    and class attributes too.
    """
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        file = getattr(sys.modules.get(base.__module__), "__file__", None) or ""
        for name, member in vars(base).items() if file.startswith(os.getcwd()) else ():
            if isinstance(member, np.ndarray):
                found.setdefault(name, member)
            elif isinstance(member, (property, types.MemberDescriptorType)) and name not in found:
                with contextlib.suppress(Exception):
                    found[name] = getattr(value, name)
    return found


def stack(parts):
    """Rows of one length, or plain numbers, as an array; None where they are neither."""
    if not parts or not all(
        isinstance(p, (list, np.ndarray, float, int, np.number)) for p in parts
    ):
        return None
    try:
        whole = np.array(parts)
    except ValueError:
        return None
    return whole if whole.dtype.kind in "iuf" and 1 <= whole.ndim <= 2 else None


def follow(model, path):
    """What lies at a path: of attributes, ("item", key) and ("block", start, shape) of a vector."""
    value = model
    for step in path:
        if not isinstance(step, tuple):
            value = getattr(value, step)
        elif step[0] == "item":
            value = value[step[1]]
        else:
            _, start, shape = step
            value = value[start : start + int(np.prod(shape))].reshape(shape)
    return value


def read(model, path):
    """The array at a path; None where there is none any more."""
    try:
        value = follow(model, path)
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            value = stack(list(value))
        if not isinstance(value, (np.ndarray, np.number, float, int)):
            return None
        return np.array(value, dtype=float)
    except Exception:  # noqa: BLE001
        return None


def write(model, path, values):
    """Set the array at a path, in place where that can be, else by a new one."""
    value = follow(model, path)
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value[...] = values.reshape(value.shape)
        return
    if isinstance(value, dict):
        for key, row in zip(list(value), values, strict=True):
            write(model, (*path, ("item", key)), np.asarray(row))
        return
    if isinstance(value, list):
        for index, row in enumerate(values):
            write(model, (*path, ("item", index)), np.asarray(row))
        return
    new = values if isinstance(value, np.ndarray) else float(values)
    owner, step = follow(model, path[:-1]), path[-1]
    if isinstance(step, tuple):
        owner[step[1]] = new
    else:
        setattr(owner, step, new)


def matrix_form(shape, rows, columns):
    """How a matrix of `shape` holds (rows, columns): a dict, or None where it does not."""
    for transposed, (r, c) in ((False, shape), (True, shape[::-1])) if len(shape) == 2 else ():
        if r == rows and c in (columns, columns + 1):
            return {"transposed": transposed, "extra": c - columns}
    return None


def word(path):
    return ".".join(str(p[1] if isinstance(p, tuple) else p) for p in path).lower()


def is_cache(path):
    return any(cache in word(path) for cache in CACHES)


def rank_weight(path):
    parts = word(path).split(".")
    named = any(p.startswith(WEIGHTS) or "weight" in p for p in parts)
    return (is_cache(path), not named, len(path))


def rank_bias(path):
    return (is_cache(path), not looks_like_bias(path), len(path))


def looks_like_bias(path):
    return any(p.startswith(BIASES) or "bias" in p for p in word(path).split("."))


class Layout:
    """Where a model keeps its parameters, found once on a model whose dimensions all differ.

    slots  {name: {"paths", "transposed", "extra"}}, extra 1 with a bias column; of a bias
           {"paths", "size"}
    """

    def __init__(self, slots):
        self.slots = slots

    def at_other_sizes(self, n_classes, n_features, hidden):
        """The same places in a model of other dimensions; None where they lie in one vector."""
        if any(isinstance(s["paths"][0][-1], tuple) and s["paths"][0][-1][0] == "block"
               for s in self.slots.values()):  # fmt: skip
            return None
        sizes = {"b": n_classes, "b1": hidden, "b2": n_classes}
        slots = self.slots.items()
        return Layout({n: {**s, "size": sizes[n]} if n in sizes else s for n, s in slots})

    def write(self, model, name, value):
        """Set a parameter, of its canonical shape; one that cannot be set stays as it is."""
        slot = self.slots[name]
        for path in slot["paths"]:
            with contextlib.suppress(Exception):
                write(model, path, value.T if slot.get("transposed") else value)

    def read(self, model, before=None):
        """{name: canonical array}; a parameter of another shape than it should be as it is."""
        found = {}
        for name, slot in self.slots.items():
            values = [read(model, path) for path in slot["paths"]]
            values = [self.canonical(slot, value) for value in values if value is not None]
            if not values:
                continue
            found[name] = values[0]
            if before is not None and name in before:  # of two names, the one that was rebound
                changed = [v for v in values if not same(v, before[name])]
                found[name] = changed[0] if changed else values[0]
        return found

    @staticmethod
    def canonical(slot, value):
        if "transposed" in slot:
            return value.T if slot["transposed"] and value.ndim == 2 else value
        return value.reshape(-1) if value.size == slot["size"] else value


def same(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)


def linear_layout(model, n_classes, n_features):
    """The layout {"W"[, "b"]} of a linear model; None where no matrix fits."""
    found = arrays(model)
    forms = {path: matrix_form(a.shape, n_classes, n_features) for path, a in found.items()}
    paths = sorted((path for path, form in forms.items() if form), key=rank_weight)
    if not paths:
        return None
    chosen = paths[0]
    slots = {"W": {"paths": aliases(found, chosen, paths), **forms[chosen]}}
    biases = [p for p, a in found.items() if is_vector(a, n_classes) and looks_like_bias(p)]
    biases = sorted((p for p in biases if not inside(p, paths)), key=rank_bias)
    if biases and not forms[chosen]["extra"]:
        slots["b"] = {"paths": aliases(found, biases[0], biases), "size": n_classes}
    return Layout(slots)


def mlp_layout(model, n_classes, n_features, hidden_size):
    """(layout {"W1", "b1", "W2", "b2"}, hidden size found); (None, None) where no pair fits."""
    found = arrays(model)
    shapes = {path: a.shape for path, a in found.items() if a.ndim == 2}
    sizes = [hidden_size] + sorted({s for shape in shapes.values() for s in shape})
    for hidden in sizes:
        if hidden in (1, n_classes, n_features, n_features + 1) and hidden != hidden_size:
            continue
        first = {p: matrix_form(s, hidden, n_features) for p, s in shapes.items()}
        second = {p: matrix_form(s, n_classes, hidden) for p, s in shapes.items()}
        first = {p: f for p, f in first.items() if f}
        second = {p: f for p, f in second.items() if f}
        if not first or not second:
            continue
        slots = {}
        for number, forms, size in ((1, first, hidden), (2, second, n_classes)):
            # Weights are drawn, caches start at zero.
            paths = sorted(forms, key=lambda p: (not found[p].any(), rank_weight(p)))
            chosen = paths[0]
            slots[f"W{number}"] = {"paths": aliases(found, chosen, paths), **forms[chosen]}
            vectors = [p for p, a in found.items() if is_vector(a, size)]
            vectors = [p for p in vectors if not inside(p, list(first) + list(second))]
            near = [p for p in vectors if looks_like_bias(p) or together(p, chosen)]
            near = sorted(near or [p for p in vectors if not is_cache(p)], key=rank_bias)
            if near and not forms[chosen]["extra"]:
                slots[f"b{number}"] = {"paths": aliases(found, near[0], near), "size": size}
        return Layout(slots), hidden
    return flat_layout(found, n_classes, n_features, hidden_size)


def flat_layout(found, n_classes, n_features, hidden):
    """The same where all parameters lie in one vector, in the order in which the biases are zero."""
    shapes = {
        "W1": (hidden, n_features),
        "b1": (hidden,),
        "W2": (n_classes, hidden),
        "b2": (n_classes,),
    }

    def blocks(order):
        """{name: (start, end)}"""
        ends = np.cumsum([np.prod(shapes[name]) for name in order]).tolist()
        return dict(zip(order, zip([0, *ends], ends, strict=False), strict=True))

    def zeros(vector, order):
        places = blocks(order)
        return sum(np.count_nonzero(vector[slice(*places[name])] == 0) for name in ("b1", "b2"))

    for path, vector in found.items():
        if vector.shape == (sum(int(np.prod(shape)) for shape in shapes.values()),):
            order = max(permutations(shapes), key=lambda order: zeros(vector, order))
            slots = {
                name: {"paths": [(*path, ("block", start, shapes[name]))], "size": end - start}
                for name, (start, end) in blocks(order).items()
            }
            for name in ("W1", "W2"):
                slots[name] |= {"transposed": False, "extra": 0}
            return Layout(slots), hidden
    return None, None


def is_vector(array, size):
    return array.size == size and array.shape in ((size,), (size, 1), (1, size))


def inside(path, others):
    """Whether a path lies in one of the others, as a row of a matrix kept as a list of rows."""
    return any(path[: len(other)] == other for other in others)


def together(path, other):
    """Whether two paths lie in one container, or in neighbouring ones of one object."""
    return len(path) == len(other) > 1 and path[0] == other[0]


def aliases(found, chosen, paths):
    """The paths that lead to the same memory as the chosen one, it first."""
    others = [p for p in paths if p != chosen and np.shares_memory(found[p], found[chosen])]
    same_shape = [p for p in others if found[p].shape == found[chosen].shape]
    return [chosen, *same_shape]
