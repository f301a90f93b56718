"""What the next epoch of a NumPy model depends on, as arrays: the model, the order, the random state."""

import numpy as np

from fast import exact_sgd


def state(model, order):
    """A dict of arrays: all that the model has, the order of the examples, NumPy's generator, and
    whether the model trains by its own loop alone.
    """
    _, keys, position, _, _ = np.random.get_state()
    return {
        "order": order,
        "random_keys": keys,
        "random_position": np.array(position),
        "own_loop": np.array(exact_sgd.trains_by_own_loop(model)),
        **_parameters(model),
    }


def _parameters(model):
    return {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}


def restore(model, order, saved):
    """Put a saved `state` back, into `order` and the model's arrays, in place.

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
    for name, array in _parameters(model).items():
        array[...] = saved[name]
    if saved["own_loop"]:
        exact_sgd.keep_to_own_loop(model)
