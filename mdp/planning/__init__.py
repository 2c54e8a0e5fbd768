"""Planning: the optimal value and policy of a known process. One algorithm, one file.

Reading order, discounted: enumerate_policies (the definition), value_iteration, policy_iteration and its variants (_dense, _sparse, _krylov),
iterate, modified_policy_iteration, gauss_seidel, modified_gauss_seidel, anderson, prioritized_sweeping, topological, linear_programming and its dual.
Finite horizon: backward_induction. Total reward: total, policy_iteration_total. Average reward: gain, policy_iteration_multichain.
Under constraints: constrained, and staying (policies that never end). Any guess: certify. bounds,
settle and solution are shared, solve is the door, choose says what auto takes.
"""

from .certify import Proof, certify
from .constrained import Constrained, solve_constrained
from .solution import Solution
from .solve import METHODS, solve

__all__ = ["METHODS", "Constrained", "Proof", "Solution", "certify", "solve", "solve_constrained"]
