"""Check a certificate of solve_exact: integers only, one short function per criterion, nothing of any solver.

What is believed afterwards follows from a few lines of mathematics, not from how the numbers were found:

    discounted       v = r + gamma P v for the policy and v >= r + gamma P v for every pair: v is the policy's value and nobody's is larger
    finite horizon   the same, step by step
    total            see `_total`
    average          g = P g and g + h = r + P h for the policy, so its gain is g; g >= P g for every pair, and g + h >= r + P h where that is an equality:
                     no gain is larger (Puterman 1994, theorem 9.1.2). h = w - P w for some w: the bias has mean zero in every class

Read first: rational.py.
"""

from .rational import rational


def verify(m, certificate):
    """True if every statement of the certificate is a fact about this very process (the hash is compared first)."""
    R = rational(m)
    try:
        c = certificate
        if c["format"] != "mdp-certificate" or c["version"] != 1 or c["model"] != R.hash or type(c["minimize"]) is not bool:
            return False
        return bool(CHECKS[c["criterion"]](R, c))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return False


def _numbers(c, n):
    """(numerators, denominator), checked for their form."""
    num, den = [int(x, 16) for x in c["num"]], int(c["den"], 16)
    if len(num) != n or den <= 0:
        raise ValueError("not n numbers over one positive denominator")
    return num, den


def _gap(R, k, now, after, discounted=True, owner=None):
    """v(s) - r(k) - gamma sum P(t | k) v'(t), times a positive integer; now = (num, den) of v, after of v'."""
    (gn, gd), (rn, rd), D = R.g[k] if discounted else (1, 1), R.r[k], R.D[k]
    (N, L), (M, H) = now, after
    s = R.owner[k]
    return rd * (gd * D * N[s] * H - gn * sum(n * M[t] for t, n in zip(R.next[k], R.n[k])) * L) - gd * D * rn * L * H


def _pairs(R, policy):
    """The pair of each state's action; None where terminal; IndexError or ValueError if there is no such action."""
    if len(policy) != R.S:
        raise ValueError("not one action for each state")
    out = []
    for s, a in enumerate(policy):
        own = range(R.pair_ptr[s], R.pair_ptr[s + 1])
        if not len(own) and a != -1:
            raise ValueError("an action in a terminal state")
        out.append(next(k for k in own if R.action[k] == a) if len(own) else None)
    return out


def _step(R, c, policy, slack, now, after):
    """One application of the Bellman equation: equality for the policy, inequality for all, the signs of the slack as stated."""
    side = -1 if c["minimize"] else 1
    gaps = [side * _gap(R, k, now, after) for k in range(len(R.owner))]
    return (len(slack) == len(gaps) and all(g >= 0 and x == int(g > 0) for g, x in zip(gaps, slack))
            and all(k is None or gaps[k] == 0 for k in _pairs(R, policy)))


def _discounted(R, c):
    v = _numbers(c, R.S)
    ended = all(v[0][s] == 0 for s in range(R.S) if R.pair_ptr[s] == R.pair_ptr[s + 1])
    return ended and all(gn < gd for gn, gd in R.g) and _step(R, c, c["policy"], c["slack"], v, v)


def _finite_horizon(R, c):
    T, steps = c["horizon"], [_numbers(x, R.S) for x in c["steps"]]
    if type(T) is not int or not len(steps) - 1 == len(c["policy"]) == len(c["slack"]) == T:
        return False
    for t in range(T):
        (N, L), (M, H) = steps[t], steps[t + 1]
        ended = all(N[s] * H == M[s] * L for s in range(R.S) if R.pair_ptr[s] == R.pair_ptr[s + 1])
        if not ended or not _step(R, c, c["policy"][t], c["slack"][t], steps[t], steps[t + 1]):
            return False
    return True


