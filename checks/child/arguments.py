"""Calls a submission's functions whatever their arguments are named (runs in the child).

An argument is filled by its name where the name tells, else by its place in the skeleton, else by a
plausible guess.
"""

import inspect
import re

import numpy as np

# A pattern of a parameter's name, and what it is, the first that fits.
NAMES = [
    (r"hidden_?(layer_?)?s?_?(size|dim|units|width|features)|n_?hid|^h$|^hidden$|units", "hidden"),
    (r"layer|depth|n_hidden", "layers"),
    (r"class|^k$|n_?labels|^n_?out|^out(put)?s?_?(size|dim|features|units)?$", "n_classes"),
    (r"feat|^d$|^n_?in(put)?s?$|^in(put)?s?_?(size|dim|features|units)?$", "n_features"),
    (r"^(lr|eta|alpha|rate|step|step_?size|learn\w*|l_rate|lrate)$|learning", "learning_rate"),
    (r"l2|reg|(?<!l1_)penalty|lambd|lmbd|decay|^lam$", "l2_penalty"),
    (r"batch_?size", "batch_size"),
    (r"epoch|iter", "epochs"),
    (r"drop|^p$", "dropout"),
    (r"activ|nonlin", "activation"),
    (r"momentum", "zero"),
    (r"seed|random", "seed"),
    (r"mean|mu$|std|sigma|scale", "tenth"),
    (r"verbose|debug|plot|log|shuffle|print", "false"),
    (r"^x|^input|data|image|sample|example", "x"),
    (r"^y|label|target|gold|true", "y"),
    (r"optim", "optimizer"),
    (r"criteri|loss", "criterion"),
    (r"model|net", "model"),
    (r"device", "device"),
]
GUESSES = {
    "layers": 1, "batch_size": 1, "epochs": 1, "zero": 0.0, "seed": 42, "tenth": 0.1,
    "false": False, "activation": "relu", "dropout": 0.0, "learning_rate": 0.5, "l2_penalty": 0.0,
    "device": "cpu", "hidden": 13, "n_classes": 6, "n_features": 9,
}  # fmt: skip


def meaning(name):
    """What a parameter of this name is, a key of GUESSES or such; None where the name is silent."""
    lowered = name.lower()
    for pattern, what in NAMES:
        if re.search(pattern, lowered):
            return what
    return None


def arguments(function, core, known, always=(), guesses=None):
    """(args, kwargs, notes) to call `function` with.

    core   [(meaning, value)] the skeleton's positional arguments, in its order
    known  {meaning: value} of what may be asked for besides
    always names of `known` to pass by the skeleton's keyword where the function takes **kwargs
    guesses {meaning: value} for what is required besides, before GUESSES
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [value for _, value in core], {}, []
    values, notes = {**GUESSES, **(guesses or {}), **known, **dict(core)}, []
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    open_list = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    open_dict = any(p.kind == p.VAR_KEYWORD for p in parameters)
    meanings = [meaning(p.name) for p in positional]
    core_names = [what for what, _ in core]
    in_order = _named_core(meanings, core_names)

    args, kwargs, passed, keyword_from_here = [], {}, set(), False
    waiting = list(core)
    for place, parameter in enumerate(positional):
        what = meanings[place]
        required = parameter.default is parameter.empty
        if waiting and (not in_order or what in core_names):
            chosen = what if in_order else waiting[0][0]
            pair = next((pair for pair in waiting if pair[0] == chosen), waiting[0])
            waiting.remove(pair)
            what, value = pair
        elif what in known:
            value = known[what]
        elif required:
            value = values.get(what, 1)
            notes.append("extra_arg")
        else:
            keyword_from_here = True
            continue
        passed.add(what)
        if keyword_from_here and parameter.kind != parameter.POSITIONAL_ONLY:
            kwargs[parameter.name] = value
        else:
            args.append(value)
        if required and place >= len(core) and what in known:
            notes.append(f"requires {parameter.name}")
    for parameter in parameters:
        if parameter.kind == parameter.KEYWORD_ONLY:
            what = meaning(parameter.name)
            if what in known or parameter.default is parameter.empty:
                kwargs[parameter.name] = values.get(what, 1)
                passed.add(what)
    if open_list and waiting:
        args += [value for _, value in waiting]
        waiting = []
    if open_dict:
        kwargs |= {what: known[what] for what in always if what in known and what not in passed}
    else:
        notes.append("no_kwargs")
    return args, kwargs, notes


def _named_core(meanings, core_names):
    """Whether the parameters' names tell all of the core arguments, each once."""
    return all(meanings.count(name) == 1 for name in core_names)


def call(function, core, known, always=()):
    """Call `function`; (what it returned, notes). A missing key of **kwargs is filled in."""
    args, kwargs, notes = arguments(function, core, known, always)
    for _ in range(6):
        try:
            return function(*args, **kwargs), notes
        except TypeError as error:  # train_epoch hands all it gets to a stricter update_weight
            refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if refused is None or refused[1] not in always or refused[1] not in kwargs:
                raise
            del kwargs[refused[1]]
            notes.append(f"refuses {refused[1]}")
        except KeyError as error:
            name = error.args[0] if error.args else None
            if not isinstance(name, str) or name in kwargs or "no_kwargs" in notes:
                raise
            kwargs[name] = {**GUESSES, **known}.get(meaning(name), 1)
            notes.append(f"requires {name}")
    return function(*args, **kwargs), notes


def described(value, depth=0):
    """What a value is: its kind, shape, dtype and numbers, see checks/sandbox/reply.py."""
    if value is None:
        return {"kind": "none"}
    if type(value).__module__.startswith("torch") and hasattr(value, "detach"):
        found = described(value.detach().cpu().numpy())
        return {**found, "kind": "tensor", "requires_grad": bool(value.requires_grad)}
    if isinstance(value, (bool, np.bool_)):
        return {"kind": "number", "dtype": "bool", "data": numbers(value)}
    if isinstance(value, (int, float, np.number)) and not isinstance(value, complex):
        dtype = value.dtype.kind if isinstance(value, np.generic) else type(value).__name__[0]
        return {"kind": "number", "dtype": dtype, "data": numbers(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.size > 20_000:
            return {"kind": "array", "dtype": value.dtype.kind, "shape": list(value.shape)}
        return {
            "kind": "array",
            "dtype": value.dtype.kind,
            "shape": list(value.shape),
            "data": numbers(value),
        }
    if isinstance(value, (list, tuple)) and depth < 3:
        kind = "list" if isinstance(value, list) else "tuple"
        try:
            whole = np.asarray(value)
            if whole.dtype.kind in "biuf" and 0 < whole.size <= 20_000:
                found = described(whole)
                items = (
                    [described(item, depth + 1) for item in value[:6]] if kind == "tuple" else []
                )
                return {**found, "kind": kind, "items": items}
        except ValueError:  # parts of different lengths
            whole = None
        return {"kind": kind, "items": [described(item, depth + 1) for item in value[:200]]}
    if isinstance(value, dict) and depth < 3:
        items = [described(item, depth + 1) for item in list(value.values())[:50]]
        return {"kind": "dict", "items": items}
    return {"kind": "other", "dtype": type(value).__name__}


def numbers(array):
    """A copy as float64, which later steps do not change."""
    return np.array(array, dtype=float)
