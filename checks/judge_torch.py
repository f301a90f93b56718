"""Judges Question 2: logistic regression, the feedforward network and train_batch, in PyTorch."""

import numpy as np

from checks import certificate, experiments_torch, network, observed
from checks.twins import batch_step, mean_cross_entropy, softmax
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
    data = observed.array(observed.field(found, "data"))
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
        part.notes.append("the model ends in log_softmax, which changes nothing for CrossEntropyLoss")


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
            part.add("torch_lr_crash", f"It says: {text}", certificate.said(text))
        return part
    found, parameters, X = fitted(checks[key], value)
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
    initial = observed.listed(
        observed.field(results.get("torch_logistic_regression/initial"), "initial")
    )
    deviations = [observed.field(each, "std") for each in initial if len(each.get("shape", ())) > 1]
    if any(isinstance(d, (int, float)) and (d < 1e-9 or d > 0.5) for d in deviations):
        part.add("conv_init_unscaled")
    return part


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
    judge_depth(part, fits, errors)
    for at, (found, _, X) in fits.items():
        if found is None:
            if observed.field(values[at], "eval", "outputs", "kind") == "none":
                part.blocked = ("unfinished", "forward returns nothing")
                return part
            part.unknown.append((f"layers={at[0]}, {at[1]}: no known network gives the outputs.", None))
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
        part.add("tanh_unsupported", f"It says: {text}", certificate.said(text))


def judge_depth(part, fits, errors):
    """The number of hidden layers used for layers=1, 2, 3."""
    used, shared = {}, False
    for (layers, _), (found, _, _) in fits.items():
        if found is not None:
            middle = [layer.weight.name for layer in found.layers[1:-1]]
            used.setdefault(layers, len(found.layers) - 1)
            shared |= len(set(middle)) < len(middle)
    failed = {
        at[0]: error for at, error in errors.items() if error and at[1] == "relu"
    }
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
    layers, asked = at
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
    if without:
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


# ----------------------------------------------------------------------------------------------
# train_batch


def summed_cross_entropy(logits, y):
    loss, error = mean_cross_entropy(logits, y)
    return loss * len(y), error * len(y)


def softmax_first(criterion):
    """The criterion after a softmax that should not be there."""

    def loss_and_error(logits, y):
        p = np.array([softmax(row) for row in logits])
        loss, error = criterion(p, y)
        return loss, p * (error - (error * p).sum(axis=1, keepdims=True))

    return loss_and_error


def judge_train_batch(checks, results):
    """The Part of train_batch."""
    part, key = Part(), "torch_train_batch/mean"
    value = results.get(key)
    if blocked(part, [value] if value is not None else [], results):
        if part.blocked[0] != "uncallable" or observed.field(value, "steps") is None:
            return part
        part.blocked = None
    error = observed.field(value, "error")
    if error is not None:
        if observed.field(error, "type") == "NotImplementedError":
            part.blocked = ("unfinished", "train_batch is not written yet")
        elif observed.field(value, "own_model", "works"):
            text = observed.error_text(error)
            part.add("tb_needs_model_attrs", f"It says: {text}", certificate.said(text))
            returned = observed.field(value, "own_model", "returned")
            if observed.field(returned, "kind") == "tensor":
                part.add("loss_tensor_returned", "", certificate.tensor_returned())
        else:
            part.blocked = ("uncallable", observed.error_text(error))
        return part
    if observed.field(value, "empty"):
        part.blocked = ("unfinished", "train_batch is not written yet")
        return part
    mean = train_steps(checks[key], value)
    other = train_steps(checks["torch_train_batch/sum"], results.get("torch_train_batch/sum"))
    explain_training(part, checks, mean, other)
    optional = train_steps(checks["torch_train_batch/l2"], results.get("torch_train_batch/l2"))
    if not part.has_wrong() and optional and mean and not same_steps(optional, mean):
        part.add("optional_l2_in_loss")
    if "extra_arg" in observed.listed(observed.field(value, "steps", 0, "notes")):
        part.add("extra_arg")
    return part


def train_steps(check, value):
    """[(loss or None, kind, W, b)] of the two batches; None where something is missing."""
    steps = []
    for step in observed.listed(observed.field(value, "steps")):
        arrays = [observed.array(part) for part in observed.listed(observed.field(step, "after"))]
        if len(arrays) != 2 or any(part is None for part in arrays):
            return None
        returned = observed.field(step, "returned")
        steps.append((observed.number(returned), observed.field(returned, "kind"), *arrays))
    return steps if len(steps) == len(check["batches"]) else None


def same_steps(a, b):
    return all(
        np.allclose(x[2], y[2], atol=1e-5) and np.allclose(x[3], y[3], atol=1e-5)
        and (x[0] is None or y[0] is None or abs(x[0] - y[0]) < 1e-4)
        for x, y in zip(a, b, strict=True)
    )  # fmt: skip


