"""Planning: the optimal value and policy of a known process. One algorithm, one file.

Reading order: enumerate_policies (the definition), value_iteration, policy_iteration, policy_iteration_total, backward_induction;
bounds and solution are shared, solve is the door.
"""

from .solution import Solution
from .solve import METHODS, solve

__all__ = ["METHODS", "Solution", "solve"]
