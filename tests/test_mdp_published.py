"""What other projects' test suites and textbooks print, asked of our solvers; and what is known to
be wrong among it, refused by our checker.

    QuantEcon                       quantecon/markov/tests/test_ddp.py
    pymdptoolbox                    src/tests/test_*.py: rows of exact methods hold; rows that pin
                                    where an iteration stopped do not
    aima-python                     tests/test_mdp.py
    DiscreteValueIteration.jl       test/: grid-world-10x10-Q-matrix.txt
    msdm                            msdm/tests/domains
    PRISM                           prism-tests/functionality/verify/mdps/reach/safety-fig9.nm; the
                                    larger suites are anchors.json, in test_mdp_exact.py
    Silver; Sutton and Barto        value slides; figures 3.2, 3.5, 4.1, 4.2
"""

import copy
import itertools
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

import mdp
from cases_mdp import contains, data_folder
from mdp.problems.student import PUBLISHED_REWARD_PROCESS, STATES
from mdp.rational import rational
from mdp.transforms import follow
from test_mdp_exact import certified, garnet_in_fractions

METHODS = mdp.planning.METHODS


def claims(s, **wrong):
    """The certificate of s with other numbers in it: v, gain or bias as decimals."""
    c = copy.deepcopy(s.certificate)
    for name, x in wrong.items():
        x = [Fraction(str(y)) for y in x]
        den = np.lcm.reduce([y.denominator for y in x])
        table = c if name == "v" else c[name]
        table["num"], table["den"] = [hex(int(y * den)) for y in x], hex(int(den))
    return c


# QuantEcon

PUTERMAN_R, PUTERMAN_Q = np.array([[5, 10], [-1, -np.inf]]), np.array([[[.5, .5], [0, 1]],
                                                                       [[0, 1], [0, 1]]])
FORMS = {"product": lambda R, Q, beta: mdp.from_quantecon(R, Q, beta),
         "Fortran order": lambda R, Q, beta: mdp.from_quantecon(R, np.asfortranarray(Q), beta),
         "pairs": lambda R, Q, beta: mdp.from_quantecon(R[R > -np.inf], Q[R > -np.inf], beta,
                                                        *np.nonzero(R > -np.inf)),
         "sparse pairs": lambda R, Q, beta: mdp.from_quantecon(R[R > -np.inf],
                                                               sp.csr_array(Q[R > -np.inf]), beta,
                                                               *np.nonzero(R > -np.inf)),
         "there and back": lambda R, Q, beta: mdp.from_quantecon(
             *mdp.to_quantecon(mdp.from_quantecon(R, Q, beta)))}


@pytest.mark.parametrize("method", METHODS["discounted"])
@pytest.mark.parametrize("form", FORMS)
def test_putermans_two_states_and_a_discount_of_zero(form, method):
    """Analytic: v* = (5 - 5.5 b) / ((1 - 0.5 b)(1 - b)), -1 / (1 - b) for b > 10/11; and with b = 0
    the best reward."""
    b = Fraction(19, 20)
    m = FORMS[form](PUTERMAN_R, PUTERMAN_Q, .95)
    s = mdp.solve(m, method=method, tol=1e-6)
    exact = [(5 - Fraction(11, 2) * b) / ((1 - b / 2) * (1 - b)), -1 / (1 - b)]
    assert list(certified(m).v) == exact == [Fraction(-60, 7), -20]
    assert s.converged and contains(s, dict(enumerate(exact)),
                                    range(2)) and s.policy.tolist() == [0, 0]
    s = mdp.solve(FORMS[form](np.array([[0, 1], [1, 0], [0, 1]]), np.full((3, 2, 3), 1 / 3), 0),
                  method=method)
    assert s.policy.tolist() == [1, 0, 1] and s.v.tolist() == pytest.approx([1, 1, 1], abs=1e-12)


def test_pairs_in_any_order_are_the_same_process():
    Q, R = np.array([[1, 0], [.5, .5], [0, 1]]), np.array([0, 1, 2])
    state, action = np.array([0, 0, 1]), np.array([0, 1, 0])
    expected = rational(mdp.from_quantecon(R, Q, .95, state, action)).hash
    for order, form in itertools.product(itertools.permutations(range(3)),
                                         (np.asarray, sp.csr_array)):
        order = list(order)
        assert rational(mdp.from_quantecon(R[order], form(Q[order]), .95, state[order],
                                           action[order])).hash == expected


