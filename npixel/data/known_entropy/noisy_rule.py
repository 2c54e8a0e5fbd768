"""noisy_rule: every pixel obeys a fixed rule of its past, except when noise flips it.

    x[r, c] = f(past of (r, c))  xor  z[r, c],         z ~ Bernoulli(eps), independent
    entropy = H W h(eps)                               h(eps): the entropy of one bit

This holds for every rule and size. Given the past, x[r, c] says just what z[r, c] is, so each
conditional costs h(eps). Two rules are named. Pixels outside the image are zero:

    local          f = x[r, c-1] xor x[r-1, c]         what every convolutional model can see
    long_range     f = x[r-d, c-e] xor x[r-d, c+e]     d = max(1, H // 2), e = max(1, W // 4)

The local rule is a parity, which no weighted sum of past pixels expresses. So a logistic model
(fvbn) cannot learn it, and a model with one hidden layer can. The long-range rule grows with the
image: a model that does not see d rows up cannot know f. In the first d rows its f is 0, so these
are noise of density eps.

Any other rule is a function rule(x, r, c) -> (N,) bits. Its x (H, W, N) uint8 holds the past, and
zeros elsewhere.

Read first: data/known_entropy/source.py.
Read next: data/known_entropy/blind_corner.py, optimizers/__init__.py.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from npixel.data.known_entropy.source import Source, binary_entropy, check_probability


def local(x, r, c):
    """The left neighbour xor the one above."""
    return _pixel(x, r, c - 1) ^ _pixel(x, r - 1, c)


def long_range(x, r, c):
    """Two pixels d rows above, e columns to either side, xor each other."""
    d, e = max(1, x.shape[0] // 2), max(1, x.shape[1] // 4)
    return _pixel(x, r - d, c - e) ^ _pixel(x, r - d, c + e)


RULES = {"local": local, "long_range": long_range}


@dataclass(frozen=True)
class NoisyRule(Source):
    """x = f(past) xor Bernoulli(eps).

    eps     in [0, 1]: the probability that a pixel breaks the rule
    rule    "local", "long_range", or a function of (x, r, c) as above

    ValueError if eps is outside [0, 1] or the rule unknown.

    >>> round(NoisyRule(8, 8, eps=0.1).entropy, 5)
    20.80531
    """
    eps: float = 0.1
    rule: str | Callable = "local"

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "eps", check_probability("eps", self.eps))
        if not callable(self.rule) and self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, or a function, "
                             f"is {self.rule!r}")

    @property
    def entropy(self):
        """H W h(eps), nats per image."""
        return self.H * self.W * float(binary_entropy(self.eps))

    def conditional(self, x, r, c):
        rule = self.rule if callable(self.rule) else RULES[self.rule]
        return np.where(rule(x, r, c), 1 - self.eps, self.eps)


def _pixel(x, r, c):
    """x[r, c] of all images, zero outside."""
    inside = 0 <= r < x.shape[0] and 0 <= c < x.shape[1]
    return x[r, c] if inside else np.zeros(x.shape[2], np.uint8)
