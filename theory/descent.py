"""A descent (scipy's L-BFGS), and named tuples of arrays as the one vector that it moves."""

import numpy as np
from threadpoolctl import threadpool_limits

MEMORY = 20  # steps from which L-BFGS knows the curvature


def flat(parameters):
    """All arrays of a named tuple as one vector."""
    return np.concatenate([np.ravel(parameter) for parameter in parameters])


def like(parameters, vector):
    """The named tuple of the type and the shapes of `parameters` that a vector, as of `flat`, holds."""
    ends = np.cumsum([np.size(parameter) for parameter in parameters])[:-1]
    parts = zip(np.split(vector, ends), parameters, strict=True)
    return type(parameters)(*(part.reshape(np.shape(parameter)) for part, parameter in parts))


def descend(cost_and_gradient, start, steps):
    """Lower a cost from `start`: the end and the costs before the first step and after each.

    It ends after `steps`, where no entry of the gradient is above 1e-10, or where rounding leaves no
    step to take.
    """
    from scipy.optimize import minimize

    costs = [cost_and_gradient(start)[0]]

    def keep(intermediate_result):
        costs.append(intermediate_result.fun)

    options = {"maxiter": steps, "maxfun": 100 * steps, "maxcor": MEMORY, "ftol": 0, "gtol": 1e-10}
    settings = {"jac": True, "method": "L-BFGS-B", "callback": keep, "options": options}
    with threadpool_limits(1, "blas"):  # scipy's own too, which is loaded only now
        return minimize(cost_and_gradient, start, **settings).x, np.array(costs)