def _average(R, c):
    g, h, w = (_numbers(c[name], R.S) for name in ("gain", "bias", "centre"))
    side, signs = -1 if c["minimize"] else 1, c["slack"]
    if len(signs) != len(R.owner) or any(x[0][s] for x in (g, h, w) for s in range(R.S) if R.pair_ptr[s] == R.pair_ptr[s + 1]):
        return False
    mean = lambda k, x: sum(n * x[0][t] for t, n in zip(R.next[k], R.n[k]))                # noqa: E731   times D x.den
    for k, s in enumerate(R.owner):
        D, (rn, rd) = R.D[k], R.r[k]
        lost = side * (D * g[0][s] - mean(k, g))
        if lost < 0 or (signs[k] == 2) != (lost > 0):
            return False
        lost = side * (rd * (D * g[0][s] * h[1] + (D * h[0][s] - mean(k, h)) * g[1]) - D * rn * g[1] * h[1])
        if signs[k] != 2 and (lost < 0 or signs[k] != int(lost > 0)):
            return False
    for s, k in enumerate(_pairs(R, c["policy"])):
        if k is not None and (signs[k] != 0 or (R.D[k] * w[0][s] - mean(k, w)) * h[1] != R.D[k] * h[0][s] * w[1]):
            return False
    return True


def _total(R, c):
    """Total reward, with or without a goal; maximising in these words.

    finite states   v = r + P v for the policy, whose rank some successor lowers until it has ended: its value is v.
                    v >= r + P v for every pair that cannot lead to -inf, and none leads to inf
    without a goal  a potential u >= r + P u: whoever stays in a set of pairs for ever loses, unless all of them are tight. The ranks show that
                    tight pairs are left in the end, but for those inside a component, where nothing is paid and v >= 0
    -inf            layers: every pair stays in its layer or may fall to a lower one, so that no policy ends (reaches the goal) surely
    inf             a rank leads to states in which r + P h >= gain + h with gain > 0, and back (with a goal), past no -inf
    miss = inf      every pair of a finite state has a successor of smaller rank; inf are states that may stay away from the goal
    """
    side, S, pairs = -1 if c["minimize"] else 1, R.S, _pairs(R, c["policy"])
    inf = [side * x for x in c["infinite"]]
    goal = None if c["goal"] is None else set(c["goal"])
    known, bare = goal or set(), [R.pair_ptr[s] == R.pair_ptr[s + 1] for s in range(S)]
    v = _numbers(c, S)
    if len(inf) != S or set(inf) - {0, 1, -1} or len(c["slack"]) != len(R.owner) or any(not 0 <= s < S or type(s) is not int for s in known):
        return False
    F, miss = [x == 0 for x in inf], None if goal is None else side * {"inf": 1, "-inf": -1}[c["miss"]]
    if any(v[0][s] and (not F[s] or s in known or goal is None and bare[s]) or s in known and not F[s] for s in range(S)):
        return False
    ends = known if goal is not None else {s for s in range(S) if bare[s] or F[s] and c["rank"][s] == 0}
    if goal is None and any(v[0][s] or pairs[s] is not None and not (R.zero[pairs[s]] and all(t in ends for t in R.next[pairs[s]])) for s in ends):
        return False
    for k, s in enumerate(R.owner):                                                       # the Bellman equation, in the extended numbers
        up, down = any(inf[t] > 0 for t in R.next[k]), any(inf[t] < 0 for t in R.next[k])
        q = -1 if down else 1 if up else 0
        if s in known:
            expected = 1
        elif q or inf[s]:
            expected = int(q != inf[s])
            if F[s] and q > 0 or inf[s] < 0 < q:
                return False
        else:
            gap = side * _gap(R, k, v, v, discounted=False)
            expected = int(gap != 0)
            if gap < 0:
                return False
        if c["slack"][k] != expected:
            return False
    if any(k is not None and s not in known and c["slack"][k] for s, k in enumerate(pairs)):
        return False
    for s in range(S):                                                                    # the policy of the finite states ends
        if F[s] and s not in ends:
            k = pairs[s]
            if k is None or c["slack"][k] or any(not F[t] for t in R.next[k]) or not any(t in ends or c["rank"][t] < c["rank"][s] for t in R.next[k]) or c["rank"][s] < 1:
                return False
    if miss == 1:
        return _avoidable(R, c, inf, known, bare)
    if goal is None and not _loses(R, c, inf, v, side):
        return False
    over = known if goal is not None else {s for s in range(S) if bare[s] or c["component"][s] >= 0}
    for s in range(S):                                                                    # -inf
        if inf[s] < 0:
            own = range(R.pair_ptr[s], R.pair_ptr[s + 1])
            here = c["layer"][s]
            if s in over or here < 1 or not all(any(inf[t] < 0 and 0 < c["layer"][t] < here for t in R.next[k])
                                                or all(inf[t] < 0 and c["layer"][t] == here for t in R.next[k]) for k in own):
                return False
    return _gains(R, c, inf, F, known, side) if 1 in inf else True


