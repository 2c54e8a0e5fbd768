"""L-BFGS: a quasi-Newton method for a function that is not noisy, such as a likelihood of data that stay the same.

    p = p - (its guess of the inverse Hessian, from the last steps) gradient, as far along as a line search finds good

Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989; the program is SciPy's. Here it goes through one
layer's Weights, and knows when to stop.

Read first: walk.py.  Read next: density.py.
"""

import numpy as np
from scipy.optimize import minimize

MEMORY = 20                                            # steps that it remembers


class _Enough(Exception):
    """All evaluations are used up."""


def fit(objective, weights, *, evaluations):
    """The best Weights that L-BFGS finds from `weights`, in their dtype.

    objective     Weights -> (value, gradients: one array for each of the weights')
    evaluations   most calls of it, at least 1; the best of all points looked at is returned

    A value or gradient that is not finite counts as very bad. Weights come back unchanged if nothing better is found.
    """
    ends, made, best = np.cumsum([array.size for array in weights])[:-1], 0, (np.inf, weights)

    def unpack(vector):
        return type(weights)(*(part.reshape(array.shape).astype(array.dtype) for part, array in zip(np.split(vector, ends), weights)))

    def pack(arrays):
        return np.concatenate([np.asarray(array, np.float64).reshape(-1) for array in arrays])

    def counted(vector):
        nonlocal made, best
        if made == evaluations:
            raise _Enough
        made += 1
        here = unpack(vector)
        value, gradients = objective(here)
        gradient = pack(gradients)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e10, np.zeros_like(vector)
        if value < best[0]:
            best = value, here
        return float(value), gradient

    try:
        minimize(counted, pack(weights), jac=True, method="L-BFGS-B", options={"maxfun": evaluations, "maxiter": evaluations, "maxcor": MEMORY})
    except _Enough:
        pass
    return best[1]
