"""The verbs of the command mdp, a file for each; shared.py has what several of them need."""
