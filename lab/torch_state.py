"""What the next epoch of a torch model depends on: weights, the optimiser's moments, random states."""

import torch


def state(model, optimizer, generator):
    """A dict of NumPy arrays; `generator` draws the batches."""
    arrays = {f"model/{name}": value for name, value in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            if value is not None:  # sgd without momentum keeps a None
                arrays[f"optimizer/{index}/{name}"] = value
    arrays["random/batches"] = generator.get_state()
    arrays["random/dropout"] = _dropout_state(next(model.parameters()).device)
    return {name: value.detach().cpu().numpy() for name, value in arrays.items()}


def restore(model, optimizer, generator, saved):
    """Put a saved `state` back. An error that NumPy or torch raises where it does not fit."""
    weights, moments = {}, {}
    for key, value in saved.items():
        kind, _, name = key.partition("/")
        if kind == "model":
            weights[name] = torch.from_numpy(value)
        elif kind == "optimizer":
            index, _, name = name.partition("/")
            moments.setdefault(int(index), {})[name] = torch.from_numpy(value)
    model.load_state_dict(weights)
    for index, parameter in enumerate(model.parameters()):
        for name in _moment_names(optimizer):
            expected = () if name == "step" else parameter.shape
            if moments[index][name].shape != expected:
                raise ValueError(f"{name} of parameter {index} has another shape")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    generator.set_state(torch.from_numpy(saved["random/batches"]))
    _restore_dropout(next(model.parameters()).device, torch.from_numpy(saved["random/dropout"]))


def _moment_names(optimizer):
    """What the optimiser remembers of each parameter from one step to the next."""
    if isinstance(optimizer, torch.optim.Adam):
        return ["step", "exp_avg", "exp_avg_sq"]
    return ["momentum_buffer"] if optimizer.defaults["momentum"] else []


def _dropout_state(device):
    """The state of the device's generator, which draws the dropout's masks, as a uint8 tensor."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def _restore_dropout(device, state):
    """Put a `_dropout_state` back."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)
