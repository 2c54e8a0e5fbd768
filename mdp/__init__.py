"""Markov decision processes, solved exactly.

    m = mdp.problems.gridworld()
    s = mdp.solve(m)                  s.lower <= v of s.policy <= v* <= s.upper, rounding included; every criterion, every method
    x = mdp.solve_exact(m)            the same as fractions, every optimal action, and x.certificate, which mdp.verify(m, ...) checks
    mdp.evaluate(m, s.policy).v       any policy, by linear solve
    mdp.simulate(m, s.policy, rng)    trajectories

Reading order: model (the tuple and its forms), chains (no choices), bellman (the operators), evaluation (one policy), planning/ (the best
policy: enumerate_policies is the definition), exact/ (the same in fractions; rational and lifting below it), certificate and verify (the checker, which
uses no solver), transforms, pomdp (seen through observations), formats/, simulation, problems/ (textbook examples with their published answers),
policy_evaluation (a layer with gradients). given_numbers, graph and linear are the tools below them.

Letters: S states, A actions, K available pairs (state, action), J outcomes, T steps; P, R, gamma, pi, v, q as in Sutton and Barto.
"""

from . import bellman, policy_evaluation, problems, transforms
from .chains import MarkovChain, MarkovRewardProcess
from .evaluation import ConvergenceWarning, Evaluation, evaluate
from .exact import ExactSolution, solve_exact
from .formats.arrays import from_mdptoolbox, from_quantecon, to_mdptoolbox, to_quantecon
from .formats.cassandra import from_cassandra
from .formats.files import read, write
from .formats.gymnasium_env import from_gymnasium
from .formats.json_file import load, save
from .model import MDP
from .planning import Constrained, Proof, Solution, certify, solve, solve_constrained
from .pomdp import POMDP
from .simulation import Trajectory, log_prob, returns, simulate
from .verify import verify

__all__ = ["MDP", "MarkovChain", "MarkovRewardProcess", "Evaluation", "Solution", "Constrained", "ExactSolution", "Proof", "Trajectory", "ConvergenceWarning",
           "bellman", "policy_evaluation", "problems", "transforms", "evaluate", "solve", "solve_exact", "solve_constrained", "verify", "certify", "simulate", "log_prob", "returns", "load", "save", "read", "write",
           "POMDP", "from_cassandra", "from_gymnasium", "from_mdptoolbox", "from_quantecon", "to_mdptoolbox", "to_quantecon"]
