"""Files and arrays of other programs. One format, one file; files.py is the door.

words: what text formats share. json_file, npz_file: our own. prism, drn: PRISM's and Storm's
explicit models. cassandra: .pomdp and .mdp. arrays: pymdptoolbox, QuantEcon, choice arrays.
gymnasium_env: transition tables of environments.
"""
