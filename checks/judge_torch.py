"""Judges Question 2: logistic regression, the feedforward network and train_batch, in PyTorch."""

import numpy as np

from checks import certificate_torch as certificate
from checks import experiments_torch, network, observed
from checks.certificate import said
from checks.verdict import Part


def blocked(part, values, results):
    """Whether a class is absent, unfinished or uncallable for every input."""
    load = observed.field(results.get("load"), "error")
    if load is not None:
        part.blocked = ("uncallable", observed.error_text(load))
    elif "torch is not installed" in observed.listed(observed.field(results.get("load"), "notes")):
        part.blocked = ("uncallable", "torch is not installed")
    elif not values:
        part.blocked = ("uncallable", "nothing came back from it")
    elif any(observed.field(value, "absent") for value in values):
        part.blocked = ("absent", "it was not found")
    else:
        errors = [constructor_error(value) for value in values]
        if all(errors):
            if any(observed.field(value, "constructor_empty") for value in values) or any(
                observed.field(error, "type") == "NotImplementedError" for error in errors
            ):
                part.blocked = ("unfinished", "the constructor is not written yet")
            else:
                part.blocked = ("uncallable", observed.error_text(errors[0]))
    return part.blocked is not None


def constructor_error(value):
    return observed.field(value, "constructor_error") or observed.field(value, "error")


def forward_error(value):
    return observed.field(value, "eval", "error")


def outputs_of(value, mode="eval"):
    """The outputs (batch, classes) of a forward pass; None where they are not that."""
    found = observed.field(value, mode, "outputs")
    if observed.field(found, "kind") in ("tuple", "list"):
        found = next(iter(observed.listed(found.get("items"))), None) or found
    data = observed.field(found, "data")
    if data is not None and data.ndim == 2 and np.isfinite(data).all():
        return data
    return None


def fitted(check, value):
    """(Fit or None, parameters, X) of one configuration."""
    X = np.array(check["X"])
    parameters = network.read_parameters(observed.field(value, "parameters"))
    outputs = outputs_of(value)
    if outputs is None or len(outputs) != len(X):
        return None, parameters, X
    return network.fit(parameters, X, outputs, check.get("activation", "relu")), parameters, X


def add_output(part, name):
    """What comes after the last layer, where nothing should."""
    if name in ("softmax", "softmax over the batch"):
        part.add("softmax_before_ce", "", certificate.softmax_twice())
    elif name == "sigmoid":
        part.add("sigmoid_before_ce", "", certificate.sigmoid_before())
    elif name in ("relu", "tanh", "tanh twice"):
        part.add("activation_on_output", "", certificate.activation_on_output(name))
    elif name == "log_softmax":
        part.notes.append(
            "the model ends in log_softmax, which changes nothing for CrossEntropyLoss"
        )


def judge_linear(checks, results):
    """The Part of the logistic regression."""
    part, key = Part(), "torch_logistic_regression/forward"
    value = results.get(key)
    if blocked(part, [value] if value is not None else [], results):
        return part
    error = forward_error(value)
    if error is not None:
        if observed.field(error, "type") == "NotImplementedError":
            part.blocked = ("unfinished", "forward is not written yet")
        elif any(not observed.listed(observed.field(value, "parameters")) for _ in "1"):
            part.blocked = ("unfinished", "the model has no parameters")
        else:
            text = observed.error_text(error)
            part.add("torch_lr_crash", f"It says: {text}", said(text))
        return part
    found, _, X = fitted(checks[key], value)
    if found is None or len(found.layers) != 1:
        if observed.field(value, "eval", "outputs", "kind") == "none":
            part.blocked = ("unfinished", "forward returns nothing")
            return part
        part.unknown.append(("The outputs are not W x + b with the model's own W and b.", None))
        return part
    add_output(part, found.output)
    common(part, value, found, checks[key], X)
    if found.layers[0].bias is None:
        part.unknown.append(("The model has no bias: its outputs are W x.", None))
    if found.layers[0].transposed:
        part.add("conv_W_transposed")
    other = results.get("torch_logistic_regression/initial")
    judge_other_classes(part, other)
    initial = observed.listed(observed.field(other, "initial"))
    matrices = [each for each in initial if len(observed.listed(observed.field(each, "shape"))) > 1]
    deviations = [observed.field(each, "std") for each in matrices]
    if any(isinstance(d, (int, float)) and (d < 1e-9 or d > 0.5) for d in deviations):
        part.add("conv_init_unscaled")
    return part


