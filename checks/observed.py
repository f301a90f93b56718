"""What a child returned, as the judges read it. Its types are those of checks/sandbox/reply.py."""

from dataclasses import dataclass

import numpy as np


def field(value, *names):
    """value[names[0]][names[1]]..., None where something on the way is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def listed(value):
    return value if isinstance(value, list) else []


def mapped(value):
    return value if isinstance(value, dict) else {}


def error_text(error):
    """The last line of an error, with its line in the submission where that is known."""
    kind, message = error["type"][:60], error["message"][:200]
    line = field(error, "line")
    place = f" (line {line})" if line is not None else ""
    return " ".join(f"{kind}: {message}".split()).rstrip(": ") + place


@dataclass
class Call:
    """One call: what was asked, and what came of it.

    asked     the call of the request
    before    {name: array} of the parameters, or None where they were not found
    after     the same after it; a parameter whose shape changed is left out
    returned  the description of what was returned, a dict
    error     a dict, or None
    """

    asked: dict
    before: dict | None
    after: dict | None
    returned: dict
    error: dict | None
    raw: dict

    @property
    def rate(self):
        return self.asked["hyper"]["learning_rate"]

    @property
    def penalty(self):
        return self.asked["hyper"]["l2_penalty"]

    @property
    def X(self):
        return np.atleast_2d(np.array(self.asked["X"] if "X" in self.asked else self.asked["x"]))

    @property
    def y(self):
        return np.atleast_1d(np.array(self.asked["y"]))


def calls(check, value):
    """The calls of a check with what the child said of them."""
    said = listed(field(value, "calls"))
    found = []
    for asked, answer in zip(check["calls"], said, strict=False):
        returned = answer.get("returned", {"kind": "missing"})
        before, after, error = map(answer.get, ("before", "after", "error"))
        found.append(Call(asked, before, after, returned, error, answer))
    return found


def number(described):
    """The one number that a returned value is, if it is one: 3.0, [3.0], array([[3.0]]); or None."""
    found = field(described, "data")
    return float(found.ravel()[0]) if found is not None and found.size == 1 else None


def numbers(described, depth=0):
    """All numbers in a returned value: those of a tuple's items one after the other."""
    data = field(described, "data")
    if data is not None:
        return data.ravel()[:1000].tolist()
    if depth > 3:
        return []
    return [n for item in listed(field(described, "items")) for n in numbers(item, depth + 1)][
        :1000
    ]


def labels(described, n, n_classes, depth=0):
    """(labels (n,), ids of deviations) that a value returned by predict stands for, or (None, []).

    It may be a vector, a column, a list, floats, one-hot rows, probabilities or scores by rows or
    columns, or a tuple that holds one of these.
    """
    kind, found = field(described, "kind"), field(described, "data")
    if found is not None:
        if found.size == 0:
            return None, []
        deviations = []
        if kind == "list":
            deviations.append("predict_list")
        if kind == "tuple":
            deviations.append("predict_contract")
        if found.shape in ((n,), (n, 1), (1, n)):
            if found.ndim > 1 and kind != "tuple":
                deviations.append("predict_contract")
            if field(described, "dtype") == "f":
                deviations.append("predict_float")
            return found.ravel(), deviations
        if found.shape in ((n, n_classes), (n_classes, n)):
            axis = 1 if found.shape == (n, n_classes) else 0
            return found.argmax(axis=axis).astype(float), [*deviations, "predict_contract"]
    if kind in ("tuple", "list", "dict") and depth < 2:
        for item in listed(field(described, "items")):
            found, _ = labels(item, n, n_classes, depth + 1)
            if found is not None:
                return found, ["predict_contract"]
    return None, []
