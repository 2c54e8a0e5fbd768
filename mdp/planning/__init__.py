"""Planning: the optimal value and policy of a known process. One algorithm, one file.

The files by criterion; mdp/__init__.py has their reading order:

    discounted        enumerate_policies (the definition); solution, bounds, settle, iterate (which
                      the methods share); value_iteration, gauss_seidel, prioritized_sweeping,
                      topological, anderson; policy_iteration and its variants (_dense, _sparse,
                      _krylov); modified_policy_iteration, modified_gauss_seidel;
                      linear_programming, linear_programming_dual; choose (what "auto" takes)
    finite horizon    backward_induction
    total reward      collapse, gain, undefined, total, policy_iteration_total; value_iteration and
                      enumerate_policies as well
    average reward    policy_iteration_multichain
    any of them       question (what is asked), solve (the door)
    constraints       simplex, staying (policies that never end), constrained_program, constrained
    a guess of v      certify (what it proves)

Read first: bellman.py, evaluation.py, graph.py, linear.py.
Read next: planning/enumerate_policies.py, planning/value_iteration.py, planning/solve.py,
planning/solution.py.
"""

from .certify import Proof, certify
from .constrained import Constrained, solve_constrained
from .solution import Solution
from .solve import METHODS, solve

__all__ = ["METHODS", "Constrained", "Proof", "Solution", "certify", "solve", "solve_constrained"]
