"""Optimisers: how a gradient becomes a step. One rule, one file; the rules share one form.

    state = adam.init(params)                  arrays of zeros beside the weights
    adam.update(params, grads, state, step=0, lr=1e-3)
                                               in place: params and state are overwritten

    walk.py        goes through weights, gradients and states together
    sgd.py         v = mu v + g,  p = p - lr v
    rmsprop.py     p = p - lr g / root of a running mean of g²
    adam.py        the same with a running mean of g above the root; both means are corrected for
                   their start at zero
    clipping.py    shortens a gradient that is too long, and finds one that is not finite
    averaging.py   a running mean of the weights, for evaluation
    schedules.py   the learning rate, a function of the step alone
    lbfgs.py       no rule of this form: it minimises one function of one layer's weights

`step` counts from 0: it is the number of updates already made. A rule remembers nothing outside of
params, state and step. So a run that is saved with them goes on as if it had never stopped.

Read first: nothing.  Read next: optimizers/walk.py, optimizers/lbfgs.py.
"""
