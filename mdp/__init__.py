"""mdp: Markov decision processes, solved exactly.

    m = mdp.problems.gridworld()
    s = mdp.solve(m)                  s.lower <= v of s.policy <= v* <= s.upper, rounding included
    x = mdp.solve_exact(m)            the same as fractions, and every optimal action
    mdp.verify(m, x.certificate)      a checker that uses no solver
    mdp.evaluate(m, s.policy).v       any policy, by linear solve
    mdp.simulate(m, s.policy, rng)    trajectories

Criteria: discounted, finite_horizon, total (with a goal or without) and average (multichain).
Letters: S states, A actions, X available pairs (state, action), J outcomes, T time steps; P, R,
gamma, pi, v and q as in Sutton and Barto. npixel/__init__.py has the whole key.

Reading order. Every page uses only what stands before it, and the last part: the tools that compute
may be read at the end.

    1  Chains and reward processes: no choices
       chains.py
    2  Decision processes: choices
       policies.py, forms.py, expected.py, model.py
    3  Operators; the value of a policy
       bellman.py, evaluation.py, policy_evaluation.py
    4  Planning
       planning/__init__.py, planning/solution.py, planning/question.py, planning/undefined.py,
       planning/enumerate_policies.py, planning/bounds.py, planning/settle.py,
       planning/iterate.py, planning/value_iteration.py, planning/backward_induction.py,
       planning/gauss_seidel.py, planning/policy_iteration.py,
       planning/policy_iteration_dense.py, planning/policy_iteration_sparse.py,
       planning/policy_iteration_krylov.py, planning/gain.py, planning/collapse.py,
       planning/total.py, planning/policy_iteration_total.py,
       planning/policy_iteration_multichain.py, planning/modified_policy_iteration.py,
       planning/modified_gauss_seidel.py, planning/linear_programming.py,
       planning/linear_programming_dual.py, planning/anderson.py, planning/certify.py,
       planning/choose.py, planning/simplex.py, planning/staying.py,
       planning/constrained_program.py, planning/constrained.py,
       planning/prioritized_sweeping.py, planning/topological.py, planning/solve.py
    5  Fractions, certificates, the checker
       exact/__init__.py, certificate.py, exact/process.py, exact/solution.py,
       exact/discounted.py, exact/finite_horizon.py, exact/average.py, exact/total_witness.py,
       exact/total.py, certificate_form.py, verify_total.py, verify.py, exact/solve.py,
       tables.py, statement.py
    6  Other processes made of one; seen through observations
       transforms.py, pomdp.py
    7  Trajectories
       simulation.py
    8  Problems, files
       problems/__init__.py, problems/car_rental.py, problems/published.py, problems/chains.py,
       problems/forest.py, problems/frozen_lake.py, problems/gambler.py, problems/gridworld.py,
       problems/howard.py, problems/russell_norvig.py, problems/student.py, problems/tiger.py,
       policy_file.py, formats/__init__.py, formats/words.py, formats/arrays.py,
       formats/cassandra.py, formats/drn.py, formats/json_file.py, formats/npz_file.py,
       formats/prism.py, formats/files.py, formats/gymnasium_env.py
    9  The command line
       plots.py, commands/shared.py, commands/convert.py, commands/demo.py,
       commands/evaluate.py, commands/problems.py, commands/simulate.py, commands/solve.py,
       commands/verify.py, cli.py, __main__.py, commands/__init__.py, demo.py
    10 Below everything
       given_numbers.py, checks.py, rational.py, layout.py, json_text.py, convergence.py,
       graph.py, elimination.py, linear.py, lifting.py

Read first: nothing.  Read next: chains.py, model.py.
"""

from npixel.runtime import lazy, same_name

same_name.refuse_mixture()

HOMES = {
    "MDP": "model", "MarkovChain": "chains", "MarkovRewardProcess": "chains",
    "Evaluation": "evaluation", "ConvergenceWarning": "convergence", "evaluate": "evaluation",
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
