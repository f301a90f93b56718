"""What the next epoch of a NumPy model depends on, as arrays: the model, the order, the random state."""

import numpy as np


def state(model, order):
    """A dict of arrays; `model` has its parameters' names in PARAMETERS."""
    _, keys, position, _, _ = np.random.get_state()
    return {
        "order": order,
        "random_keys": keys,
        "random_position": np.array(position),
        **{name: getattr(model, name) for name in model.PARAMETERS},
    }


def restore(model, order, saved):
    """Put a saved `state` back, into `order` and the model's parameters, in place.

    ValueError, and nothing changed, where it does not fit.
    """
    for name, now in state(model, order).items():
        if (saved[name].shape, saved[name].dtype) != (now.shape, now.dtype):
            raise ValueError(f"{name} has another shape or type")
    position = int(saved["random_position"])
    if not 0 <= position <= len(saved["random_keys"]):  # NumPy would read beyond the keys
        raise ValueError("random_position is out of range")
    if not np.array_equal(np.sort(saved["order"]), np.arange(len(order))):
        raise ValueError("order is no permutation")
    np.random.set_state(("MT19937", saved["random_keys"], position))
    order[...] = saved["order"]
    for name in model.PARAMETERS:
        getattr(model, name)[...] = saved[name]