@pytest.mark.parametrize("wrong", [
    (dict(R=[[0, 1], [0, -np.inf], [-np.inf, -np.inf]], Q=np.full((3, 2, 3), 1 / 3)),
     "state 2 has no feasible action"),
    (dict(R=[0, 1, 0, -np.inf, -np.inf, -np.inf], Q=np.full((6, 3), 1 / 3),
          s_indices=[0, 0, 1, 1, 2, 2], a_indices=[0, 1, 0, 1, 0, 1]),
          "state 2 has no feasible action"),
    (dict(R=[1, 0, 0, 1], Q=np.full((4, 3), 1 / 3), s_indices=[0, 0, 2, 2], a_indices=[0, 1, 0, 1]),
     "state 1 has no feasible action"),
    (dict(R=[1, 0, 0, 1], Q=np.full((4, 3), 1 / 3), s_indices=[0, 0, 1, 1], a_indices=[0, 1, 0, 1]),
     "state 2 has no feasible action"),
    (dict(R=[1, 0, 0, 1], Q=np.full((4, 3), 1 / 3), s_indices=[1, 0, 1, 0], a_indices=[0, 0, 1, 1]),
     "state 2 has no feasible action"),
    (dict(R=[1, 2, 3, 4], Q=[[.5, .5], [1, 0], [.25, .75], [.6, .4]], s_indices=[1, 1, 0, 0],
          a_indices=[0, 0, 0, 1]), r"pair \(1, 0\) appears twice"),
    (dict(R=[1, 2], Q=np.eye(2), s_indices=[0, 2], a_indices=[0, 0]),
     r"state\[1\] is 2, outside \[0, 2\)"),
    (dict(R=[1, 2], Q=np.eye(2), s_indices=[2, 0], a_indices=[0, 0]),
     r"state\[0\] is 2, outside \[0, 2\)"),
    (dict(R=[1, 2], Q=np.eye(2), s_indices=[-1, 0], a_indices=[0, 0]),
     r"state\[0\] is -1, outside"),
    (dict(R=[1, 2], Q=np.eye(2), s_indices=[0, 1], a_indices=[0, -1]),
     r"action\[1\] is -1, outside"),
])
def test_what_quantecon_refuses_is_refused_here_with_the_numbers(wrong):
    arguments, message = wrong
    R, Q = arguments.pop("R"), arguments.pop("Q")
    for form in (np.asarray, sp.csr_array) if np.ndim(Q) == 2 else (np.asarray,):
        with pytest.raises(ValueError, match=message) as error:
            mdp.from_quantecon(R, form(Q), .95, *arguments.values())
        assert "\n" not in str(error.value)


def test_no_sweeps_and_no_discount_are_refused_or_another_criterion():
    m = mdp.from_quantecon([[0, 1], [1, 0]], np.full((2, 2, 2), .5), .95)
    for cap in (0, -1):
        with pytest.raises(ValueError, match=f"max_iterations must be an integer >= 1, is {cap}"):
            mdp.solve(m, method="value_iteration", max_iterations=cap)
    # theirs: not implemented
    undiscounted = mdp.from_quantecon([[0, 1], [1, 0]], np.full((2, 2, 2), .5), 1)
    with pytest.raises(ValueError, match="needs gamma < 1, gamma is 1"):
        mdp.solve(undiscounted, criterion="discounted")
    assert certified(undiscounted, criterion="average").gain.tolist() == [1, 1]
    assert mdp.solve(undiscounted).v.tolist() == [np.inf, np.inf]


# pymdptoolbox

SMALL_P, SMALL_R = np.array([[[.5, .5], [.8, .2]], [[0, 1], [.1, .9]]]), np.array([[5, 10],
                                                                                   [-1, 2]])


def small(gamma):
    return mdp.from_mdptoolbox(SMALL_P, SMALL_R, gamma)


