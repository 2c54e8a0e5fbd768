"""Anderson-accelerated value iteration: extrapolate from the last few sweeps, with a safeguard.

    f_i = T v_i - v_i                                   residuals of the last MEMORY + 1 iterates
    alpha = argmin |sum of alpha_i f_i|,  sum of alpha_i = 1
    v <- sum of alpha_i T v_i                           if its residual is no larger, else T v

T is not smooth, so the extrapolation may fail; the safeguard then leaves plain value iteration,
which always contracts.

Anderson, "Iterative procedures for nonlinear integral equations", J. ACM 12, 1965; Geist and
Scherrer, "Anderson acceleration for reinforcement learning", 2018; Zhang, O'Donoghue and Boyd,
"Globally convergent type-I Anderson acceleration", 2020 (safeguards).

Read first: bellman.py, planning/iterate.py, planning/value_iteration.py.
Read next: planning/choose.py.
"""

import numpy as np

from .. import bellman
from . import iterate

MEMORY = 5                                   # earlier iterates
SINGULAR = 1e-12                             # relative: smaller singular values are taken for zero


def anderson(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    stop = iterate.Backups(m, e, tol, "anderson", max_iterations)
    images, residuals = [], []               # T v_i, f_i
    plain, smallest = None, np.inf           # the step to fall back to, the residual to beat
    v = iterate.start(e)
    while True:
        Tv, _ = bellman.backup(e, v)
        if stop.at(v, Tv):
            return stop.solution()
        f = Tv - v
        size = float(np.abs(f).max(initial=0.0))
        if plain is not None and not size <= smallest:                   # it made things worse
            images, residuals = [], []
            v, plain = plain, None
            continue
        plain, smallest = Tv, size
        images, residuals = [*images[-MEMORY:], Tv], [*residuals[-MEMORY:], f]
        v = Tv if size == 0 else _mixed(images, residuals)


def _mixed(images, residuals):
    """sum of alpha_i T v_i with the smallest residual, (S,); the last T v where there is none."""
    *before, Tv = images
    if not before:
        return Tv
    *others, f = residuals
    differences = np.stack([f - g for g in others], axis=1)              # (S, MEMORY)
    beta = np.linalg.lstsq(differences, f, rcond=SINGULAR)[0]
    mixed = Tv - sum(b * (Tv - image) for b, image in zip(beta, before))
    return mixed if np.isfinite(mixed).all() else Tv
