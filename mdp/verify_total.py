"""Check a certificate for the total reward: gamma = 1, infinite values, with or without a goal.

What the certificate must show for each state, in the words of maximising:

finite  x = r + P x for the policy, and some successor has a smaller `rank`, until the policy has
        reached the goal, or rests without reward where x = 0. So the policy earns x.
        x >= r + P x for every pair, and none leads to inf. So a stationary policy, randomised or
        not, that comes to such an end receives no more than x. What of one that never ends?
            With a goal worth -inf when missed, it is worth -inf.
            Without a goal, it either loses for ever, or after finitely many steps uses only tight
            pairs, those with x = r + P x. Each of these has a successor of smaller `tight`, or pays
            nothing and keeps `tight` where x >= 0. In the end only the latter are used.
            With a goal worth inf when missed, every pair has a successor of smaller `tight`:
            there is no such policy.
-inf    `layer`: every pair may fall to a lower layer, or stays in this one for certain, so that no
        policy leaves the lowest. With a goal, it is missed. Without one, staying loses for ever:
        x >= r + P x for pairs that stay, and tight ones lower `tight`.
inf     The policy comes, by a smaller `rank`, to a set which it never leaves and where r + P x > x:
        it gains for ever. It leads to no -inf.
        With a goal worth -inf when missed, a second policy, `return`, reaches the goal surely from
        there. Follow that one with a small probability in each step: as much is gained before as
        one likes. With a goal worth inf when missed, it is enough to stay away, or in a dead end.

Why the rank of tight pairs suffices: each use lowers it with a probability bounded away from zero,
so that almost surely it is lowered finitely often.

Read first: verify.py.
"""

from .certificate import gap, numbers, pairs


def total(R, c, side):
    """True if the certificate of a Rational holds; side is -1 to minimise."""
    x, policy, inf, slack, rank = numbers(c, R.S), pairs(R, c["policy"]), [side * i for i in c["infinite"]], c["slack"], c["rank"]
    free, goal = c["goal"] is None, set(c["goal"] or ())
    miss = 0 if free else side * {"inf": 1, "-inf": -1}[c["miss"]]                        # what it is worth
    back = pairs(R, c["return"]["policy"]) if miss < 0 and 1 in inf else None
    # x(s) - q(k), times a positive integer
    loss = [side * gap(R, k, x[0], x[0], x[1], discounted=False) for k in range(len(R.owner))]
    up, down = ([any(inf[t] == sign for t in after) for after in R.next] for sign in (1, -1))
    lowers = lambda number, s, k: any(number[t] < number[s] for t in R.next[k])          # noqa: E731
    keeps = lambda number, s, k: all(inf[t] == inf[s] and number[t] == number[s] for t in R.next[k])       # noqa: E731

    def reached(s, own):
        return inf[s] == x[0][s] == 0 and all(slack[k] == 1 for k in own)

    def finite(s, own):
        k = policy[s]
        rests = free and rank[s] == 0 == x[0][s] and (k is None or R.zero[k] and keeps(rank, s, k))
        moves = k is not None and not up[k] and not down[k] and lowers(rank, s, k)
        return (rests or moves) and (k is None or slack[k] == 0) and all(no_better(s, j) for j in own)

    def no_better(s, k):
        if up[k] or down[k]:
            return slack[k] == 1 and miss < 1 and (not up[k] or down[k] and not free)
        ends = miss < 0 or lowers(c["tight"], s, k) or free and (loss[k] > 0 or R.zero[k] and side * x[0][s] >= 0 and keeps(c["tight"], s, k))
        return loss[k] >= 0 and slack[k] == int(loss[k] > 0) and ends

    def lost(s, own):
        return miss < 1 and c["layer"][s] > 0 and (own or not free) and all(slack[k] == 0 and (falls(s, k) or stays(s, k)) for k in own)

    def falls(s, k):
        return not (up[k] and free) and any(inf[t] < 0 < c["layer"][t] < c["layer"][s] for t in R.next[k])

    def stays(s, k):
        return keeps(c["layer"], s, k) and (not free or loss[k] > 0 or loss[k] == 0 and lowers(c["tight"], s, k))

    def gained(s, own):
        k = policy[s]
        if k is None or down[k]:
            return k is None and miss > 0 and rank[s] == 0
        gains = rank[s] == 0 and keeps(rank, s, k) and (loss[k] < 0 or miss > 0)
        comes = any(inf[t] == 1 and 0 <= rank[t] < rank[s] for t in R.next[k])
        return (gains or comes) and (miss > -1 or returns(s)) and all(slack[j] == int(down[j] or not up[j]) for j in own)

    def returns(s):
        k, distance = back[s], c["return"]["rank"]
        return not down[k] and any(inf[t] == 0 or distance[t] < distance[s] for t in R.next[k])

    if not free and sorted(goal) != c["goal"]:
        return False
    check = {0: finite, 1: gained, -1: lost}
    return all((reached if s in goal else check[inf[s]])(s, range(R.pair_ptr[s], R.pair_ptr[s + 1])) for s in range(R.S))
