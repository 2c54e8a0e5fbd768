"""Files and arrays of other programs. One format, one file; files.py is the door.

    words           what text formats share
    json_file       our own, readable
    npz_file        our own, binary
    prism           PRISM's and Storm's explicit models, .tra with files beside it
    drn             Storm's .drn
    cassandra       .pomdp and .mdp
    arrays          pymdptoolbox, QuantEcon, and choice arrays
    gymnasium_env   transition tables of environments

Read first: model.py.  Read next: formats/words.py, formats/json_file.py, formats/files.py.
"""
