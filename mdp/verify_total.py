"""Check a certificate for the total reward: gamma = 1, infinite values, with or without a goal.

The rows of this table are the functions below. Each says what the certificate must show for a
state. All is said in the words of maximising.

reached  A state of the goal: nothing is received any more, x = 0.

finite   x = r + P x for the policy, and some successor has a smaller `rank`, until the policy has
         reached the goal, or rests without reward where x = 0. So the policy earns x.
         x >= r + P x for every pair, and none leads to inf. So a stationary policy, randomised or
         not, that comes to such an end receives no more than x. What of one that never ends?
             With a goal worth -inf when missed, it is worth -inf.
             Without a goal, a policy that never ends either loses for ever, or after finitely many
             steps uses only tight pairs, those with x = r + P x. Each of these has a successor of
             smaller `tight`, or pays nothing and keeps `tight` where x >= 0. In the end only the
             latter are used, so that nothing more is received.
             With a goal worth inf when missed, every pair has a successor of smaller `tight`:
             there is no such policy.

lost     The value is -inf. States worth -inf are numbered by `layer`. Every pair may fall to a
         lower layer, or stays in this one for certain, so that no policy leaves the lowest. With a
         goal, it is missed. Without one, staying loses for ever: x >= r + P x for pairs that stay,
         and tight ones lower `tight`.

gained   The value is inf. The policy comes, by a smaller `rank`, to a set which it never leaves and
         where r + P x > x: it gains for ever. It leads to no -inf.
         With a goal worth -inf when missed, a second policy, `return`, reaches the goal surely from
         there. Follow that one with a small probability in each step: as much is gained before as
         one likes. With a goal worth inf when missed, it is enough to stay away, or in a dead end.

Why the rank of tight pairs suffices: each use lowers it with a probability bounded away from zero,
so that almost surely it is lowered finitely often.

`slack` is checked on the way: 0 for a pair that is worth as much as its state, 1 for a worse one.

Read first: certificate.py.  Read next: verify.py, exact/total_witness.py.
"""

from typing import NamedTuple

from .certificate import gap, numbers, pairs


def total(R, c, side):
    """True if the certificate c of a Rational holds; side is -1 to minimise."""
    f, check = facts(R, c, side), {0: finite, -1: lost, 1: gained}
    goal = set(c["goal"] or ())
    return ((f.free or c["goal"] == sorted(goal))          # each state once, in order
            and all(reached(f, s) if s in goal else check[f.inf[s]](f, s) for s in range(R.S)))


class Facts(NamedTuple):
    """What the certificate says, and what can be counted.   S states, X pairs

    To minimise, the signs of x, inf, loss and miss are turned round. A field that only some
    certificates have is read from `witness` where it is needed; a KeyError refuses them.
    """
    own: list                                # (S,) the pairs of each state, a range
    after: list                              # (X,) the successors of each pair
    unpaid: list                             # (X,) bool: no outcome has a reward
    free: bool                               # there is no goal
    miss: int                                # missing the goal is worth 1: inf, -1: -inf; 0: free
    inf: list                                # (S,) the value is 1: inf, -1: -inf, 0: finite
    x: list                                  # (S,) the value, a potential where it is infinite
    loss: list                               # (X,) x(s) - (r + P x); both times positive integers
    up: list                                 # (X,) bool: some successor is worth inf
    down: list                               # (X,) bool: some successor is worth -inf
    policy: list                             # (S,) the pair that is taken, None in terminal states
    slack: list                              # (X,) as stated
    rank: list                               # (S,) how far the policy is from its end
    back: list                               # (S,) the pair that `return` takes, where it is needed
    witness: dict                            # the certificate: `tight`, `layer`, `return`


def facts(R, c, side):
    """The Facts of a certificate.   ValueError or KeyError if there are none"""
    x, den = numbers(c, R.S)
    inf = [side * i for i in c["infinite"]]
    free = c["goal"] is None
    miss = 0 if free else side * {"inf": 1, "-inf": -1}[c["miss"]]
    comes_back = miss < 0 and 1 in inf
    return Facts(
        own=[range(R.pair_ptr[s], R.pair_ptr[s + 1]) for s in range(R.S)],
        after=R.next, unpaid=R.zero, free=free, miss=miss, inf=inf, x=[side * n for n in x],
        loss=[side * gap(R, k, x, x, den, discounted=False) for k in range(len(R.owner))],
        up=[any(inf[t] == 1 for t in after) for after in R.next],
        down=[any(inf[t] == -1 for t in after) for after in R.next],
        policy=pairs(R, c["policy"]), slack=c["slack"], rank=c["rank"],
        back=pairs(R, c["return"]["policy"]) if comes_back else [], witness=c)


def lowers(f, number, s, k):
    """Some successor has a smaller number."""
    return any(number[t] < number[s] for t in f.after[k])


