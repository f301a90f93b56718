"""Gradients by centred differences, and how far another gradient is from them."""

import numpy as np

STEP = 1e-5


def relative_error(analytic, numeric):
    """|ga - gn| / max(1e-6, |ga| + |gn|), entry by entry."""
    difference = np.abs(analytic - numeric)
    return difference / np.maximum(1e-6, np.abs(analytic) + np.abs(numeric))


def centred_differences(cost, parameter, entries, step=STEP):
    """Derivatives of `cost()`, a float, at some entries of a float64 array that it depends on.

    parameter : changed for the measurement, and as it was afterwards.
    entries : list of indices into it.
    """
    assert parameter.dtype == np.float64
    derivatives = []
    for entry in entries:
        value = parameter[entry]
        parameter[entry] = value + step
        above = cost()
        parameter[entry] = value - step
        below = cost()
        parameter[entry] = value
        derivatives.append((above - below) / (2 * step))
    return np.array(derivatives)


def some_entries(parameter, most=40, seed=0):
    """Up to `most` different indices of an array, drawn at random, as tuples."""
    size = parameter.size
    chosen = np.random.default_rng(seed).choice(size, min(size, most), replace=False)
    return [tuple(int(i) for i in np.unravel_index(flat, parameter.shape)) for flat in chosen]


def worst_relative_error(cost, parameter, gradient, most=40):
    """The largest relative error of a gradient, an array of the parameter's shape."""
    assert gradient.shape == parameter.shape
    entries = some_entries(parameter, most)
    numeric = centred_differences(cost, parameter, entries)
    return float(relative_error(np.array([gradient[e] for e in entries]), numeric).max())