def expected_steps(check, criterion, penalty=0.0, accumulate=False, updates=True):
    """[(loss before, loss after, W, b)] by the textbook, with a known mistake or without."""
    W, b, found = np.array(check["W"]), np.array(check["b"]), []
    past_W, past_b = 0, 0
    for X, y in check["batches"]:
        X = np.array(X)
        loss, new_W, new_b = batch_step(W, b, X, y, check["rate"], criterion)
        change_W, change_b = new_W - W, new_b - b
        loss += penalty * ((W**2).sum() + (b**2).sum())
        change_W = change_W - check["rate"] * 2 * penalty * W
        change_b = change_b - check["rate"] * 2 * penalty * b
        if accumulate:
            past_W, past_b = past_W + change_W, past_b + change_b
            change_W, change_b = past_W, past_b
        if updates:
            W, b = W + change_W, b + change_b
        found.append((loss, criterion(X @ W.T + b, y)[0], W, b))
    return found


def steps_agree(seen, expected):
    return all(
        np.allclose(s[2], e[2], atol=2e-4) and np.allclose(s[3], e[3], atol=2e-4)
        for s, e in zip(seen, expected, strict=True)
    )


def explain_training(part, checks, mean, other):
    """Find what the two batches' steps and losses agree with."""
    check, other_check = checks["torch_train_batch/mean"], checks["torch_train_batch/sum"]
    if mean is None:
        part.unknown.append(("What was returned could not be read.", None))
        return
    first, loss_kind = mean[0][0], mean[0][1]
    ways = [
        (None, {"criterion": mean_cross_entropy}, {"criterion": summed_cross_entropy}),
        ("criterion_ignored", {"criterion": mean_cross_entropy}, {"criterion": mean_cross_entropy}),
        *[
            (id, {"criterion": softmax_first(mean_cross_entropy)}, {"criterion": softmax_first(o)})
            for id, o in (("softmax_before_ce", summed_cross_entropy), ("both", mean_cross_entropy))
        ],
        ("no_update", {"criterion": mean_cross_entropy, "updates": False}, None),
        ("accumulate", {"criterion": mean_cross_entropy, "accumulate": True}, None),
    ]
    size = (np.array(check["W"]) ** 2).sum() + (np.array(check["b"]) ** 2).sum()
    if first is not None:
        plain = mean_cross_entropy(np.array(check["batches"][0][0]) @ np.array(check["W"]).T
                                   + np.array(check["b"]), check["batches"][0][1])[0]  # fmt: skip
        penalties = [(first - plain) / size, 0.01, 0.005]
        for penalty in penalties:
            if abs(penalty) > 1e-5:
                more = {"criterion": mean_cross_entropy, "penalty": penalty}
                ways.append(("extra_l2_in_loss", more, None))
                ways.append(("both_l2", more, {"criterion": mean_cross_entropy, "penalty": penalty}))
    for id, way, other_way in ways:
        expected = expected_steps(check, **way)
        if not steps_agree(mean, expected):
            continue
        if other is not None and other_way is not None:
            if not steps_agree(other, expected_steps(other_check, **other_way)):
                continue
        if id == "accumulate":
            part.unknown.append(
                ("The gradients of earlier batches are added to: they are never set to zero.", None)
            )
        elif id == "both":
            part.add("softmax_before_ce", "", certificate.softmax_twice())
            part.add("criterion_ignored", "", certificate.own_criterion())
        elif id == "both_l2":
            part.add("extra_l2_in_loss", "", certificate.extra_penalty())
        elif id == "criterion_ignored":
            part.add(id, "", certificate.own_criterion())
        elif id is not None:
            part.add(id, "", certificate.extra_penalty() if "l2" in id else None)
        judge_returned(part, mean, expected, loss_kind)
        return
    part.unknown.append(("The weights after a batch are not those of one optimiser step.", None))


def judge_returned(part, mean, expected, kind):
    """The loss that is returned: a number, that of the forward pass before the step."""
    if kind == "none":
        part.add("loss_not_returned")
        return
    if kind == "tensor":
        part.add("loss_tensor_returned", "", certificate.tensor_returned())
    losses = [step[0] for step in mean]
    if any(loss is None for loss in losses):
        part.unknown.append(("train_batch does not return one number.", None))
    elif not np.allclose(losses, [e[0] for e in expected], atol=1e-3):
        if np.allclose(losses, [e[1] for e in expected], atol=1e-3):
            part.add("loss_recomputed_late")
        elif not part.has_wrong():
            part.unknown.append(
                (f"The loss should be {expected[0][0]:.4f} and is {losses[0]:.4f}.", None)
            )


