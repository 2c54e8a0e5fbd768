"""A published answer, as data: what was printed where, so that anything can be held against it.

Read first: nothing.  Read next: problems/student.py, problems/chains.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Numbers somebody printed.

    quantity   "v*" (optimal), "q*", "gain" (the best average reward), or "v" of the policy `policy`
    gamma      the discount they were computed with
    values     state name, or (state name, action name) -> the number as printed: a string, so that
               its digits are known
    source     where they were printed
    policy     "uniform", "" for a process without choices, or a description
    note       what to know about these numbers
    wrong      state or (state, action) -> the correct number, where a printed one is a slip
    """
    quantity: str
    gamma: str
    values: dict
    source: str
    policy: str = ""
    note: str = ""
    wrong: dict | None = None

    def misses(self, computed):
        """The entries that `computed` does not meet: {key: (printed, computed)}.

        computed   the same keys -> numbers

        A printed number x is met if |computed - x| is at most half a unit of its last digit.

        >>> Published("v", "1", {"a": "0.33", "b": "2"}, "").misses({"a": 1 / 3, "b": 1.4})
        {'b': ('2', 1.4)}
        """
        out = {}
        for key, text in self.values.items():
            unit = 10.0 ** -len(text.partition(".")[2])
            if not abs(computed[key] - float(text)) <= unit / 2 * (1 + 1e-9):
                out[key] = (text, computed[key])
        return out
