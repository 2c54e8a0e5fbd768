"""What messages about totals without a value have in common.

Read first: model.py.  Read next: planning/total.py, planning/enumerate_policies.py.
"""

HINT = '; use gamma < 1, criterion="average" or criterion="finite_horizon"'
SHOWN = 5                                    # states that a message names


def names(m, states):
    """"state 1, state 2 and 5 more"."""
    more = f" and {len(states) - SHOWN} more" if len(states) > SHOWN else ""
    return ", ".join(m.state_label(s) for s in states[:SHOWN]) + more
