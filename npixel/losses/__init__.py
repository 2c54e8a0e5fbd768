"""Likelihoods of observed levels under a model's outputs: one conditional distribution, one module.

    forward(logits, /, *, targets) -> (log_prob, cache)        nats, float64, never summed or averaged
    backward(dlog_prob, cache, /) -> (dlogits,)
    log_conditionals(logits, /, *, targets) -> (..., L)        log probability of every level, float64
    draw(logits, /, *, uniforms) -> levels                     inverts the conditional's distribution function at given uniforms

bernoulli (two levels), categorical (any number of levels). A model names its loss: `loss(config)`; nearly all take `by_levels`.
"""

from . import bernoulli, categorical


def by_levels(levels):
    """The loss of a discrete model: one logit per sub-pixel for two levels, else one per level."""
    return bernoulli if levels == 2 else categorical