def test_rows_of_exact_methods_in_pymdptoolbox_hold():
    s = certified(small("9/10"))
    assert list(s.v) == [Fraction(1825, 43), Fraction(1550, 43)] and s.policy.tolist() == [1, 0]
    assert [float(x) for x in certified(small("24/25")).v] == pytest.approx([100.67873303167413,
                                                                             94.45701357466055],
                                                                             rel=1e-14)
    for P in (SMALL_P, [sp.csr_matrix(p) for p in SMALL_P]):
        assert list(certified(mdp.from_mdptoolbox(P, SMALL_R, 1),
                              criterion="average").gain) == [Fraction(35, 9)] * 2
    forest = mdp.problems.forest
    for gamma, v in (("9/10", (26.244, 29.484, 33.484)), ("24/25", (74.6496, 78.1056, 82.1056))):
        s = certified(forest(gamma))
        assert [float(x) for x in s.v] == pytest.approx(v, rel=1e-15) and s.policy.tolist() == [0,
                                                                                                0,
                                                                                                0]
    assert list(certified(forest(), criterion="average").gain) == [Fraction(81, 25)] * 3
    wait = certified(follow(forest("9/10"), [0, 1, 0]))  # evalPolicyMatrix of (wait, cut, wait)
    assert [float(x) for x in wait.v] == pytest.approx([4.47513812154696, 5.02762430939227,
                                                        23.17243384704857], rel=1e-14)


def test_nine_states_through_dense_and_sparse_arrays():
    """test_issue7.py: the same process as dense or sparse P with dense or sparse R per transition.
    """
    outcomes = [[{3: .64, 6: .36}, {4: .93, 7: .07}, {5: .2, 8: .8}, {3: 1}, {4: 1}, {5: 1}, {6: 1},
                 {7: 1}, {8: 1}],
                [{2: .4, 4: .6}, {4: 1}, {2: 1}, {4: .87, 5: .13}, {4: 1}, {5: 1}, {7: .11, 8: .89},
                 {7: 1}, {8: 1}]]
    P, R = np.zeros((2, 9, 9)), np.zeros((2, 9, 9))
    for a, rows in enumerate(outcomes):
        for s, row in enumerate(rows):
            P[a, s, list(row)] = list(row.values())
    R[1, :2, 4] = 1
    hashes = set()
    for p, r in itertools.product((P, [sp.csr_matrix(x) for x in P]),
                                  (R, [sp.csr_matrix(x) for x in R])):
        m = mdp.from_mdptoolbox(p, r, .9)
        s = certified(m)
        assert list(s.v) == [Fraction(3, 5), 1] + [0] * 7 and s.policy[:2].tolist() == [1, 1]
        assert [len(a) for a in s.optimal_actions] == [1, 1] + [2] * 7
        hashes.add(rational(m).hash)
    assert len(hashes) == 1


STOPPED = {  # where an iteration stopped, pinned as if it were the value
    "ValueIteration, small": (lambda: small("9/10"), [40.048625392716822, 33.65371175967546]),
    "PolicyIterationModified, small": (lambda: small("9/10"), [41.8656419239403, 35.4702797722819]),
    "ValueIterationGS, forest": (lambda: mdp.problems.forest(),
                                 [25.5833879767579, 28.8306546355469, 32.8306546355469]),
    "PolicyIteration by sweeps, forest": (lambda: mdp.problems.forest(),
                                          [26.2439058351861, 29.4839058351861, 33.4839058351861]),
}


@pytest.mark.parametrize("name", STOPPED)
def test_a_value_that_only_stopped_changing_is_refused_by_the_checker_and_by_every_bound(name):
    make, pinned = STOPPED[name]
    m = make()
    s = certified(m)
    assert not mdp.verify(m, claims(s, v=pinned)) and mdp.verify(m, claims(s, v=s.v))
    for method in METHODS["discounted"]:
        f = mdp.solve(m, method=method, tol=1e-6 / max(1, *np.abs(s.v.astype(float))))
        assert f.converged and contains(f, dict(enumerate(s.v)), range(m.num_states))
        assert np.abs(f.v - s.v.astype(float)).max() <= 1e-6
        assert all(x < low or x > high for x, low, high in zip(pinned, f.lower, f.upper))


