"""Check a certificate for the total reward: gamma = 1, infinite values, with or without a goal.

The claim. The value of a state is the supremum of the expected sum of rewards over all stationary
policies: those whose actions, or their probabilities, depend on the state alone. The value is a
number, inf or -inf. With a goal, the sum ends where the goal is entered. A policy that misses the
goal with positive probability is worth `miss`, inf or -inf, whatever it receives.

The words. All is said for maximising. A pair is a state with one of its actions; r is its expected
reward, P x the mean of x over its successors. "May" is said of a positive probability. x is the
value where that is finite. Elsewhere x is a potential: any numbers that prove a gain or a loss. A
pair is tight if x = r + P x. `rank`, `tight` and `layer` number the states; a pair may lower such a
number if some successor has a smaller one. "The policy" is that of the certificate.

Two arguments. A stationary policy surely comes to a class: states that it never leaves and each of
which it visits for ever.

    end      Some state of the class has the smallest number, so that no pair taken there lowers it.
             So there is no class that has, in every state, a pair taken that may lower the number.
    drift    If x >= r + P x for all pairs taken in the class, and one of them is not tight, the
             mean reward is negative and the sum -inf. If r + P x > x for all of them, it is inf.

Each state is in one of four rows, which are the functions below. Every condition there is one of
these sentences.

reached  A state of the goal: nothing is received any more, x = 0.

finite   The value is x.
         The policy earns x. It leads to finite values only, and its pairs are tight. Each of them
         may lower `rank`, or the policy rests: no pair pays any more, and x = 0. By `end` it surely
         comes to the goal, or without a goal to rest.
         No policy earns more. A pair that may lead to -inf is worth -inf. (Without a goal it must
         not lead to inf as well.) Every other pair leads to finite values only, and x >= r + P x.
         So a policy that surely comes to an end where x >= 0 receives at most x. The goal and
         terminal states are such ends. What of policies that come to neither?
             Goal, miss worth -inf: they miss the goal.
             Goal, miss worth inf: there are none, by `end`. Every pair may lower `tight`, and none
             leads to an infinite value.
             No goal: look at a class. If a pair in it is not tight, the sum is -inf by `drift`.
             Else each pair may lower `tight`, or idles: it pays nothing, keeps `tight`, and x >= 0.
             Where `tight` is smallest all pairs idle, so these states are never left, and are the
             whole class. So the class is an end where x >= 0, too.

lost     The value is -inf, whatever the policy. Each pair may lead to a state worth -inf in a lower
         `layer`, or stays: all its successors are worth -inf and in the same layer. In the lowest
         layer that a policy may come to, all its pairs stay, for ever.
             Goal: it is missed, which is worth -inf. (If a miss is worth inf, nothing is lost.)
             No goal: a pair that stays has x >= r + P x, and may lower `tight` if it is tight. By
             `end` some pair of each class is not tight: the sum is -inf by `drift`. No pair leads
             to inf, since inf - inf has no value.

gained   The value is inf. Each pair of the policy may lead to a state worth inf of smaller `rank`,
         down to rank 0. None leads to -inf; finite values on the way do no harm. The states worth
         inf of rank 0 are never left again.
             No goal: there r + P x > x, so that the sum is inf by `drift`.
             Goal, miss worth inf: never to leave them is a miss, and so is a dead end.
             Goal, miss worth -inf: there r + P x > x, but the goal must be reached. A second
             policy, `return`, may lower a rank of its own, or come to finite values. Take its pair
             with a small probability in each step, else that of the policy. By `end` the goal is
             surely reached. The smaller the probability, the more is gained before, without limit.

`slack` is checked on the way: 0 for a pair that is worth as much as its state, 1 for a worse one,
and 1 in the goal. What the policy does in the goal, or where all is lost, makes no difference.

The forms of the fields have been checked before (certificate_form.py): `rank` and the others are
lists of S integers.

Read first: certificate.py.  Read next: verify.py, exact/total_witness.py.
"""

from typing import NamedTuple

from .certificate import gap, numbers, pairs


def total(R, c, side):
    """True if the certificate holds.

    R      the process, a Rational
    c      the certificate, as in certificate.py
    side   1 to maximise, -1 to minimise
    """
    f, check = facts(R, c, side), {0: finite, -1: lost, 1: gained}
    goal = set(c["goal"] or ())
    return ((f.free or c["goal"] == sorted(goal))          # each state once, in order
            and all(reached(f, s) if s in goal else check[f.inf[s]](f, s) for s in range(R.S)))


