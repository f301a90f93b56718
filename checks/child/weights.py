"""Finds a NumPy model's parameters by their shapes, sets and reads them (runs in the child).

A place is a path from the model: attribute names, keys and indices. Weights may be transposed, biases
have any of the shapes (h,), (h, 1), (1, h), or be a further column of the weights; all may lie in
lists, dicts or objects of the submission.
"""

import numpy as np

CACHES = ("grad", "cache", "prev", "best", "veloc", "moment", "delta", "old_", "dw", "db")
MAX_ARRAYS = 400


def arrays(model):
    """{path: array} of everything in the model that can be read as an array of numbers."""
    found = {}

    def visit(value, path, depth):
        if len(found) > MAX_ARRAYS or depth > 4:
            return
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "iuf" and value.size:
                found[path] = value
            elif value.dtype == object:
                for index, part in enumerate(value.ravel()[:200]):
                    visit(part, (*path, index), depth + 1)
        elif isinstance(value, (list, tuple, dict)):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            parts = list(parts)[:200]
            for key, part in parts:
                visit(part, (*path, ("item", key)), depth + 1)
            stacked = stack([part for _, part in parts])
            if stacked is not None:
                found.setdefault(path, stacked)
        elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
            for name, part in list(vars(value).items()):
                visit(part, (*path, name), depth + 1)

    for name, value in list(vars(model).items()):
        visit(value, (name,), 0)
    for base in type(model).__mro__:
        for name, value in list(vars(base).items()):
            if isinstance(value, np.ndarray) and (name,) not in found:
                visit(value, (name,), 0)
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
    value = model
    for step in path:
        value = value[step[1]] if isinstance(step, tuple) else getattr(value, step)
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


# A slot of the layout is (name, rows, columns); columns None for a bias.


def matrix_form(shape, rows, columns):
    """How a matrix of `shape` holds (rows, columns): a dict, or None where it does not."""
    for transposed, (r, c) in ((False, shape), (True, shape[::-1])) if len(shape) == 2 else ():
        if r == rows and c in (columns, columns + 1):
            return {"transposed": transposed, "extra": c - columns}
    return None


def word(path):
    return ".".join(str(p[1]) if isinstance(p, tuple) else p for p in path).lower()


def rank_weight(path):
    parts = word(path).split(".")
    is_cache = any(cache in part for cache in CACHES for part in parts)
    named = any(part.startswith(("w", "theta", "coef")) or "weight" in part for part in parts)
    return (is_cache, not named, len(path))


def rank_bias(path):
    name = word(path)
    is_cache = any(cache in part for cache in CACHES for part in name.split("."))
    return (is_cache, not looks_like_bias(path), len(path))


def looks_like_bias(path):
    return any(part.startswith("b") or "bias" in part for part in word(path).split("."))


class Layout:
    """Where a model keeps its parameters, found once on a model whose dimensions all differ."""

    def __init__(self, slots):
        self.slots = slots  # name -> {"paths", "transposed", "extra"}; a bias: {"paths"}

    def write(self, model, values):
        """Set the parameters named in `values` (canonical shapes); False where one cannot be."""
        done = True
        for name, value in values.items():
            slot = self.slots.get(name)
            if slot is None:
                done = False
                continue
            value = np.array(value, dtype=float)
            if slot.get("transposed"):
                value = value.T
            for path in slot["paths"]:
                try:
                    write(model, path, value)
                except Exception:  # noqa: BLE001
                    done = False
        return done

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
            near.sort(key=rank_bias)
            if near and not forms[chosen]["extra"]:
                slots[f"b{number}"] = {"paths": aliases(found, near[0], near), "size": size}
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