def test_a_gain_that_only_stopped_changing_is_refused():
    """RelativeValueIteration pins 3.88523524641183 for 35/9."""
    m = small(1)
    s = certified(m, criterion="average")
    assert not mdp.verify(m, claims(s, gain=[3.88523524641183] * 2))
    assert mdp.verify(m, claims(s, gain=s.gain))
    f = mdp.solve(m, criterion="average")
    assert f.lower[0] > 3.88523524641183 and f.lower[0] <= 35 / 9 <= f.upper[0]


# aima-python

def aima(rows, terminals, gamma="9/10"):
    """A grid as the book's code writes it: rewards by row from the top, None a wall, (x, y) from
    the bottom left; R(s) on leaving s."""
    height = len(rows)
    reward = {(x, height - 1 - y): str(r) for y, row in enumerate(rows)
              for x, r in enumerate(row) if r is not None}
    ways = {"^": (0, 1), ">": (1, 0), "v": (0, -1), "<": (-1, 0)}
    out = {}
    for (x, y), r in reward.items():
        out[x, y] = {".": [(1, "end", r)]} if (x, y) in terminals else {}
        for name, (dx, dy) in ways.items() if (x, y) not in terminals else ():
            cells = [(p, (x + a, y + b))
                     for p, a, b in (("4/5", dx, dy), ("1/10", dy, -dx), ("1/10", -dy, dx))]
            out[x, y][name] = [(p, cell if cell in reward else (x, y), r) for p, cell in cells]
    return mdp.MDP.from_dict(out | {"end": {}}, gamma, actions=[*ways, "."])


def four_by_three(r):
    return aima([[r, r, r, 1], [r, None, r, -1], [r, r, r, r]], [(3, 2), (3, 1)])


AIMA = {  # values by its value iteration with epsilon = 0.01, arrows by row from the top
    "-0.04": (four_by_three(-.04), {(3, 0): 0.12958868267972745, (0, 1): 0.39810203830605462,
                                    (0, 2): 0.50928545646220924, (1, 0): 0.25348746162470537,
                                    (0, 0): 0.29543540628363629, (1, 2): 0.64958064617168676,
                                    (2, 0): 0.34461306281476806, (2, 1): 0.48643676237737926,
                                    (2, 2): 0.79536093684710951}, (">>>.", "^ ^.", "^>^<")),
    "-0.1": (four_by_three(-.1), {(3, 0): -0.0897388258468311, (0, 1): 0.14641970739896784,
                                  (0, 2): 0.30596200514385086, (1, 0): 0.0100927964156258,
                                  (0, 0): 0.00633408092008296, (1, 2): 0.5073901933808274,
                                  (2, 0): 0.1507224214521201, (2, 1): 0.35830904365421257,
                                  (2, 2): 0.7167549361899784}, (">>>.", "^ ^.", "^>^<")),
    "-2": (four_by_three(-2), {(3, 0): -3.5141584808407855, (0, 1): -7.800000957473718,
                               (0, 2): -6.106429359605883, (1, 0): -7.101254958037676,
                               (0, 0): -8.58722445327832, (1, 2): -3.965354712124581,
                               (2, 0): -5.309946880290163, (2, 1): -3.3543366255753995,
                               (2, 2): -1.738337646293049}, (">>>.", "^ >.", ">>>^")),
    "6 x 5": (aima([[-1.0, -.1, -.1, -.1, -.1, .5], [-.1, None, None, -.5, -.1, -.1],
                    [-.1, None, 1.0, 3.0, None, -.1], [-.1, -.1, -.1, None, None, -.1],
                    [.5, -.1, -.1, -.1, -.1, -1.0]], [(2, 2), (3, 2), (0, 4), (5, 0)]),
              {(0, 0): 4.350592130345558, (0, 1): 3.640700980321895, (0, 2): 3.0734806370346943,
               (0, 3): 2.5754335063434937, (1, 0): 3.640700980321895,
               (1, 1): 3.129579352304856, (1, 4): 2.0787517066719916, (2, 0): 3.0259220379893352,
               (2, 1): 2.5926103577982897, (2, 4): 2.507774181360808,
               (3, 0): 2.5336747364500076, (3, 3): 2.292172805400873, (3, 4): 2.996383110867515,
               (4, 0): 2.1014575936349886, (4, 3): 3.1297590518608907,
               (4, 4): 3.6408806798779287, (5, 1): 2.5756132058995282, (5, 2): 3.0736603365907276,
               (5, 3): 3.6408806798779287, (5, 4): 4.350771829901593},
              (".>>>>>", "v  >>^", "v .. ^", "v<v  ^", "<<<<<.")),
}


