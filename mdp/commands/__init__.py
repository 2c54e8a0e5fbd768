"""The verbs of the command mdp, a file for each; shared.py has what several of them need.

Read first: planning/solve.py, formats/files.py.
Read next: commands/shared.py, commands/solve.py, cli.py.
"""
