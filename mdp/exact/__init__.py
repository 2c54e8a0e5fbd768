"""solve_exact: optimal values and policies as fractions, and a certificate that anybody can check.

1. The process is read as integers (rational.py), and its rows must sum to exactly one.
2. A float planner proposes a policy. Nothing else of it is used.
3. The policy is evaluated exactly, one strongly connected component after the other (process.py,
   lifting.py).
4. The Bellman inequality is checked for every pair in integers. Where it is violated the policy is
   switched, a strict improvement in exact arithmetic, so that this ends. Where it is an equality
   the action is optimal too.
5. The certificate states what was found, with the witnesses that verify.py needs to believe it.
   verify.py checks it before the answer is returned: a CertificateError, if it does not hold.

Reading order: process (policies in fractions), solution, discounted, finite_horizon, average,
total_witness (what the certificate of a total needs), total, solve.

Read first: rational.py, lifting.py.  Read next: exact/process.py, certificate.py.
"""

from .solution import ExactSolution
from .solve import CertificateError, solve_exact

__all__ = ["CertificateError", "ExactSolution", "solve_exact"]
