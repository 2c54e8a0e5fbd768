"""A process made from another one: reaching, following a policy, semi-Markov time.

    reachability(m, goal)       the total reward of the result is the probability to reach the goal
    follow(m, policy)           one action in each state, which does what the policy does:
                                solve_exact of it is the policy's exact value
    in_fractions(m, fractions)  the same process, its floats as the fractions that they stand for
    semi_markov(...)            actions that take time, as steps that all take the same time

Read first: model.py.  Read next: planning/total.py, planning/policy_iteration_multichain.py.
"""

from fractions import Fraction

import numpy as np

from . import forms
from .checks import state_set
from .given_numbers import as_float, given, parse, parse_array
from .model import MDP, check_model


def reachability(m, goal, *, stay=None):
    """The process that pays 1 on entering `goal`, and ends there.

        v(s) = P(some state at a time >= 0 is in goal, and every earlier one in stay)

    is the value of `solve(..., criterion="total")`.

    goal    states (indices, or bools (S,)): made terminal; their own value is 0, where the
            probability is 1
    stay    states allowed on the way; the others end the process.  Default: all
    returns MDP with the same states and actions, gamma = 1, no names lost; never costs

    >>> from mdp import MDP, solve
    >>> m = MDP([[["1/3", "1/3", "1/3"]], [[0, 1, 0]], [[0, 0, 1]]], [[0], [0], [0]], 1)
    >>> solve(reachability(m, [1])).v.round(6).tolist()
    [0.5, 0.0, 0.0]
    """
    check_model(m)
    goal = state_set("goal", goal, m.num_states)
    allowed = ~goal if stay is None else ~goal & state_set("stay", stay, m.num_states)
    pairs = np.flatnonzero(allowed[m.pair_state])
    outcomes = np.flatnonzero(allowed[m.pair_state[m.outcome_pair]])
    enters = goal[m.next[outcomes]].astype(float)
    renumber = np.full(m.num_pairs, -1)
    renumber[pairs] = np.arange(pairs.size)
    exact = None if m.exact_probability is None else m.exact_probability[outcomes]
    reward = np.array([Fraction(int(x)) for x in enters], object)
    kept = forms.from_lists(m.num_states, m.num_actions, m.pair_state[pairs], m.pair_action[pairs],
                            renumber[m.outcome_pair[outcomes]], m.next[outcomes],
                            m.probability[outcomes], enters, exact, reward)
    return MDP.from_outcomes(kept, 1, initial=_initial(m), **_names(m))


def follow(m, policy):
    """The process without choices that `policy` makes of m.

    It has one action, "pi", whose outcomes are those of m's actions with their probabilities.

    policy    (S,) actions, or (S, A) probabilities; the result is exact if m is, and these are
              integers, Fractions or strings

    >>> from mdp import MDP, solve_exact
    >>> m = MDP([[["1/2", "1/2"], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], "1/3")
    >>> [str(x) for x in solve_exact(follow(m, [["1/2", "1/2"], [1, 0]])).v]
    ['15/11', '3']
    """
    check_model(m)
    weights = m.pair_weights(policy)
    if weights.ndim != 1:
        raise ValueError("policy must not depend on time: follow makes one process of it")
    if m.pair_gamma is not None:
        raise ValueError("m must have one discount, has one for each pair")
    pi = iter(_exact_weights(m, policy, weights))
    out = {name: {} for name in m.state_names}
    for s, choices in m.to_dict().items():
        for outcomes, w in zip(choices.values(), pi):
            out[s].setdefault("pi", []).extend((w * p, t, r) for p, t, r in outcomes if w)
    initial = None if m.initial is None else dict(zip(m.state_names, _initial(m)))
    gamma = m.gamma if m.exact_gamma is None else m.exact_gamma
    return MDP.from_dict(out, gamma, initial=initial, costs=m.costs)


def _exact_weights(m, policy, weights):
    """The weights (X,) of a policy as a list of Fractions where they are exact, else of floats."""
    if np.ndim(policy) == 1:
        return [Fraction(int(x)) for x in weights]
    table = parse_array("policy", policy)[1]
    return weights.tolist() if table is None else list(table[m.pair_state, m.pair_action])


def _initial(m):
    """The initial distribution as it was given, or None."""
    return m.initial if m.exact_initial is None else m.exact_initial