class Facts(NamedTuple):
    """What the certificate says, and what follows from it at once.   S states, X pairs

    To minimise, the signs of x, inf, loss and miss are turned round. Of x and loss only the signs
    are read: x is numerators over one denominator, each loss is times some positive integer.

    `tight`, `layer` and `return` are read from `witness` where a row needs them. If they are
    missing there, a KeyError refuses the certificate.
    """
    own: list                                # (S,) the pairs of each state, a range
    after: list                              # (X,) the successors of each pair
    unpaid: list                             # (X,) bool: every outcome has reward 0, not only r
    free: bool                               # there is no goal
    miss: int                                # 1 or -1: a miss is worth inf or -inf; 0: no goal
    inf: list                                # (S,) 1, -1 or 0: the value is inf, -inf or finite
    x: list                                  # (S,) the value, a potential where it is infinite
    loss: list                               # (X,) x(s) - (r + P x): 0 for a tight pair
    up: list                                 # (X,) bool: some successor is worth inf
    down: list                               # (X,) bool: some successor is worth -inf
    policy: list                             # (S,) the pair that is taken, None in terminal states
    slack: list                              # (X,) as stated
    rank: list                               # (S,) how far the policy is from its end, or its gain
    back: list                               # (S,) the pair that `return` takes; [] if not needed
    witness: dict                            # the certificate


def facts(R, c, side):
    """The Facts of a certificate c of R.

    ValueError or KeyError if an action or a witness does not exist.
    """
    x, den = numbers(c, R.S)
    inf = [side * i for i in c["infinite"]]
    free = c["goal"] is None
    miss = 0 if free else side * {"inf": 1, "-inf": -1}[c["miss"]]
    must_return = miss < 0 and 1 in inf                    # see gained
    return Facts(
        own=[range(R.pair_ptr[s], R.pair_ptr[s + 1]) for s in range(R.S)],
        after=R.next, unpaid=R.zero, free=free, miss=miss, inf=inf, x=[side * n for n in x],
        loss=[side * gap(R, k, x, x, den, discounted=False) for k in range(len(R.owner))],
        up=[any(inf[t] == 1 for t in after) for after in R.next],
        down=[any(inf[t] == -1 for t in after) for after in R.next],
        policy=pairs(R, c["policy"]), slack=c["slack"], rank=c["rank"],
        back=pairs(R, c["return"]["policy"]) if must_return else [], witness=c)


def lowers(f, number, s, k):
    """Pair k of state s may lower the number: some successor has a smaller one."""
    return any(number[t] < number[s] for t in f.after[k])


def keeps(f, number, s, k):
    """All successors have the number of s, and a value of its kind: finite, inf or -inf."""
    return all(number[t] == number[s] and f.inf[t] == f.inf[s] for t in f.after[k])


# reached

def reached(f, s):
    """The sum has ended here; no action matters, and slack 1 says that none is called optimal."""
    return (f.inf[s] == 0 and f.x[s] == 0                  # nothing is received any more
            and all(f.slack[k] == 1 for k in f.own[s]))


# finite: the value is x

def finite(f, s):
    """The policy earns x, and no policy earns more."""
    k = f.policy[s]
    return ((rests(f, s, k) or moves(f, s, k))             # the policy comes to an end
            and (k is None or f.slack[k] == 0)             # tight, since no_better checks slack
            and all(no_better(f, s, j) for j in f.own[s]))


def rests(f, s, k):
    """The policy has come to its end: a terminal state, or states without rewards.

    Without a goal, 0 is the smallest rank of states of finite value: the smallest cannot move, so
    that it rests, at 0. For the same reason all successors of a state that rests also rest.
    """
    return (f.free                                         # with a goal, only the goal is an end
            and f.rank[s] == 0
            and f.x[s] == 0                                # nothing more is received
            and (k is None                                 # a terminal state
                 or f.unpaid[k] and keeps(f, f.rank, s, k)))         # never paid, never left


def moves(f, s, k):
    """The policy is on the way to its end."""
    return (k is not None
            and not f.up[k] and not f.down[k]              # it leads to finite values only
            and lowers(f, f.rank, s, k))                   # one step nearer, with some probability


