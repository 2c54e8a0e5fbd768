"""Anderson-accelerated value iteration: extrapolate from the last few sweeps, with a safeguard.

    f_i = T v_i - v_i                                   residuals of the last m + 1 iterates
    alpha = argmin |sum of alpha_i f_i|,  sum of alpha_i = 1
    v <- sum of alpha_i T v_i                           if its residual is not larger, else the plain T v

T is not smooth, so the extrapolation may fail; the safeguard then leaves plain value iteration, which always contracts.

Anderson, "Iterative procedures for nonlinear integral equations", J. ACM 12, 1965; Geist and Scherrer, "Anderson acceleration for reinforcement
learning", 2018; Zhang, O'Donoghue and Boyd, "Globally convergent type-I Anderson acceleration", 2020 (safeguards).

Read first: value_iteration.py, iterate.py.
"""

import numpy as np

from . import iterate

MEMORY = 5


def anderson(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    images, residuals = [], []
    plain, size = [None], [np.inf]                                       # the plain step to fall back to, and the residual to beat

    def step(v, Tv, pairs, excess):
        f = Tv - v
        change = float(np.abs(f).max(initial=0.0))
        if plain[0] is not None and not change <= size[0]:              # the extrapolation made things worse: forget it
            images.clear(), residuals.clear()
            back, plain[0] = plain[0], None
            return back
        plain[0], size[0] = Tv, change
        images.append(Tv), residuals.append(f)
        del images[:-MEMORY - 1], residuals[:-MEMORY - 1]
        if len(residuals) < 2 or change == 0:
            return Tv
        differences = np.stack([f - g for g in residuals[:-1]], axis=1)   # (S, m)
        beta = np.linalg.lstsq(differences, f, rcond=1e-12)[0]
        mixed = Tv - sum(b * (Tv - image) for b, image in zip(beta, images[:-1]))
        return mixed if np.isfinite(mixed).all() else Tv
    return iterate.from_backups(m, e, step, tol=tol, method="anderson", limit=max_iterations)
