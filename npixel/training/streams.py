"""Random numbers of a run: each use has a stream of its own, which begins anew at every index.

    generator(seed, DROPOUT, step)     the random numbers of one step, whatever was drawn before

So a run that goes on after a stop draws what it would have drawn, and needs no saved generator.

Read first: nothing.  Read next: training/batches.py.
"""

import numpy as np

# the streams, and what the index of each one counts
ORDER = 0                                              # epochs: the order of the images
DROPOUT = 1                                            # steps: dropout masks
VALIDATION = 2                                         # always 0: the choice of validation images


def generator(seed, stream, index):
    """A numpy Generator that depends on these three numbers alone.

    >>> first, again, other = (generator(5, ORDER, epoch).permutation(9) for epoch in (2, 2, 3))
    >>> bool((first == again).all()), bool((first == other).all())
    (True, False)
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, index))
    return np.random.Generator(np.random.PCG64(sequence))
