"""L-BFGS: a quasi-Newton method for a function without noise, as a likelihood on fixed data is.

    p = p - a B g                      g: the gradient
                                       B: a guess of the inverse Hessian from the last 20 steps
                                       a: the length of the step, which a line search chooses

    >>> from collections import namedtuple
    >>> Weights = namedtuple("Weights", "w")
    >>> def objective(weights):        # (w - 3)², and its gradient
    ...     return ((weights.w - 3)**2).sum(), [2 * (weights.w - 3)]
    >>> fit(objective, Weights(np.zeros(2)), evaluations=20).w.round(6)
    array([3., 3.])

Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989. The program
is SciPy's. This file hands it the Weights of one layer as a vector, and counts its evaluations.

Read first: nothing.  Read next: density.py.
"""

import numpy as np
from scipy.optimize import minimize

MEMORY = 20                                            # steps that it remembers
BAD = 1e10                                             # what a value that is not finite counts as


class _Enough(Exception):
    """All evaluations are used up."""


def fit(objective, weights, *, evaluations):
    """The best Weights that L-BFGS finds from `weights`, in their dtype.

    objective     a function of Weights that returns (value, gradients); the gradients are one array
                  for each array of the weights
    evaluations   most calls of it, at least 1
    returns       the best of all Weights that were tried; `weights` itself if none was better

    A value or gradient that is not finite counts as very bad.
    """
    ends = np.cumsum([array.size for array in weights])[:-1]
    made, best = 0, (np.inf, weights)

    def unpack(vector):
        parts = zip(np.split(vector, ends), weights)
        return type(weights)(*(part.reshape(array.shape).astype(array.dtype)
                               for part, array in parts))

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
            return BAD, np.zeros_like(vector)
        if value < best[0]:
            best = value, here
        return float(value), gradient

    options = {"maxfun": evaluations, "maxiter": evaluations, "maxcor": MEMORY}
    try:
        minimize(counted, pack(weights), jac=True, method="L-BFGS-B", options=options)
    except _Enough:
        pass
    return best[1]
