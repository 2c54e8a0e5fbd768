"""What the arrows alone say, against its definition: every deterministic policy, every path."""

import itertools

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import transitions
from mdp import graph


def reach(arrows):
    """(S, S) bool: t can be reached from s in any number of steps, none included."""
    S = len(arrows)
    return np.linalg.matrix_power(arrows.astype(float) + np.eye(S), S) > 0


def policies(m):
    """Every deterministic policy, as the list of its pairs."""
    return itertools.product(*(range(m.pair_ptr[s], m.pair_ptr[s + 1])
                               for s in range(m.num_states) if not m.terminal[s]))


def arrows_of(m, pairs):
    arrows = np.zeros((m.num_states, m.num_states), bool)
    for k in pairs:
        arrows[m.pair_state[k], m.next[m.outcome_ptr[k]:m.outcome_ptr[k + 1]]] = True
    return arrows


def recurrent(arrows):
    """States that cannot be left for good, by brute force: whatever s reaches, reaches s.

    And s has an arrow.
    """
    r = reach(arrows)
    return np.array([arrows[s].any() and all(r[t, s] for t in np.flatnonzero(r[s]))
                     for s in range(len(arrows))])


@given(transitions(most_states=4, most_actions=2))
@settings(deadline=None, max_examples=150)
def test_closed_classes_and_end_components_are_what_policies_can_stay_in(process):
    m = mdp.MDP.from_dict(process, 1)
    P, K = m.expected.P, m.num_pairs
    can_stay = np.zeros(m.num_states, bool)
    for pairs in policies(m):
        arrows = arrows_of(m, pairs)
        found = np.zeros(m.num_states, bool)
        for states in graph.closed_classes(sp.csr_matrix(arrows.astype(float))):
            found[states] = True
        assert (found == recurrent(arrows)).all()
        can_stay |= found
    label, inside = graph.maximal_end_components(P, m.pair_state, np.ones(K, bool))
    assert ((label >= 0) == can_stay).all()
    for k in range(K):
        ahead = label[m.next[m.outcome_ptr[k]:m.outcome_ptr[k + 1]]]
        stays = label[m.pair_state[k]] >= 0 and (ahead == label[m.pair_state[k]]).all()
        assert inside[k] == stays  # maximal: every action that stays belongs to it


@given(transitions(most_states=4, most_actions=2), st.sets(st.integers(0, 3), min_size=1))
@settings(deadline=None, max_examples=150)
def test_almost_surely_is_what_some_policy_does(process, chosen):
    m = mdp.MDP.from_dict(process, 1)
    targets = np.isin(np.arange(m.num_states), list(chosen))
    possible = np.zeros(m.num_states, bool)
    for pairs in policies(m):
        arrows = arrows_of(m, pairs)
        arrows[targets] = False                                         # stop there
        r = reach(arrows)
        reaches = (r & targets).any(axis=1)
        # no way leads to where the targets are out of reach
        possible |= ~(r & ~reaches).any(axis=1)
    assert (graph.almost_surely(m.expected.P, m.pair_state, targets) == possible).all()


@given(transitions(most_states=5, most_actions=3), st.integers(0, 4), st.integers(0, 999))
@settings(deadline=None, max_examples=150)
def test_attractor_pairs_step_nearer_and_are_allowed(process, target, seed):
    m = mdp.MDP.from_dict(process, 1)
    P, targets = m.expected.P, np.arange(m.num_states) == target % m.num_states
    allowed = np.random.default_rng(seed).random(m.num_pairs) < 0.6
    pair, distance = graph.attractor_pairs(P, m.pair_state, targets, allowed)
    r = reach(arrows_of(m, np.flatnonzero(allowed)))
    assert ((distance >= 0) == r[:, targets].any(axis=1)).all() and (distance[targets] == 0).all()
    for s in np.flatnonzero(~targets & (distance >= 0)):
        k = pair[s]
        assert allowed[k] and m.pair_state[k] == s
        assert distance[m.next[m.outcome_ptr[k]:m.outcome_ptr[k + 1]]].tolist().count(distance[s]
                                                                                      - 1) >= 1
    arrows = arrows_of(m, range(m.num_pairs))
    assert (graph.can_reach(sp.csr_matrix(arrows.astype(float)), targets)
            == reach(arrows)[:, targets].any(axis=1)).all()
    assert (graph.reachable(sp.csr_matrix(arrows.astype(float)), targets)
            == reach(arrows)[targets].any(axis=0)).all()


def test_the_brute_force_is_itself_right():
    arrows = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]], bool)
    assert reach(arrows).tolist() == [[True, True, False], [True, True, False], [True, True, True]]
    assert recurrent(arrows).tolist() == [True, True, False]
    assert recurrent(np.zeros((2, 2), bool)).tolist() == [False, False]


def test_a_chain_has_as_many_layers_as_states():
    """0 <- 1 <- 2 <- ...: state s is s steps away. One Python step per layer would take minutes."""
    S = 200_000
    P = sp.csr_matrix((np.ones(S - 1), (np.arange(1, S), np.arange(S - 1))), shape=(S, S))
    targets, owner = np.arange(S) == 0, np.repeat(np.arange(S), np.diff(P.indptr))
    assert (graph.steps_to(P, targets) == np.arange(S)).all()
    assert graph.can_reach(P, targets).all() and graph.reachable(P, targets).sum() == 1
    order, ends = graph.successors_first(P)
    assert (order == np.arange(S)).all() and (ends == np.arange(S + 1)).all()
    pair, distance = graph.attractor_pairs(P[1:], np.arange(1, S), targets, np.ones(S - 1, bool))
    assert (pair == np.arange(-1, S - 1)).all() and (distance == np.arange(S)).all()
    assert graph.almost_surely(P[1:], owner, targets).all()
    assert len(graph.communicating_classes(P)) == S
    assert graph.closed_classes(P) == [] and (graph.steps_to(P, np.zeros(S, bool)) == -1).all()