@pytest.mark.parametrize("name", AIMA)
def test_aimas_grids_have_its_policies_and_its_values_up_to_its_own_error(name):
    """Its rule promises an error of epsilon / gamma = 0.0111, and comes near it on the larger grid;
    refused as values."""
    m, values, arrows = AIMA[name]
    s = certified(m)
    v = dict(zip(m.state_names, s.v))
    off = [abs(float(v[cell]) - x) for cell, x in values.items()]
    assert 1e-6 < max(off) <= (.01 / .9 if name == "6 x 5" else 2e-3)
    for row, line in enumerate(arrows):
        for x, arrow in enumerate(line):
            if arrow in "^>v<":
                best = s.optimal_actions[m.state((x, len(arrows) - 1 - row))]
                assert m.action_names.index(arrow) in best, (x, row)
    assert not mdp.verify(m, claims(s, v=[values.get(cell, v[cell]) for cell in m.state_names]))


# DiscreteValueIteration.jl

def leaking_grid(columns, rows, rewards):
    """(P, R) of its legacy grid: cell (x, y), states x fastest, then the end. 7/10 ahead, the rest
    shared by the other cells next to this one; over the border: stays. Cells with a positive reward
    end. Where there is no other cell next to it, the rest is lost."""
    ways, S = [(0, 1), (0, -1), (-1, 0), (1, 0)], columns * rows + 1
    place = lambda x, y: (y - 1) * columns + x - 1                       # noqa: E731
    inside = lambda x, y: 1 <= x <= columns and 1 <= y <= rows           # noqa: E731
    P, R = np.full((S, 4, S), Fraction(0)), np.full((S, 4), Fraction(0))
    for y, x, a in itertools.product(range(1, rows + 1), range(1, columns + 1), range(4)):
        s, near = place(x, y), [(x + dx, y + dy) for dx, dy in ways]
        R[s, a] = Fraction(rewards.get((x, y), 0))
        if R[s, a] > 0:
            P[s, a, -1] = Fraction(1)
        elif not inside(*near[a]):
            P[s, a, s] = Fraction(1)
        else:
            P[s, a, place(*near[a])] = Fraction(7, 10)
            others = [cell for b, cell in enumerate(near) if b != a and inside(*cell)]
            for cell in others:
                P[s, a, place(*cell)] = Fraction(3, 10) / len(others)
    return P, R


def test_a_q_matrix_after_28_sweeps_is_close_to_the_optimum_and_refused_as_one():
    """One sweep in place after another until nothing changes by 1e-3 takes 28, and ends 1.8e-3 from
    Q*, whose test asserts 1e-5 against itself."""
    P, R = leaking_grid(10, 10, {(4, 3): -10, (4, 6): -5, (9, 3): 10, (8, 8): 3})
    m = mdp.MDP(P, R, "19/20", terminal=[100])
    s = certified(m)
    best = np.array([[float(R[x, a] + Fraction(19, 20) * (P[x, a] @ s.v)) for a in range(4)]
                     for x in range(101)])
    p, v, q, sweeps, change = P.astype(float), np.zeros(101), np.zeros((101, 4)), 0, 1.0
    while change >= 1e-3:
        sweeps, change = sweeps + 1, 0.0
        for x in range(100):
            q[x] = R[x].astype(float) + .95 * (p[x] @ v)
            change, v[x] = max(change, abs(q[x].max() - v[x])), q[x].max()
    assert sweeps == 28 and 1.7e-3 < np.abs(q - best).max() < 1.9e-3
    assert not mdp.verify(m, claims(s, v=v))
    path = data_folder() / "mdp" / "dvi" / "grid-world-10x10-Q-matrix.txt"
    if path.exists():  # the file itself, where somebody put it
        np.testing.assert_allclose(q, np.loadtxt(path), atol=1e-12)