def keeps(f, number, s, k):
    """All successors have the same number, and values of the same kind."""
    return all(number[t] == number[s] and f.inf[t] == f.inf[s] for t in f.after[k])


# reached

def reached(f, s):
    return (f.inf[s] == 0
            and f.x[s] == 0                                # nothing is received any more
            and all(f.slack[k] == 1 for k in f.own[s]))    # so that no action is called optimal


# finite

def finite(f, s):
    k = f.policy[s]
    return ((rests(f, s, k) or moves(f, s, k))             # the policy comes to an end
            and (k is None or f.slack[k] == 0)             # x = r + P x, see no_better
            and all(no_better(f, s, j) for j in f.own[s]))


def rests(f, s, k):
    """The end: the policy takes pair k for ever, or the state is terminal."""
    return (f.free                                         # with a goal, only the goal is an end
            and f.rank[s] == 0                             # all that rests has this rank
            and f.x[s] == 0                                # nothing more is received
            and (k is None                                 # a terminal state
                 or f.unpaid[k] and keeps(f, f.rank, s, k)))         # never left, never paid


def moves(f, s, k):
    """On the way to the end."""
    return (k is not None
            and not f.up[k] and not f.down[k]              # r + P x is a number
            and lowers(f, f.rank, s, k))                   # one step nearer, with some probability


def no_better(f, s, k):
    """No policy receives more than x by using pair k."""
    if f.up[k] or f.down[k]:
        return no_way_up(f, k)
    return (f.loss[k] >= 0                                 # x >= r + P x
            and f.slack[k] == int(f.loss[k] > 0)
            and (f.miss < 0                                # never to end is worth -inf
                 or lowers(f, f.witness["tight"], s, k)    # it is used finitely often
                 or f.free and f.loss[k] > 0               # used for ever, it loses for ever
                 or f.free and idles(f, s, k)))            # used for ever, it receives nothing


def no_way_up(f, k):
    """A pair that leads to infinite values is worth -inf."""
    return (f.slack[k] == 1
            and f.miss < 1                                 # there is no -inf if a miss is worth inf
            and (not f.up[k]                               # it leads to -inf alone,
                 or f.down[k] and not f.free))             # or by chance, and misses the goal then


def idles(f, s, k):
    """Nothing is received while pair k is used, which is not more than x."""
    return (f.unpaid[k]
            and f.x[s] >= 0
            and keeps(f, f.witness["tight"], s, k))        # and `tight` does not rise again


# lost: the value is -inf

def lost(f, s):
    return (f.miss < 1                                     # if a miss is worth inf, nothing is lost
            and f.witness["layer"][s] > 0
            and (len(f.own[s]) > 0 or not f.free)          # a terminal state is worth 0, or a miss
            and all(f.slack[k] == 0                        # all pairs are worth -inf
                    and (falls(f, s, k) or stays(f, s, k)) for k in f.own[s]))


def falls(f, s, k):
    """Pair k leads to a lower layer with some probability."""
    layer = f.witness["layer"]
    return (not (f.up[k] and f.free)                       # inf - inf has no value; a miss has
            and any(f.inf[t] == -1 and 0 < layer[t] < layer[s] for t in f.after[k]))


def stays(f, s, k):
    """Pair k leads nowhere else; who uses only such pairs in the end is lost."""
    return (keeps(f, f.witness["layer"], s, k)
            and (not f.free                                # the goal is missed
                 or f.loss[k] > 0                          # x > r + P x: it loses for ever
                 # or it is used finitely often
                 or f.loss[k] == 0 and lowers(f, f.witness["tight"], s, k)))


# gained: the value is inf

def gained(f, s):
    k = f.policy[s]
    if k is None:
        return dead_end(f, s)
    return (not f.down[k]                                  # nothing is lost on the way
            and (gains(f, s, k) or comes(f, s, k))
            and (f.miss > -1 or returns(f, s))             # the goal must be reached all the same
            and all(f.slack[j] == int(f.down[j] or not f.up[j])      # q = inf up, and never down
                    for j in f.own[s]))


def dead_end(f, s):
    """The process ends outside the goal, and a miss is worth inf."""
    return f.miss > 0 and f.rank[s] == 0


def gains(f, s, k):
    """The set that is never left."""
    return (f.rank[s] == 0                                 # all of it has this rank
            and keeps(f, f.rank, s, k)                     # it is never left
            and (f.loss[k] < 0                             # r + P x > x: it gains for ever
                 or f.miss > 0))                           # or the goal is missed, worth inf


def comes(f, s, k):
    """On the way to that set, with some probability."""
    return any(f.inf[t] == 1 and 0 <= f.rank[t] < f.rank[s] for t in f.after[k])


def returns(f, s):
    """`return` comes nearer to the states of finite value, from which the goal is reached."""
    k, distance = f.back[s], f.witness["return"]["rank"]
    return (not f.down[k]                                  # it never gets lost
            and any(f.inf[t] == 0 or distance[t] < distance[s] for t in f.after[k]))
