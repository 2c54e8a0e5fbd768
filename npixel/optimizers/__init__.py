"""Optimizers: how a gradient becomes a step. One rule, one file; the rules share one form.

    state = adam.init(params)                                  arrays of zeros beside the weights
    adam.update(params, grads, state, step=0, lr=1e-3)         in place: the arrays of params and state are overwritten

    sgd.py         v = mu v + g;  p -= lr v
    rmsprop.py     p -= lr g / root of a running mean of g²
    adam.py        the same with a running mean of g above the root, and both means corrected for their start at zero
    clipping.py    gradients that are too long, or not finite
    averaging.py   a running mean of the weights, for evaluation
    schedules.py   the learning rate, a function of the step alone
    lbfgs.py       no rule of this form: a whole minimisation of one function, for a layer alone

`step` counts from 0: the number of updates already made. A rule has no memory but params, state and step, so a run that is
saved with them goes on as if it had never stopped. `walk.py` is what all of them use to go through the arrays.
"""