def no_better(f, s, k):
    """No policy that uses pair k of state s earns more than x."""
    if f.up[k] or f.down[k]:
        return no_way_up(f, k)
    return (f.loss[k] >= 0                                 # x >= r + P x
            and f.slack[k] == int(f.loss[k] > 0)           # 0 for a tight pair
            # what if a policy with this pair never ends?
            and (f.miss < 0                                # that is worth -inf
                 or lowers(f, f.witness["tight"], s, k)    # no class has such pairs alone: `end`
                 or f.free and f.loss[k] > 0               # it loses for ever: `drift`
                 or f.free and idles(f, s, k)))            # it receives nothing more


def no_way_up(f, k):
    """A pair of a finite state that may lead to an infinite value must be worth -inf."""
    return (f.slack[k] == 1                                # worse than the finite value
            and f.miss < 1                                 # there is no -inf if a miss is worth inf
            and (not f.up[k]                               # it may lead to -inf, and not to inf;
                 or f.down[k] and not f.free))             # or to both: the goal may be missed


def idles(f, s, k):
    """Pair k of state s may be used for ever: nothing is received then."""
    return (f.unpaid[k]
            and f.x[s] >= 0                                # nothing is not more than x
            and keeps(f, f.witness["tight"], s, k))        # the class idles as a whole, see header


# lost: the value is -inf

def lost(f, s):
    """Every policy is worth -inf.

    A terminal state is a miss if there is a goal. Otherwise it is worth 0, and not lost.
    """
    return (f.miss < 1                                     # if a miss is worth inf, nothing is lost
            and f.witness["layer"][s] > 0                  # 0 is for states that are not lost
            and (len(f.own[s]) > 0 or not f.free)
            and all(f.slack[k] == 0                        # all pairs are worth -inf, as the state
                    and (falls(f, s, k) or stays(f, s, k)) for k in f.own[s]))


def falls(f, s, k):
    """Pair k of state s may lead to a lower layer."""
    layer = f.witness["layer"]
    return (not (f.up[k] and f.free)                       # inf - inf has no value, but a miss has
            and any(f.inf[t] == -1 and 0 < layer[t] < layer[s] for t in f.after[k]))


def stays(f, s, k):
    """Pair k of state s leads nowhere else. A policy that uses only such pairs is lost."""
    return (keeps(f, f.witness["layer"], s, k)
            and (not f.free                                # the goal is missed
                 or f.loss[k] > 0                          # it loses for ever: `drift`
                 # or it is tight: no class has such pairs alone, by `end`
                 or f.loss[k] == 0 and lowers(f, f.witness["tight"], s, k)))


# gained: the value is inf

def gained(f, s):
    """The policy comes to where it gains for ever, or where the goal is missed, worth inf.

    A pair is worth inf, as its state, if it may lead to inf and cannot lead to -inf.
    """
    k = f.policy[s]
    if k is None:
        return dead_end(f, s)
    return (not f.down[k]                                  # nothing is lost on the way
            and (gains(f, s, k) or comes(f, s, k))
            and (f.miss > -1 or returns(f, s))             # the goal must be reached all the same
            and all(f.slack[j] == int(f.down[j] or not f.up[j]) for j in f.own[s]))


def dead_end(f, s):
    """A terminal state outside the goal, where a miss is worth inf."""
    return f.miss > 0 and f.rank[s] == 0


def gains(f, s, k):
    """One of the states of rank 0, which the policy never leaves again."""
    return (f.rank[s] == 0
            and keeps(f, f.rank, s, k)                     # its successors have rank 0, too
            and (f.loss[k] < 0                             # r + P x > x: it gains for ever
                 or f.miss > 0))                           # or the goal is missed, worth inf


def comes(f, s, k):
    """On the way to rank 0, with some probability. No rank is negative: rank 0 must be met."""
    return any(f.inf[t] == 1 and 0 <= f.rank[t] < f.rank[s] for t in f.after[k])


def returns(f, s):
    """`return` may come nearer to the finite values, where the policy surely reaches the goal."""
    k, distance = f.back[s], f.witness["return"]["rank"]
    return (not f.down[k]                                  # nothing is lost on the way
            and any(f.inf[t] == 0 or distance[t] < distance[s] for t in f.after[k]))
