"""Runs one check on the submission's PyTorch models and train_batch (runs in the child)."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from . import arguments as calls
from . import load as loading
from .limits import TooLong, described_error, time_limit

DROPOUTS = ("dropout", "dropout_", "dropout1d", "alpha_dropout", "feature_alpha_dropout")


def run_check(loaded, check):
    torch.set_num_threads(1)
    if check["role"] == "train_batch":
        return train_batch(loaded, check)
    cls, renamed = loading.find_class(loaded, check["role"], torch_module=True)
    if cls is None:
        return loading.not_found(loaded, check["role"], torch_module=True)
    source = loading.source_of(loaded, cls, "__init__")
    value = {
        "class": cls.__name__,
        "renamed": renamed,
        "constructor_empty": source is not None and loading.is_empty(source),
    }
    try:
        torch.manual_seed(42)
        model, value["constructor_notes"] = build(cls, check)
    except BaseException as error:
        if isinstance(error, TooLong):
            raise
        return {**value, "constructor_error": described_error(error)}
    if check.get("brief"):
        return {**value, "initial": [summary(p) for p in model.parameters()]}
    value["parameters"] = set_parameters(model, check["seed"])
    value["module_parameter_list"] = any(
        isinstance(module, nn.ParameterList) and len(list(module.modules())) > 1
        for module in model.modules()
    )
    for name, run in (("eval", evaluation), ("train", training), ("chance", chance)):
        try:
            with time_limit(10):
                value[name] = run(model, check)
        except BaseException as error:  # noqa: BLE001
            value[name] = {"error": described_error(error)}
    return value


def build(cls, check):
    core = [("n_classes", check["dims"][0]), ("n_features", check["dims"][1])]
    if check["role"] == "mlp":
        core += [
            ("hidden", check["dims"][2]),
            ("layers", check["layers"]),
            ("activation", check["activation"]),
            ("dropout", check["dropout"]),
        ]
    args, kwargs, notes = calls.arguments(cls, core, {})
    try:
        return cls(*args, **kwargs), notes
    except TypeError as error:
        try:
            return cls(*[value for _, value in core]), []
        except TypeError:
            raise error from None


def summary(parameter):
    values = parameter.detach().double().numpy()
    return {
        "shape": list(values.shape),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "max": float(np.abs(values).max()),
    }


def tensors(model):
    """[(name, tensor, registered)] of all parameters, those in plain lists and dicts too."""
    found = [(name, p, True) for name, p in model.named_parameters()]
    seen = {id(p) for _, p, _ in found}
    visited = set()

    def visit(value, name, depth):
        if depth > 4 or id(value) in visited:
            return
        visited.add(id(value))
        if isinstance(value, torch.Tensor):
            if id(value) not in seen and value.is_floating_point() and value.dim() in (1, 2):
                seen.add(id(value))
                found.append((name, value, False))
        elif isinstance(value, nn.Module):
            for inner, p in value.named_parameters():
                visit(p, f"{name}.{inner}", depth + 1)
            for inner, part in vars(value).items():
                if not inner.startswith("_"):
                    visit(part, f"{name}.{inner}", depth + 1)
        elif isinstance(value, (list, tuple)):
            for index, part in enumerate(value[:50]):
                visit(part, f"{name}.{index}", depth + 1)
        elif isinstance(value, dict):
            for key, part in list(value.items())[:50]:
                visit(part, f"{name}.{key}", depth + 1)

    visit(model, "", 0)
    return found


def set_parameters(model, seed):
    """Give every parameter known values and list them."""
    random, listed = np.random.default_rng(seed), []
    with torch.no_grad():
        for name, tensor, registered in tensors(model):
            scale = 1.5 / max(1, tensor.shape[-1]) ** 0.5 if tensor.dim() > 1 else 0.4
            values = np.round(random.normal(0, scale, tuple(tensor.shape)), 3)
            tensor.copy_(torch.tensor(values, dtype=tensor.dtype))
            listed.append(
                {
                    "name": name.lstrip("."),
                    "shape": list(tensor.shape),
                    "value": calls.numbers(tensor.detach().double().numpy()),
                    "registered": registered,
                }
            )
    return listed


class Dropouts(TorchFunctionMode):
    """Notes every dropout inside a forward pass and does it with a mask of its own, or not at all."""

    def __init__(self, neutral):
        super().__init__()
        self.neutral, self.events = neutral, []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in DROPOUTS and (args or "input" in kwargs):
            return self.dropout(func, *args, **kwargs)
        return func(*args, **kwargs)

    def dropout(self, func, input, p=0.5, training=None, inplace=False, train=None):
        if training is None:  # torch.dropout names it train, F.dropout's default is True
            training = True if train is None else train
        event = {"input": calls.numbers(input.detach().double().numpy()), "p": float(p)}
        event["training"] = bool(training)
        self.events.append(event)
        if self.neutral or not training or p <= 0:
            return input * 1
        random = np.random.default_rng(1000 + len(self.events))
        mask = (random.random(tuple(input.shape)) >= p) / max(1 - p, 1e-6)
        event["mask"] = calls.numbers(mask)
        return input * torch.tensor(mask, dtype=input.dtype)


def plain_dropouts(model):
    """Let the submission's own subclasses of nn.Dropout call torch's, where it can be followed."""
    for module in model.modules():
        if isinstance(module, nn.Dropout) and type(module).forward is not nn.Dropout.forward:
            module.forward = lambda x, m=module: functional.dropout(x, m.p, m.training)


def inputs(check):
    return torch.tensor(check["X"], dtype=torch.float32)


def evaluation(model, check):
    """The outputs without dropout, and the gradients of sum(weight * outputs)."""
    plain_dropouts(model)
    model.eval()
    with Dropouts(neutral=True) as mode:
        outputs = model(inputs(check))
    found = {"outputs": calls.described(outputs), "events": mode.events}
    weight = check.get("weight")
    if weight is not None and isinstance(outputs, torch.Tensor) and outputs.requires_grad:
        weight = torch.tensor(weight, dtype=torch.float32)
        if weight.shape == outputs.shape:
            model.zero_grad()
            (outputs * weight).sum().backward()
            found["gradients"] = {
                name.lstrip("."): None if p.grad is None else calls.numbers(p.grad.double().numpy())
                for name, p, _ in tensors(model)
                if p.is_leaf
            }
    return found


def training(model, check):
    """The outputs in training mode, with dropout by masks that are given back."""
    model.train()
    with torch.no_grad(), Dropouts(neutral=False) as mode:
        outputs = model(inputs(check))
    return {"outputs": calls.described(outputs), "events": mode.events}


def chance(model, check):
    """Whether the outputs are random, in training and in evaluation, with nothing replaced."""
    found = {}
    with torch.no_grad():
        for name, mode in (("train", True), ("eval", False)):
            model.train(mode)
            outputs = []
            for seed in range(3):
                torch.manual_seed(seed)
                outputs.append(model(inputs(check)))
            found[name] = any(not torch.equal(outputs[0], other) for other in outputs[1:])
    return found


# ----------------------------------------------------------------------------------------------
# train_batch


class Plain(nn.Module):
    """A model that has nothing but what every module has."""

    def __init__(self, n_classes, n_features):
        super().__init__()
        self.only = nn.Linear(n_features, n_classes)

    def forward(self, x, **kwargs):
        return self.only(x)


def find_train_batch(loaded):
    functions = {n: v for n, v in vars(loaded.module).items() if callable(v)}
    if "train_batch" in functions:
        return functions["train_batch"], False
    for name, function in functions.items():
        if "train" in name.lower() and "batch" in name.lower() and not isinstance(function, type):
            return function, True
    return None, False


def train_batch(loaded, check):
    """Two batches in a row on a plain model; where that fails, one on the submission's own."""
    function, renamed = find_train_batch(loaded)
    if function is None:
        error = loaded.causes.get("train_batch")
        return {"error": error} if error else {"absent": True}
    source = next(
        (
            node
            for node in loading.ast.walk(loaded.tree)
            if isinstance(node, loading.ast.FunctionDef)
            and node.name == getattr(function, "__name__", "")
        ),
        None,
    )
    value = {"renamed": renamed, "empty": source is not None and loading.is_empty(source)}
    n_classes, n_features = check["dims"][:2]
    model = Plain(n_classes, n_features)
    with torch.no_grad():
        model.only.weight.copy_(torch.tensor(check["W"]))
        model.only.bias.copy_(torch.tensor(check["b"]))
    value["steps"] = []
    try:
        play(function, model, check, value, list(model.parameters()))
    except BaseException as error:  # noqa: BLE001
        value["error"] = described_error(error)
        value["own_model"] = with_own_model(loaded, function, check)
    return value


