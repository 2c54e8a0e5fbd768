"""Likelihoods of observed levels under a model's outputs: one conditional distribution, one module.

    forward(logits, /, *, targets) -> (log_prob, cache)        nats, float64, never summed or averaged
    backward(dlog_prob, cache, /) -> (dlogits,)
    log_conditionals(logits, /, *, targets) -> (..., L)        log probability of every level, float64
    draw(logits, /, *, uniforms) -> levels                     inverts the conditional's distribution function at given uniforms

bernoulli (two levels), categorical (any number of levels). A model names its loss: `loss(config)`; nearly all take `by_levels`.
discretized_logistic_mixture is joint over the colours of a pixel: its outputs are some numbers per pixel, its log_prob is (N, H, W), and it has one function more,

    terms(outputs, /, *, targets) -> (N, H, W, C)              the same likelihood, colour by colour, by the chain rule

mcgsm is a density of real numbers and has weights of its own, so it is a layer as well: forward(h, *weights, /, *, targets), and its backward gives each
weight's gradient. models/ride.py ends with it.
"""

from . import bernoulli, categorical


def by_levels(levels):
    """The loss of a discrete model: one logit per sub-pixel for two levels, else one per level."""
    return bernoulli if levels == 2 else categorical