def test_a_row_that_loses_three_tenths_is_refused_and_its_printed_values_need_the_leak():
    """The 1 x 3 world: the first cell has one neighbour, and 3/10 of its row go nowhere; v =
    (5.456368, 8.205065, 10) all the same."""
    P, R = leaking_grid(1, 3, {(1, 3): 10})
    with pytest.raises(ValueError, match=r"state 0, action 0 sum to 7/10, not to 1"):
        mdp.MDP(P, R, "19/20", terminal=[3])
    P[..., -1] += 1 - P.sum(2)
    s = certified(mdp.MDP(P, R, "19/20", terminal=[3]))
    assert [float(x) for x in s.v[:3]] == pytest.approx([5.456368, 8.205065, 10], abs=5e-7)


# msdm, PRISM

def test_counters_coins_and_dead_ends():
    def counter(goal, gamma):
        return mdp.MDP.from_dict({s: {} if s == goal
                                  else {d: [(1, s + d if 0 <= s + d else s, -1)]
                                        for d in (1, -1)}
                                        for s in range(goal + 1)}, gamma)

    assert list(certified(counter(5, 1)).v) == [-5, -4, -3, -2, -1, 0]
    assert list(certified(counter(3, "9/10")).v) == [Fraction(-271, 100), Fraction(-19, 10), -1, 0]
    unreachable = {**counter(2, 1).to_dict(),
                   "below": {1: [(1, "below", -1)], -1: [(1, "below", -1)]}}
    assert list(certified(mdp.MDP.from_dict(unreachable, 1)).v) == [-2, -1, 0, float("-inf")]
    assert certified(mdp.MDP.from_dict(unreachable, "9/10")).v[3] == -10
    for p, gamma in itertools.product((Fraction(1, 2), Fraction(1, 10)),
                                      (Fraction(1), Fraction(9, 10))):
        geometric = mdp.MDP.from_dict({0: {"flip": [(1 - p, 0, -1), (p, 1, -1)],
                                           "wait": [(1, 0, -1)]}, 1: {}}, gamma)
        s = certified(geometric)
        assert s.v[0] == -1 / (1 - (1 - p) * gamma) and s.optimal_actions[0] == {0}


def test_the_bandit_with_dead_ends():
    """Ghallab, Nau, Traverso, figure 6.1: three reels; pull one, unless two agree, then only the
    third. bbb and ccc win, aaa is a dead end."""
    names, pull = ["".join(s) for s in itertools.product("abc", repeat=3)], {"left": 0, "mid": 1,
                                                                             "right": 2}
    out = {}
    for s in names:
        odd = [a for a, i in pull.items() if len(set(s) - {s[i]}) == 1 and s.count(s[i]) == 1]
        free = [] if len(set(s)) == 1 else odd if len(set(s)) == 2 else list(pull)
        out[s] = {a: [("1/3", s[:pull[a]] + letter + s[pull[a] + 1:], -1) for letter in "abc"]
                  for a in free}
    out["lost"] = {"stay": [(1, "lost", -1)]}
    out["aaa"] = {"stay": [(1, "lost", -1)]}
    m = mdp.MDP.from_dict(out, 1)
    s = certified(m, goal=[m.state("bbb"), m.state("ccc")])
    v = dict(zip(m.state_names, s.v))
    assert v["bbb"] == 0 and v["aaa"] == v["lost"] == v["aab"] == v["aba"] == float("-inf")
    # from bbx the odd reel is pulled until it shows b; from abc two letters of three lead to such a
    # state: v = -1 + v / 3 - 2 / 3 * 3
    assert v["bba"] == v["bbc"] == v["ccb"] == -3 and v["abc"] == Fraction(-9, 2)
    f = mdp.solve(m, goal=[m.state("bbb"), m.state("ccc")])
    assert all(low <= x <= high for low, x, high in zip(f.lower.tolist(), s.v, f.upper.tolist()))


def test_the_probability_never_to_shut_down_before_a_warning():
    m = mdp.MDP.from_dict({"s0": {"detect": [("4/5", "s1", 0), ("1/5", "s2", 0)]},
                           "s1": {"warn": [(1, "safe", 0)]}, "s2": {"shutdown": [(1, "error", 0)]},
                           "safe": {}, "error": {}}, 1)
    assert 1 - certified(mdp.transforms.reachability(m, [m.state("error")])).v[0] == Fraction(4, 5)