def in_fractions(m, fractions):
    """The process with exact probabilities: floats replaced by the fractions that they stand for.

    Programs compute probabilities, and what they round no reader can guess: (1 - 0.95) / 2 is the
    float 0.025000000000000022, which stands for 1/40. Here one says so.

    fractions   {float: its fraction}; a float that is not listed stands for its shortest decimal

    ValueError if a fraction is not within 1e-9 of its float, or a row does not sum to exactly 1.

    >>> from mdp import MDP, solve_exact
    >>> slip = (1 - 0.95) / 2
    >>> m = MDP([[[slip, 0.95, slip]], [[0, 1, 0]], [[0, 0, 1]]], [1, 0, 0], 0.9, terminal=[1, 2])
    >>> str(solve_exact(in_fractions(m, {slip: "1/40"})).v[0])
    '400/391'
    """
    check_model(m)
    exact = np.empty(m.next.size, object)
    exact[:] = list(map(meaning(fractions), m.probability.tolist()))
    if m.pair_gamma is None:
        gamma = m.gamma if m.exact_gamma is None else m.exact_gamma
    else:
        gamma = m.pair_gamma if m.exact_pair_gamma is None else m.exact_pair_gamma
    outcomes = forms.Outcomes(m.available, m.outcome_ptr, m.next,
                              np.array([as_float("P", x) for x in exact]), m.reward,
                              exact, m.exact_reward)
    return MDP.from_outcomes(outcomes, gamma, initial=_initial(m), costs=m.costs, **_names(m))


def _names(m):
    return {"state_names": m.state_names, "action_names": m.action_names}


def meaning(fractions):
    """{float: its fraction} -> a function of floats: that fraction, or the shortest decimal."""
    if not isinstance(fractions, dict):
        raise ValueError("fractions must be a dict float -> fraction, "
                         f"is {type(fractions).__name__}")
    known = {}
    for number, meant in fractions.items():
        value, exact = parse(f"fractions[{number!r}]", meant)
        number = parse("fractions", number)[0]
        known[number] = Fraction(repr(value)) if exact is None else exact
        if not abs(value - number) <= 1e-9:
            raise ValueError(f"fractions[{number!r}] is {meant}, which is {value - number:.3g} off")
    return lambda p: known[p] if p in known else Fraction(repr(p))


def semi_markov(P, R, time, *, step=None, **options):
    """A semi-Markov decision process under the average criterion, as a Markov decision process.

    With [t = s] for 1 where t is s, else 0, the result has

        R~(s, a) = step R(s, a) / time(s, a)
        P~(t | s, a) = [t = s] + step / time(s, a) (P(t | s, a) - [t = s])

    The long-run reward of a policy in a unit of time is its gain in the result, divided by `step`
    (Schweitzer 1971; Puterman 1994, section 11.4.3: the data transformation).

    P        (S, A, S) as for MDP
    R        (S, A) or (S,) rewards for the whole stay
    time     (S, A) expected time until the next decision, positive
    step     at most time(s, a) / (1 - P(s | s, a)) for every pair; default: half of the smallest
             time, which leaves every state a self-loop (no periods)
    returns  (MDP with gamma = 1, step)

    For a discounted semi-Markov process give MDP gamma=(S, A) instead: the expected discount
    E[exp(-rate * duration)] of each pair.

    ValueError if a time is not positive, or a probability would become negative.
    """
    P, exact_P = parse_array("P", P)
    R, exact_R = parse_array("R", R)
    time, exact_time = parse_array("time", time)
    square = P.ndim == 3 and P.shape[0] == P.shape[2]
    if not square or time.shape != P.shape[:2] or R.shape not in (P.shape[:1], P.shape[:2]):
        raise ValueError("P, R and time must be (S, A, S), (S,) or (S, A), and (S, A), "
                         f"have shapes {P.shape}, {R.shape} and {time.shape}")
    for s, a in np.argwhere(~((time > 0) & np.isfinite(time)))[:1]:
        raise ValueError(f"time[{s}, {a}] is {time[s, a]:g}: it must be positive and finite")
    exactly = all(x is not None for x in (exact_P, exact_R, exact_time))
    if exactly:
        P, R, time = exact_P, exact_R, exact_time
    S, A = P.shape[:2]
    R = np.repeat(R[:, None], A, axis=1) if R.ndim == 1 else R
    if step is None:
        step = min(time.ravel()) / 2
    else:
        step = given("step", step) if exactly else parse("step", step)[0]
        if not 0 < step < np.inf:
            raise ValueError(f"step is {float(step):g}: it must be positive and finite")
    ratio = step / time                          # (S, A)
    new = P * ratio[:, :, None]
    for s, a in np.ndindex(S, A):
        new[s, a, s] = new[s, a, s] + 1 - ratio[s, a]
        if new[s, a, s] < 0:
            most = float(time[s, a] / (1 - P[s, a, s]))
            raise ValueError(f"step is {float(step):g}, but at most {most:g} is possible "
                             f"for state {s}, action {a}")
    return MDP(new, R * ratio, 1, **options), step