def _loses(R, c, inf, v, side):
    """Staying for ever outside the components loses; inside them nothing is paid."""
    label, tight = c["component"], c["tight"]
    u, away = (_numbers(c["potential"], R.S), 1) if "potential" in c else (v, side)       # the potential is stated for maximising
    first = {}
    if len(label) != R.S or len(tight) != R.S or any(x >= 0 and tight[s] != first.setdefault(x, tight[s]) for s, x in enumerate(label)):
        return False
    for k, s in enumerate(R.owner):
        within = label[s] >= 0 and all(label[t] == label[s] for t in R.next[k])
        if label[s] >= 0 and inf[s] == 0 and side * v[0][s] < 0:
            return False
        if inf[s] <= 0:
            gap = side * _gap(R, k, u, u, False) if "potential" not in c else _raised(R, k, u, side)
            if gap < 0 or gap == 0 and not (within and R.zero[k]) and not any(0 <= tight[t] < tight[s] for t in R.next[k]):
                return False
    return True


def _raised(R, k, u, side):
    """u(s) - side r(k) - sum P u, times a positive integer: a potential for rewards whose sign was turned to maximise."""
    (rn, rd), D, (N, L) = R.r[k], R.D[k], u
    return rd * (D * N[R.owner[k]] - sum(n * N[t] for t, n in zip(R.next[k], R.n[k]))) - D * side * rn * L


def _avoidable(R, c, inf, goal, bare):
    """miss = inf: finite states reach the goal whatever is done; the others may stay away from it."""
    rank, plus = c["universal"], c["plus"] if 1 in inf else {"rank": [], "pair": []}
    for s in range(R.S):
        if s in goal:
            continue
        if inf[s] < 0 or bare[s] and inf[s] != 1:
            return False
        if inf[s] == 0:
            if not all(all(inf[t] == 0 for t in R.next[k]) and any(t in goal or 0 < rank[t] < rank[s] for t in R.next[k]) for k in range(R.pair_ptr[s], R.pair_ptr[s + 1])):
                return False
        elif not bare[s]:
            k = plus["pair"][s]
            if not R.pair_ptr[s] <= k < R.pair_ptr[s + 1]:
                return False
            trapped = plus["rank"][s] == 0 and all(inf[t] == 1 and plus["rank"][t] == 0 for t in R.next[k])
            if not trapped and not any(inf[t] == 1 and 0 <= plus["rank"][t] < plus["rank"][s] for t in R.next[k]):
                return False
    return True


def _gains(R, c, inf, F, goal, side):
    """inf: states of rank 0 gain for ever, the others lead to them and past no -inf; with a goal all can still reach it surely."""
    plus, (gn, gd) = c["plus"], (int(x, 16) for x in c["plus"]["gain"])
    N, L = _numbers(plus["bias"], R.S)
    if gn <= 0 or gd <= 0:
        return False
    for s in range(R.S):
        if inf[s] != 1:
            continue
        k, rank = plus["pair"][s], plus["rank"]
        if not R.pair_ptr[s] <= k < R.pair_ptr[s + 1] or any(inf[t] < 0 for t in R.next[k]) or rank[s] < 0:
            return False
        if rank[s] == 0:
            (rn, rd), D = R.r[k], R.D[k]
            rises = (side * rn * D * L + rd * (sum(n * N[t] for t, n in zip(R.next[k], R.n[k])) - D * N[s])) * gd >= gn * rd * D * L
            if not rises or any(inf[t] != 1 or rank[t] != 0 for t in R.next[k]):
                return False
        elif not any(inf[t] == 1 and 0 <= rank[t] < rank[s] for t in R.next[k]):
            return False
        if c["goal"] is not None:
            k, back = c["return"]["pair"][s], c["return"]["rank"]
            if not R.pair_ptr[s] <= k < R.pair_ptr[s + 1] or any(inf[t] < 0 for t in R.next[k]) or not any(F[t] or 0 < back[t] < back[s] for t in R.next[k]):
                return False
    return True


CHECKS = {"discounted": _discounted, "finite_horizon": _finite_horizon, "total": _total, "average": _average}
