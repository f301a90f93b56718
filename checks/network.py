"""Finds out how a PyTorch network is built from its parameters, outputs and dropouts alone."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from checks import observed
from checks.mistakes_linear import sigmoid
from checks.twins import feedforward, feedforward_gradients, log_softmax, relu, softmax

CLOSE = 3e-4  # float32 outputs, of size 1 to 10
MAX_LAYERS = 4


def by_rows(function):
    return lambda scores: np.array([function(row) for row in scores])


ACTIVATIONS = {
    "relu": relu,
    "tanh": np.tanh,
    "none": lambda z: z,
    "tanh twice": lambda z: np.tanh(np.tanh(z)),
    "sigmoid": sigmoid,
}
SLOPES = {
    "relu": lambda z: (z > 0).astype(float),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "none": np.ones_like,
    "tanh twice": lambda z: (1 - np.tanh(np.tanh(z)) ** 2) * (1 - np.tanh(z) ** 2),
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
}
OUTPUTS = {
    "none": lambda s: s,
    "softmax": by_rows(softmax),
    "sigmoid": sigmoid,
    "log_softmax": by_rows(log_softmax),
    "relu": relu,
    "tanh": np.tanh,
    "tanh twice": lambda z: np.tanh(np.tanh(z)),
    "softmax over the batch": lambda s: by_rows(softmax)(s.T).T,
}


@dataclass(eq=False)
class Parameter:
    name: str
    value: np.ndarray
    registered: bool


@dataclass(eq=False)
class Layer:
    """A linear layer as it was used: W (out, in), b (out,), and the parameters they are."""

    W: np.ndarray
    b: np.ndarray
    weight: Parameter
    bias: Parameter | None
    transposed: bool


@dataclass
class Fit:
    """How a network computes its outputs: its layers in order, activations, what comes last."""

    layers: list
    activations: list
    output: str


def read_parameters(listed):
    found = []
    for item in observed.listed(listed)[:60]:
        value = observed.field(item, "value")
        if value is not None and value.ndim in (1, 2):
            name, registered = str(item.get("name")), bool(item.get("registered"))
            found.append(Parameter(name, value, registered))
    return found


def linear_layers(parameters, n_in, n_out):
    """The ways to read parameters as layers from n_in to n_out units, likely ones first."""
    found = []
    for weight in parameters:
        if weight.value.ndim != 2:
            continue
        shape = weight.value.shape
        if shape == (n_out, n_in):
            found.append(with_bias(weight, parameters, False))
    for weight in parameters:  # where nn.Linear is not used, W may be (in, out)
        may_be = n_in != n_out or not weight.name.endswith("weight")
        if may_be and weight.value.shape == (n_in, n_out):
            found.append(with_bias(weight, parameters, True))
    return found


def with_bias(weight, parameters, transposed):
    """The layer of a weight: its bias is the one of a like name, or the next one in order."""
    W = weight.value.T if transposed else weight.value
    sized = [p for p in parameters if p.value.size == len(W) and is_vector(p.value)]
    stem = weight.name.rpartition(".")[0]
    near = [p for p in sized if p.name.rpartition(".")[0] == stem and stem]
    place = parameters.index(weight)
    later = [p for p in sized if parameters.index(p) > place] or sized
    bias = (near if len(near) == 1 else later or [None])[0]
    b = np.zeros(len(W)) if bias is None else bias.value.ravel()
    return Layer(W, b, weight, bias, transposed)


def is_vector(value):
    return value.ndim == 1 or 1 in value.shape


def close(a, b):
    return a.shape == b.shape and np.abs(a - b).max() <= CLOSE * (1 + np.abs(b).max())


def fit(parameters, X, outputs, activation):
    """The Fit that gives the outputs without dropout, the likeliest of those; None if none does."""
    n_features, n_classes = X.shape[1], outputs.shape[1]
    sizes = sorted({p.value.shape[i] for p in parameters if p.value.ndim == 2 for i in (0, 1)})
    for hidden in sizes:
        found = fit_hidden(parameters, X, outputs, activation, n_features, hidden, n_classes)
        if found is not None:
            return found
    for layer in linear_layers(parameters, n_features, n_classes):
        for name, function in OUTPUTS.items():
            if close(function(X @ layer.W.T + layer.b), outputs):
                return Fit([layer], [], name)
    return None


def fit_hidden(parameters, X, outputs, activation, n_features, hidden, n_classes):
    firsts = linear_layers(parameters, n_features, hidden)
    lasts = linear_layers(parameters, hidden, n_classes)
    if not firsts or not lasts:
        return None
    between = linear_layers(parameters, hidden, hidden)
    for sequence in sequences(firsts, between, lasts):
        for names in activation_choices(len(sequence) - 1, activation):
            functions = [ACTIVATIONS[name] for name in names]
            pairs = [(layer.W, layer.b) for layer in sequence]
            scores, _ = feedforward(pairs, X, functions)
            for output, function in OUTPUTS.items():
                if close(function(scores), outputs):
                    return Fit(sequence, list(names), output)
    return None


def sequences(firsts, between, lasts):
    """Orders in which layers may be used: all once, then fewer, then with repetitions."""
    middles = [list(between)]
    for length in range(MAX_LAYERS):
        for chosen in product(between[:MAX_LAYERS], repeat=length):
            if list(chosen) not in middles:
                middles.append(list(chosen))
    for middle in middles:
        for first in firsts:
            for last in lasts:
                if first is not last:
                    yield [first, *middle, last]


def activation_choices(n, activation):
    """Activations of n hidden layers: all as asked, then all others, then mixed."""
    names = [activation, *[name for name in ACTIVATIONS if name != activation]]
    uniform = [(name,) * n for name in names]
    mixed = [choice for choice in product(names, repeat=n) if choice not in uniform]
    mixed.sort(key=lambda choice: -choice.count(activation))
    return uniform + mixed[:150] if n else [()]


def gradients_agree(fit_, X, weight, gradients, allowed=2e-3):
    """The names of parameters whose gradient is not that of the fitted network."""
    if fit_.output not in ("none",):
        return []
    pairs = [(layer.W, layer.b) for layer in fit_.layers]
    slopes = [SLOPES[name] for name in fit_.activations]
    functions = [ACTIVATIONS[name] for name in fit_.activations]
    expected = {}
    right = feedforward_gradients(pairs, X, weight, slopes, functions)
    for layer, (dW, db) in zip(fit_.layers, right, strict=True):
        dW = dW.T if layer.transposed else dW
        expected[layer.weight.name] = expected.get(layer.weight.name, 0) + dW
        if layer.bias is not None:
            expected[layer.bias.name] = expected.get(layer.bias.name, 0) + db
    wrong = []
    for name, value in expected.items():
        seen = observed.field(gradients, name)
        seen = None if seen is None or seen.size != value.size else seen.reshape(value.shape)
        if seen is None or not np.abs(seen - value).max() <= allowed * (1 + np.abs(value).max()):
            wrong.append(name)
    return wrong


# ----------------------------------------------------------------------------------------------
# Dropout


@dataclass
class Dropouts:
    """Where the dropouts of a pass in training mode stand.

    places      of each: "input", "output", ("before", k) or ("after", k) for hidden layer k
    unplaced    how many fit nowhere
    outputs     what the network gives with them, or None
    """

    places: list
    unplaced: int
    outputs: np.ndarray | None


def place_dropouts(fit_, X, events):
    """Follow the forward pass and match each dropout's input with what it may have been given."""
    waiting = []
    for event in observed.listed(events)[:40]:
        value = observed.field(event, "input")
        mask = observed.field(event, "mask")
        if value is not None:
            waiting.append((value, np.ones_like(value) if mask is None else mask))
    places = []

    def dropped(value, place):
        while waiting and waiting[0][0].shape == value.shape and close(waiting[0][0], value):
            mask = waiting.pop(0)[1]
            value = value * mask
            places.append(place)
        return value

    x = dropped(X, "input")
    for number, layer in enumerate(fit_.layers[:-1]):
        z = x @ layer.W.T + layer.b
        name = fit_.activations[number]
        if name == "none":
            x = dropped(z, ("after", number))
            continue
        before = len(places)
        z = dropped(z, ("before", number))
        if name == "tanh twice":
            x = dropped(np.tanh(z), ("after", number))
            x = np.tanh(x)
        else:
            x = ACTIVATIONS[name](z)
        if len(places) == before or not np.array_equal(x, z):
            x = dropped(x, ("after", number))
    last = fit_.layers[-1]
    scores = x @ last.W.T + last.b
    scores = dropped(scores, "output")
    outputs = OUTPUTS[fit_.output](scores)
    outputs = dropped(outputs, "output")
    return Dropouts(places, len(waiting), outputs)