class Descent:
    """Plain gradient descent. The first use of torch.optim's takes seconds, for what it imports."""

    def __init__(self, parameters, rate):
        self.param_groups = [{"params": list(parameters), "lr": rate, "weight_decay": 0.0}]
        self.defaults, self.state = {"lr": rate, "weight_decay": 0.0}, {}

    def zero_grad(self, set_to_none=True):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    def step(self, closure=None):
        loss = None if closure is None else closure()
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                if parameter.grad is not None:
                    parameter -= self.param_groups[0]["lr"] * parameter.grad
        return loss


def criterion_of(name):
    if name == "sum":
        return nn.CrossEntropyLoss(reduction="sum")
    return nn.CrossEntropyLoss()


def play(function, model, check, value, parameters):
    optimizer = Descent(model.parameters(), check["rate"])
    known = {"device": "cpu", **check.get("more", {})}
    for X, y in check["batches"]:
        core = [
            ("x", torch.tensor(X, dtype=torch.float32)),
            ("y", torch.tensor(y)),
            ("model", model),
            ("optimizer", optimizer),
            ("criterion", criterion_of(check["criterion"])),
        ]
        with time_limit(10):
            returned, notes = calls.call(function, core, known, tuple(check.get("more", {})))
        step = {"returned": calls.described(returned), "notes": notes}
        step["after"] = [calls.numbers(p.detach().double().numpy()) for p in parameters]
        value["steps"].append(step)


def with_own_model(loaded, function, check):
    cls, _ = loading.find_class(loaded, "logistic_regression", torch_module=True)
    if cls is None:
        return None
    value = {"steps": []}
    try:
        model, _ = build(cls, {**check, "role": "logistic_regression"})
        play(function, model, check, value, list(model.parameters()))
    except BaseException as error:  # noqa: BLE001
        return {"error": described_error(error)}
    return {"works": True, "returned": value["steps"][0]["returned"]}