# Silver

def test_the_student_reward_process_in_fractions_and_on_the_slides():
    exact = {"0": "-2 -2 -2 10 1 -1 0", "9/10": "-17573620/3505799 3304760/3505799 "
                                                "14328275/3505799 10 6690440/3505799 "
                                                "-26775920/3505799 0",
             "1": "-1016/81 118/81 350/81 10 65/81 -1826/81 0"}
    for published in PUBLISHED_REWARD_PROCESS:
        s = certified(mdp.problems.student_reward_process(published.gamma).to_mdp())
        assert list(s.v) == [Fraction(x) for x in exact[published.gamma].split()]
        assert not published.misses({name: float(x) for name, x in zip(STATES, s.v)})


def test_the_pseudo_inverse_at_gamma_1_is_refused():
    """It prints -9.899 for C1, where -1016/81 is right."""
    process = mdp.problems.student_reward_process(1)
    wrong = np.linalg.pinv(np.eye(7) - process.P.toarray()) @ process.R
    m = process.to_mdp()
    s = certified(m)
    assert round(wrong[0], 3) == -9.899 and not mdp.verify(m, claims(s, v=wrong))
    assert not mdp.verify(m, claims(s, v=wrong - wrong[6]))
    f = mdp.solve(m)
    assert f.lower[0] <= Fraction(-1016, 81) <= f.upper[0] < wrong[0]


def uniform(m):
    return np.array([[Fraction(int(x), max(int(row.sum()), 1)) for x in row]
                     for row in m.available], object)


def test_the_uniform_policy_of_the_student_and_of_both_grids_in_fractions():
    student = mdp.problems.student()
    assert list(certified(follow(student, uniform(student))).v) == [Fraction(x, 13)
                                                                    for x in (-30, -17, 35, 96, 0)]
    four = mdp.problems.gridworld_4x4()
    assert list(certified(follow(four, uniform(four))).v) == [0, -14, -20, -22, -14, -18, -20, -20,
                                                              -20, -20, -18, -14, -22, -20, -14, 0]
    five = mdp.problems.gridworld()
    printed = ("3.3090 8.7893 4.4276 5.3224 1.4922 1.5216 2.9923 2.2501 1.9076 .5474 .0508 .7382 "
               ".6731 .3582 -.4031 "
               "-.9736 -.4355 -.3549 -.5856 -1.1831 -1.8577 -1.3452 -1.2293 -1.4229 -1.9752")
    s = certified(follow(five, uniform(five)))
    assert all(abs(x - Fraction(y)) <= Fraction(1, 20000) for x, y in zip(s.v, printed.split()))


def howard(m, policy):
    """Howard's iteration in floats, keeping what is best already: the policies it visits, the first
    included."""
    visited = [np.array(policy)]
    while True:
        q = mdp.evaluate(m, visited[-1]).q
        kept = q[np.arange(m.num_states), visited[-1]] >= np.nanmax(q, axis=1) - 1e-9
        better = np.where(kept, visited[-1], np.nanargmax(q, axis=1))
        if (better == visited[-1]).all():
            return visited
        visited.append(better)


def test_policy_iteration_on_the_grid_evaluates_three_policies_from_north():
    m = mdp.problems.gridworld()
    visited = howard(m, np.full(25, m.action_names.index("north")))
    assert len(visited) == 3 and all(a in best
                                     for a, best in zip(visited[-1], certified(m).optimal_actions))


# Jack's car rental

def test_jacks_policy_changes_four_times():
    """Sutton and Barto, figure 4.2: from moving nothing, pi_1 to pi_4, and pi_4 is the best."""
    m = mdp.problems.car_rental()
    visited = howard(m, np.full(441, m.action_names.index(0)))
    moves = [np.array(m.action_names)[policy].reshape(21, 21) for policy in visited]
    assert len(visited) - 1 == 4
    s = mdp.solve(m, tol=1e-11)                                          # times the largest value
    v = [mdp.evaluate(m, policy).v for policy in visited]
    assert all((later >= earlier - 1e-9).all() for earlier, later in zip(v, v[1:]))
    assert np.abs(v[-1] - s.v).max() < 1e-8
    # what the figure shows of pi_4: full first place, empty second: five cars go over; the other
    # way at most four
    assert moves[4][20, 0] == 5 and moves[4].max() == 5 and moves[4].min() == -4
    assert moves[4][10, 10] == moves[4][0, 0] == 0
    assert (np.diff(moves[4], axis=0) >= 0).all() and (np.diff(moves[4], axis=1) <= 0).all()


