"""Markov decision processes, solved exactly.

    m = mdp.problems.gridworld()
    s = mdp.solve(m)                  s.lower <= v of s.policy <= v* <= s.upper, rounding included; every criterion, every method
    x = mdp.solve_exact(m)            the same as fractions, every optimal action, and x.certificate, which mdp.verify(m, ...) checks
    mdp.evaluate(m, s.policy).v       any policy, by linear solve
    mdp.simulate(m, s.policy, rng)    trajectories

Reading order: model (the tuple and its forms), chains (no choices), bellman (the operators),
evaluation (one policy), planning/ (the best policy: enumerate_policies is the definition), exact/
(the same in fractions; rational and lifting below it), certificate, certificate_form, verify and
verify_total (the checker, which uses no solver), statement (what it has verified, in words),
transforms, pomdp (seen through observations), formats/, simulation, problems/ (textbook examples
with their published answers), policy_evaluation (a layer with gradients), cli and commands/ (the
command line, a file for each verb), demo. Tools below them: given_numbers, graph, elimination and
linear compute, convergence warns, json_text and policy_file read JSON, layout, tables and plots
show.

Letters: S states, A actions, K available pairs (state, action), J outcomes, T steps; P, R, gamma, pi, v, q as in Sutton and Barto.
"""

from npixel.runtime import lazy, same_name

same_name.refuse_mixture()

HOMES = {
    "MDP": "model", "MarkovChain": "chains", "MarkovRewardProcess": "chains",
    "Evaluation": "evaluation", "ConvergenceWarning": "evaluation", "evaluate": "evaluation",
    "Solution": "planning", "Constrained": "planning", "Proof": "planning", "certify": "planning",
    "solve": "planning", "solve_constrained": "planning",
    "ExactSolution": "exact", "solve_exact": "exact", "verify": "verify",
    "Trajectory": "simulation", "simulate": "simulation", "log_prob": "simulation",
    "returns": "simulation",
    "POMDP": "pomdp", "bellman": "", "policy_evaluation": "", "problems": "", "transforms": "",
    "load": "formats.json_file", "save": "formats.json_file",
    "read": "formats.files", "write": "formats.files",
    "from_cassandra": "formats.cassandra", "from_gymnasium": "formats.gymnasium_env",
    "from_mdptoolbox": "formats.arrays", "from_quantecon": "formats.arrays",
    "to_mdptoolbox": "formats.arrays", "to_quantecon": "formats.arrays",
}
__all__ = list(HOMES)
lazy.names(__name__, HOMES)
