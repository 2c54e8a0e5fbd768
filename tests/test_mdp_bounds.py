"""Float mode never lies: the exact value lies within the bounds of every method of every criterion, and `converged` says how far apart these are.

On every textbook problem, on 200 random processes of the kinds that break solvers, and where floating point itself gives up. The exact values come from
solve_exact, each with a certificate that the checker accepts.
"""

import dataclasses
import inspect
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import hard_transitions
from mdp.problems import PROBLEMS

METHODS = mdp.planning.METHODS
KINDS = ("near_singular", "periodic", "multichain", "dead_ends", "ties")


def lies(s, exact, tol):
    """The states in which a Solution says something false, by number."""
    pairs = zip(np.ravel(s.lower).tolist(), np.ravel(s.upper).tolist(), np.ravel(exact))
    wrong = [i for i, (low, high, x) in enumerate(pairs) if not low <= x <= high]           # Python compares floats with Fractions exactly
    honest = s.converged == bool(s.width <= tol)
    return wrong if honest else wrong + ["converged"]


def check(m, criterion, *, tol=1e-9, solve=mdp.solve, limit=300, **options):
    """Every method of a criterion against the exact value -> the names of those that ran."""
    try:
        exact = mdp.solve_exact(m, criterion=criterion, **options)
    except ValueError as error:
        assert "total reward is undefined" in str(error)
        return []
    assert mdp.verify(m, exact.certificate)
    ran = []
    for method, planner in METHODS[criterion].items():
        given = {"max_iterations": limit} if "max_iterations" in inspect.signature(planner).parameters else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mdp.ConvergenceWarning)
            try:
                s = solve(m, criterion=criterion, method=method, tol=tol, **given, **options)
            except ValueError as error:                                  # a method may refuse: too many policies to enumerate, gamma = 1 without a goal
                assert any(reason in str(error) for reason in ("above its limit", "policy_iteration", "total reward is")), error
                continue
        assert not lies(s, exact.v, tol), (criterion, method, options, lies(s, exact.v, tol))
        ran.append(method)
    return ran


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_the_exact_value_lies_within_the_bounds_of_every_method_of_every_criterion(kind, data):
    """200 processes: 40 of each of five kinds, each under all four criteria, maximised or minimised; sweeps are capped, so that many do not converge."""
    process = data.draw(hard_transitions(kind))
    gamma, minimize, goal = data.draw(st.sampled_from(["1/2", "9/10", "999/1000", "999999/1000000"])), data.draw(st.booleans()), data.draw(st.integers(0, 9))
    m = mdp.MDP.from_dict(process, gamma)
    assert set(check(m, "discounted", minimize=minimize)) >= set(METHODS["discounted"]) - {"enumerate_policies"}
    assert check(m, "finite_horizon", horizon=3, minimize=minimize) and check(m, "average", minimize=minimize)
    check(m, "total", minimize=minimize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mdp.ConvergenceWarning)
        goal, options = [goal % len(process)], {"minimize": minimize, "miss": -np.inf if goal % 2 else np.inf}
        s, exact = mdp.solve(m, criterion="total", goal=goal, **options), mdp.solve_exact(m, criterion="total", goal=goal, **options)
    assert not lies(s, exact.v, 1e-8)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "car_rental"])       # its Poisson laws are no fractions: test_mdp_problems.py
def test_the_exact_values_of_the_textbook_problems_lie_within_every_bound(name):
    m = PROBLEMS[name].make()
    small = m.num_states <= 50
    assert check(m, "total") or name in ("toymaker", "taxicab", "multichain", "forest", "gridworld")
    assert check(m.replace(gamma="9/10"), "discounted", limit=2000) and check(m, "finite_horizon", horizon=5)
    assert not small or check(m, "average")


def test_a_thousand_millionths_beside_the_truth_would_be_seen():
    """Plant the fault: bounds shifted by 1e-9, upwards or downwards, by any method; and a flag that does not fit its bounds."""
    cases = [(mdp.problems.student("9/10"), "discounted", {}), (mdp.problems.student(), "total", {}), (mdp.problems.taxicab(), "average", {}),
             (mdp.problems.toymaker(), "finite_horizon", {"horizon": 4})]
    for m, criterion, options in cases:
        ran = check(m, criterion, tol=1e-10, limit=10_000, **options)
        assert set(ran) == set(METHODS[criterion]) - {"value_iteration"} | ({"value_iteration"} if criterion == "discounted" else set())
        for method in ran:
            for change in (lambda s: {"lower": s.lower + 1e-9, "upper": s.upper + 1e-9}, lambda s: {"lower": s.lower - 1e-9, "upper": s.upper - 1e-9},
                           lambda s: {"converged": not s.converged}):

                def faulty(*arguments, **given):
                    s = mdp.solve(*arguments, **given)
                    return dataclasses.replace(s, **change(s)) if given["method"] == method else s          # noqa: B023
                with pytest.raises(AssertionError, match=method):
                    check(m, criterion, tol=1e-10, limit=10_000, solve=faulty, **options)


@pytest.mark.parametrize("method", METHODS["discounted"])
def test_a_sweep_that_comes_within_tol_by_a_hair_is_not_where_it_stops(method):
    """Values of thousands beside zero: the last rounding outwards, an ulp of the largest, must not push the bounds beyond tol again."""
    m = mdp.MDP.from_dict({0: {0: [("3/8", 0, 2), ("3/16", 0, 5), ("7/16", 0, 4)]}, 1: {}, 2: {0: [("5/12", 3, -4), ("7/12", 1, 1)], 1: [(1, 0, -4)]},
                           3: {0: [(1, 0, 0)], 1: [("5/14", 0, -6), ("3/14", 4, 2), ("3/7", 3, -2)]}, 4: {0: [(1, 4, 0)], 1: [("9/16", 2, 1), ("7/16", 0, "3/2")]}}, "999/1000")
    exact = mdp.solve_exact(m, minimize=True).v
    with warnings.catch_warnings():
        warnings.simplefilter("error", mdp.ConvergenceWarning)
        for tol in (9.9e-8, 1e-7, 1.02e-7):                              # the second is how it was found: 1.0000000004e-7
            f = mdp.solve(m, method=method, tol=tol, minimize=True)
            assert f.converged and not lies(f, exact, tol)


@pytest.mark.parametrize("N", [20, 60])
def test_haddad_and_monmege_are_bracketed_by_every_method_that_answers(N):
    """3 * 2**(N-1) - 2 steps; at 60 other solvers return -2e16. Bounds so far apart are no answer, and say so."""
    m = mdp.problems.haddad_monmege(N=N)
    exact = Fraction(3 * 2 ** (N - 1) - 2)
    for method in METHODS["total"]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                s = mdp.solve(m, method=method)
            except ValueError as error:
                assert method != "policy_iteration" and "policy_iteration" in str(error)
                continue
        assert float(s.lower[N]) <= exact <= float(s.upper[N])
        assert s.converged or any(issubclass(w.category, mdp.ConvergenceWarning) for w in caught)
        assert N == 20 or not s.converged