def judge_other_classes(part, value):
    """Whether a model made for another number of classes is one for that number."""
    error = observed.field(value, "constructor_error")
    shapes = [
        observed.listed(observed.field(each, "shape"))
        for each in observed.listed(observed.field(value, "initial"))
    ]
    fixed = shapes and not any(experiments_torch.OTHER_CLASSES in shape for shape in shapes)
    if error is not None or fixed:
        part.add("hardcoded_n_classes", observed.error_text(error) if error else "")


def common(part, value, found, check, X):
    """What holds for each module: its class's name, what is registered, its gradients."""
    if observed.field(value, "renamed"):
        part.add("renamed_class")
    if "extra_arg" in observed.listed(observed.field(value, "constructor_notes")):
        part.add("ctor_extra_arg")
    if observed.field(value, "module_parameter_list"):
        part.add("parameterlist_of_modules")
    used = [p for layer in found.layers for p in (layer.weight, layer.bias) if p is not None]
    if not all(p.registered for p in used):
        hidden = sorted({p.name for p in used if not p.registered})
        part.add("params_not_registered", f"({', '.join(hidden[:6])})", certificate.unregistered())
        return
    gradients = observed.field(value, "eval", "gradients")
    weight = np.array(check["weight"])
    if weight.shape == (len(X), found.layers[-1].W.shape[0]):
        if observed.field(value, "eval", "outputs", "requires_grad") is False:
            part.unknown.append(("The outputs carry no gradient: nothing can be trained.", None))
        elif gradients is not None:
            wrong = network.gradients_agree(found, X, weight, gradients)
            if wrong:
                part.unknown.append((f"The gradient of {wrong[0]} is not the right one.", None))


# ----------------------------------------------------------------------------------------------
# The feedforward network


def judge_network(checks, results):
    """The Part of the feedforward network."""
    part = Part()
    keys = {(layers, name): f"torch_mlp/{layers}/{name}"
            for layers in experiments_torch.LAYERS for name in experiments_torch.ACTIVATIONS}  # fmt: skip
    values = {at: results[key] for at, key in keys.items() if key in results}
    if blocked(part, list(values.values()), results):
        return part
    errors = {at: constructor_error(v) or forward_error(v) for at, v in values.items()}
    if all(errors.values()):
        first = next(iter(errors.values()))
        if any(observed.field(e, "type") == "NotImplementedError" for e in errors.values()):
            part.blocked = ("unfinished", "forward is not written yet")
        elif not any(observed.listed(observed.field(v, "parameters")) for v in values.values()):
            part.blocked = ("unfinished", "the model has no parameters")
        else:
            part.blocked = ("uncallable", observed.error_text(first))
        return part
    fits = {at: fitted(checks[keys[at]], value) for at, value in values.items() if not errors[at]}
    judge_tanh(part, errors, values)
    judge_other_classes(part, results.get("torch_mlp/other"))
    judge_depth(part, fits, errors)
    for at, (found, _, X) in fits.items():
        if found is None:
            if observed.field(values[at], "eval", "outputs", "kind") == "none":
                part.blocked = ("unfinished", "forward returns nothing")
                return part
            part.unknown.append(
                (f"layers={at[0]}, {at[1]}: no known network gives the outputs.", None)
            )
            continue
        judge_activations(part, at, found)
        judge_dropout(part, at, found, X, values[at], checks[keys[at]])
        common(part, values[at], found, checks[keys[at]], X)
        judge_sizes(part, found, checks[keys[at]])
    return part


def judge_tanh(part, errors, values):
    relu = [at for at, error in errors.items() if at[1] == "relu" and not error]
    tanh = [at for at in errors if at[1] == "tanh"]
    failed = [at for at in tanh if errors[at] and (at[0], "relu") in relu]
    if failed and len(failed) == len([at for at in tanh if (at[0], "relu") in relu]):
        text = observed.error_text(errors[failed[0]])
        part.add("tanh_unsupported", f"It says: {text}", said(text))


