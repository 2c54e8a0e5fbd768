"""markov_mesh: each pixel depends on four neighbours, through any table of probabilities.

    p(x[r, c] = 1 | past) = table[left + 2 above_left + 4 above + 8 above_right]

Pixels outside the image are zero. Abend, Harley, Kanal, "Classification of binary random patterns",
IEEE Transactions on Information Theory, 1965 (the Markov mesh).

Entropy. The chain rule makes it a sum of conditional entropies, and each needs only the law of its
context:

    entropy = sum over r, c of  E[h(table[context of (r, c)])]           h: of one bit

The context of (r, c) lies in the window of the last W+1 pixels in raster order,

    s = (x[t-1], x[t-2], ..., x[t-W-1]),  t = r W + c

    left is the pixel 1 ago, above_right W-1, above W, above_left W+1 ago

and this window is a Markov chain. Its law q over 2^(W+1) states is carried from pixel to pixel: the
new pixel enters, the oldest leaves and is summed out. This takes O(H W 2^W) operations and is exact
for every table. Before the first pixel the window is all zeros, which is the convention for the row
above the image. At the left and right edge, neighbours that a window would take from the wrong row
are replaced by zero.

Read first: data/known_entropy/source.py.  Read next: data/known_entropy/draw.py.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from npixel.data.known_entropy.source import Source, binary_entropy, check_probability

MAX_W = 16                                             # 2^17 windows: 16x16 takes about a second

# Smooth patches with soft edges: a pixel mostly continues left + above - above_left, and the inside
# of a patch breaks up again (the last entry). No logistic function of four neighbours says that.
#        0000  l     al    l+al
TABLE = (0.12, 0.65, 0.08, 0.25,
         0.70, 0.95, 0.30, 0.80,                       # above
         0.35, 0.85, 0.15, 0.45,                       # above_right
         0.85, 0.97, 0.40, 0.55)                       # both


@dataclass(frozen=True)
class MarkovMesh(Source):
    """p(x | left, above-left, above, above-right) from a table.

    table   16 probabilities that the pixel is 1, at the index
            left + 2 above_left + 4 above + 8 above_right

    ValueError if the table has not 16 numbers in [0, 1], or W > 16.
    """
    table: tuple = TABLE

    def __post_init__(self):
        super().__post_init__()
        if self.W > MAX_W:
            raise ValueError(f"W must be at most {MAX_W} in markov_mesh, whose entropy is "
                             f"computed, is {self.W}")
        table = np.asarray(self.table, dtype=object).ravel()
        if len(table) != 16:
            raise ValueError(f"table must have 16 entries, has {len(table)}")
        object.__setattr__(self, "table", tuple(check_probability(f"table[{i}]", p)
                                                for i, p in enumerate(table)))

    @cached_property
    def entropy(self):
        """sum over pixels of E[h(p(x | context))], nats per image."""
        table = np.array(self.table)
        uncertainty = binary_entropy(table)            # (16,)
        q = np.zeros(2 ** (self.W + 1))                # q[s]: bit i of s is the pixel i+1 ago
        q[0] = 1
        total = 0.0
        for t in range(self.H * self.W):
            context = self._context_of_window(t % self.W)                      # (2^(W+1),)
            total += float(q @ uncertainty[context])
            ones = q * table[context]
            # s -> 2 s + x without its oldest bit: windows that differ in that bit meet
            zeros = q - ones
            q = np.stack([zeros.reshape(2, -1).sum(0), ones.reshape(2, -1).sum(0)], axis=1).ravel()
        return total

    def conditional(self, x, r, c):
        def pixel(r, c):
            return x[r, c] if r >= 0 and 0 <= c < self.W else 0
        context = (pixel(r, c - 1) + 2 * pixel(r - 1, c - 1) + 4 * pixel(r - 1, c)
                   + 8 * pixel(r - 1, c + 1))
        return np.array(self.table)[context]

    def _context_of_window(self, c):
        """The table index that each of the 2^(W+1) windows means in column c."""
        s = np.arange(2 ** (self.W + 1))
        context = 4 * (s >> self.W - 1 & 1)            # above: W ago
        if c > 0:
            context += (s & 1) + 2 * (s >> self.W & 1)             # left: 1, above_left: W+1 ago
        if c < self.W - 1:
            context += 8 * (s >> self.W - 2 & 1)       # above_right: W-1 ago
        return context