def test_jacks_poisson_laws_cut_off_at_eleven_are_refused():
    """A well-known program leaves out the tail: v(20, 20) = 617.90 instead of 636.99, and another
    policy."""
    m = mdp.problems.car_rental()
    # 0 to 10
    def poisson(rate):
        return np.exp(-rate) * np.cumprod(np.r_[1.0, rate / np.arange(1, 11)])

    law, earned = [], []
    for rent, back in ((3, 3), (4, 2)):
        one, gain = np.zeros((21, 21)), np.zeros(21)
        for n, (k, p) in itertools.product(range(21), enumerate(poisson(rent))):
            gain[n] += p * min(k, n) * 10
            for b, q in enumerate(poisson(back)):
                one[n, min(n - min(k, n) + b, 20)] += p * q
        law.append(one), earned.append(gain)
    q = np.full((441, 11), -np.inf)
    P, R = np.zeros((441, 11, 441)), np.zeros((441, 11))
    for s, (i, j) in enumerate(m.state_names):
        for a in np.flatnonzero(m.available[s]):
            one, two = min(i - m.action_names[a], 20), min(j + m.action_names[a], 20)
            P[s, a] = np.outer(law[0][one], law[1][two]).ravel()
            R[s, a] = earned[0][one] + earned[1][two] - 2 * abs(m.action_names[a])
    with pytest.raises(ValueError, match=r"P: the probabilities of state 0, action 5 sum to "
                                         r"0\.9965.*, not to 1"):
        mdp.MDP(P, R, .9, available=m.available)
    v = np.zeros(441)
    for _ in range(300):
        q[m.available] = (R + .9 * (P @ v))[m.available]
        v = q.max(1)
    assert v[440] == pytest.approx(617.90, abs=.005)
    s, proof = mdp.solve(m), mdp.certify(m, v)
    assert s.lower[440] > 636.98 and (q.argmax(1) != s.policy).any()
    # its values refute themselves where the rows are whole: the bounds that one sweep proves do not
    # close
    assert (proof.upper - proof.lower).min() > 1 and (proof.lower <= s.upper).all()
    assert (s.lower <= proof.upper).all()


# the discount as a probability to end: the same fractions

def test_a_discount_is_a_chance_to_end_in_the_same_fractions():
    """gamma times every probability, the rest to an end: Garnet, 60 states, 19/20, as discounted
    and as total reward."""
    m = garnet_in_fractions(60, 4).replace(gamma="19/20")
    g = Fraction(19, 20)
    rows = {s: {a: [(p * g, t, r) for p, t, r in o] + [((1 - g) * p, "end", r) for p, t, r in o]
                for a, o in c.items()} for s, c in m.to_dict().items()}
    discounted, ending = certified(m), certified(mdp.MDP.from_dict(rows | {"end": {}}, 1))
    assert list(discounted.v) == list(ending.v)[:-1]
    assert discounted.optimal_actions == ending.optimal_actions[:-1]


def test_a_thousand_states_in_fractions():
    """Garnet: 4 actions, rows of small fractions, 19/20: denominators of thousands of bits, and the
    checker agrees."""
    m = garnet_in_fractions(1000, 4).replace(gamma="19/20")
    s = certified(m)
    assert max(x.denominator for x in s.v).bit_length() > 3000
    f = mdp.solve(m, tol=1e-7)
    assert contains(f, dict(enumerate(s.v)),
                    range(1000)) and all(a in best for a, best in zip(f.policy, s.optimal_actions))


def test_a_semi_markov_process_solved_by_hand_in_fractions():
    m, step = mdp.transforms.semi_markov([[[0, 1], [1, 0]], [[1, 0], [1, 0]]], [[5, 1], [2, 2]],
                                         [[2, 1], ["1/2", "1/2"]])
    assert certified(m, criterion="average").gain[0] / step == Fraction(14, 5)