def judge_depth(part, fits, errors):
    """The number of hidden layers used for layers=1, 2, 3."""
    used, shared = {}, False
    for (layers, _), (found, _, _) in fits.items():
        if found is not None:
            middle = [layer.weight.name for layer in found.layers[1:-1]]
            used.setdefault(layers, len(found.layers) - 1)
            shared |= len(set(middle)) < len(middle)
    failed = {at[0]: error for at, error in errors.items() if error and at[1] == "relu"}
    if shared:
        part.add("shared_hidden_layer", "", certificate.depth(used))
    if len(used) < 2:
        if failed:
            add_limited(part, used, failed)
        return
    wrong = {layers: count - layers for layers, count in used.items() if count != layers}
    if not wrong:
        if failed:
            add_limited(part, used, failed)
        return
    deep = {layers: count - layers for layers, count in used.items() if layers >= 2}
    if len(set(used.values())) == 1 and len(used) == 3:
        part.add("layers_ignored", f"It is {used[1]} always.", certificate.depth(used))
    elif deep and set(deep.values()) == {1}:
        part.add("layers_plus_one", "", certificate.depth(used))
    elif deep and set(deep.values()) == {-1}:
        part.add("layers_minus_one", "", certificate.depth(used))
    elif len(set(used.values())) == 1:
        part.add("layers_ignored", "", certificate.depth(used))
    elif any(count == layers for layers, count in used.items()):
        add_limited(part, used, failed)
    else:
        part.unknown.append((f"Hidden layers for layers=1, 2, 3: {used}", None))


def add_limited(part, used, failed):
    said = [f"layers={k} fails: {observed.error_text(error)}" for k, error in failed.items()]
    part.add("layers_limited", "; ".join(said), certificate.depth(used))


def judge_activations(part, at, found):
    layers, asked = at
    add_output(part, found.output)
    for number, name in enumerate(found.activations):
        place = f"It is so in hidden layer {number + 1} for layers={layers}, {asked}."
        if name == "none":
            part.add("activation_missing", place, certificate.activation(asked, name))
        elif name == "tanh twice":
            part.add("activation_twice", place, certificate.activation(asked, name))
        elif name != asked and name in ("relu", "tanh"):
            part.add("activation_ignored", place, certificate.activation(asked, name))
        elif name != asked:
            part.unknown.append((f"The activation is {name}, not {asked}.", None))


def judge_dropout(part, at, found, X, value, check):
    """Where dropout stands in training, and that it is off in evaluation."""
    layers, _ = at
    quiet = observed.listed(observed.field(value, "eval", "events"))
    on = [e for e in quiet if observed.field(e, "training") and observed.field(e, "p") != 0]
    if on or observed.field(value, "chance", "eval"):
        part.add("dropout_in_eval", "", certificate.dropout_in_evaluation())
    events = observed.listed(observed.field(value, "train", "events"))
    if not events and observed.field(value, "chance", "train"):
        part.notes.append("dropout is made by hand; where it stands was not looked at")
        return
    rates = {observed.field(e, "p") for e in events if observed.field(e, "training")}
    if rates - {check["dropout"]}:
        part.unknown.append((f"The dropout used is {rates}, not {check['dropout']}.", None))
        return
    if any(not observed.field(event, "training") for event in events):
        events = [event for event in events if observed.field(event, "training")]
    placed = network.place_dropouts(found, X, events)
    if placed.unplaced:
        part.notes.append(f"layers={layers}: a dropout was found that fits nowhere")
        return
    hidden = len(found.layers) - 1
    without = [k for k in range(hidden) if not {("after", k), ("before", k)} & set(placed.places)]
    shifted = "input" in placed.places and without == [hidden - 1]  # one before each layer
    if without and not shifted:
        names = ", ".join(str(k + 1) for k in without)
        said = f"For layers={layers} it is missing after hidden layer {names}."
        part.add("dropout_missing_hidden", said, certificate.dropout_places(hidden, placed.places))
    for place, id in (("input", "dropout_on_input"), ("output", "dropout_on_output")):
        if place in placed.places:
            part.add(id, "", certificate.dropout_places(hidden, placed.places))
    if any(place[0] == "before" for place in placed.places if isinstance(place, tuple)):
        part.add("dropout_before_activation", "", certificate.dropout_places(hidden, placed.places))


def judge_sizes(part, found, check):
    n_classes, _, hidden = check["dims"]
    if len(found.layers) > 1 and len(found.layers[0].W) != hidden:
        part.add("hardcoded_hidden_size", f"It is {len(found.layers[0].W)}.")
    if len(found.layers[-1].W) != n_classes:
        part.add("hardcoded_n_classes", f"It is {len(found.layers[-1].W)}.")
