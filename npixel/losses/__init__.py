"""Likelihoods of observed levels under a model's outputs: one conditional distribution, one module.

    forward(logits, /, *, targets) -> (log_prob, cache)        nats, float64, not summed or averaged
    backward(dlog_prob, cache, /) -> (dlogits,)
    log_conditionals(logits, /, *, targets) -> (..., L)        log-probability of every level
    draw(logits, /, *, uniforms) -> levels                     the inverse distribution function

bernoulli.py is for two levels, categorical.py for any number; levels.py has the checks of both. The
function `loss(config)` of a model names its loss. Nearly all models take `by_levels`.

discretized_logistic_mixture.py is joint over the colours of a pixel. A network gives it one list of
numbers for each pixel, and its log_prob is (N, H, W). It has one function more:

    terms(outputs, /, *, targets) -> (N, H, W, C)              log_prob, colour by colour

mcgsm.py is a density of real numbers and has weights of its own, so it is a layer as well. Its
forward is forward(h, *weights, /, *, targets), and its backward gives the gradient of each weight.
RIDE ends with it (models/ride.py).

Read first: nothing.  Read next: losses/levels.py, losses/bernoulli.py.
"""

from . import bernoulli, categorical


def by_levels(levels):
    """The loss of a discrete model: one logit per sub-pixel for two levels, else one per level.

    >>> by_levels(2).__name__, by_levels(256).__name__
    ('npixel.losses.bernoulli', 'npixel.losses.categorical')
    """
    return bernoulli if levels == 2 else categorical
