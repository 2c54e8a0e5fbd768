"""Jack's car rental: move cars between two places over night.

State (n1, n2): cars at closing time, at most 20 each. Action a in -5..5: move a cars from the first
place to the second, which costs 2 each. The next day Poisson many customers come (3 and 4), and
each car rented brings 10. Poisson many cars come back (3 and 2), and can be rented the day after.
Cars beyond 20 leave.

The Poisson laws are not cut off: whoever comes when no car is left brings nothing, so that the tail
is the rest to 1. (If it is cut at 11 and the rest is left out, rows do not sum to one. v(20, 20) is
then 617.9 instead of 637.0, and the policy is another one. Such rows are refused here.)

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, example 4.2.

Read first: model.py.  Read next: problems/forest.py.
"""

import math

import numpy as np

from ..model import MDP

REQUESTS, RETURNS, MOST, MOVES = (3, 4), (3, 2), 20, 5


def car_rental(gamma=0.9):
    """441 states, 11 actions; floats, since Poisson probabilities are no fractions."""
    days = [_day(REQUESTS[i], RETURNS[i]) for i in (0, 1)]
    states = [(i, j) for i in range(MOST + 1) for j in range(MOST + 1)]
    moves = range(-MOVES, MOVES + 1)
    S, A = len(states), len(moves)
    P, R, available = np.zeros((S, A, S)), np.zeros((S, A)), np.zeros((S, A), bool)
    for s, (i, j) in enumerate(states):
        for a, cars in enumerate(moves):
            if -j <= cars <= i:
                one, two = min(i - cars, MOST), min(j + cars, MOST)
                available[s, a] = True
                P[s, a] = np.outer(days[0][0][one], days[1][0][two]).ravel()
                R[s, a] = 10 * (days[0][1][one] + days[1][1][two]) - 2 * abs(cars)
    m = MDP(P, R, gamma, available=available)
    m.state_names, m.action_names = tuple(states), tuple(moves)
    return m


def _day(requests, returns):
    """(law of the cars at night given those in the morning (21, 21), expected rentals (21,))."""
    poisson = lambda rate, n: math.exp(-rate) * rate ** n / math.factorial(n)  # noqa: E731
    law, rented = np.zeros((MOST + 1, MOST + 1)), np.zeros(MOST + 1)
    for n in range(MOST + 1):
        demand = [poisson(requests, k) for k in range(n)]
        demand.append(1 - math.fsum(demand))     # n or more
        for k, p in enumerate(demand):
            left = n - k
            back = [poisson(returns, b) for b in range(MOST - left)]
            back.append(1 - math.fsum(back))     # the rest fills the place
            law[n, left:] += p * np.array(back)
            rented[n] += p * k
    return law, rented


PUBLISHED = []
