"""What both packages stand on: compiled loops, matrix products, whole files, command lines.

    kernels.py      loops that numba compiles, each beside the NumPy function that defines it
    blas.py         matrix products inside loops, and the threads that share out the images
    elementary.py   exp, tanh and sigmoid in loops
    memory.py       what a call will need, before it begins
    limits.py       how many bytes a file may become
    safe_npz.py     archives of arrays that somebody else may have written
    whole_file.py   a file is written whole, or not at all
    command.py      what every command line shares
    progress.py     how far a piece of work has come, on standard error
    figure.py       the figure that pictures are drawn on
    lazy.py         packages whose modules load at first use
    same_name.py    another package of the name mdp

`mdp` imports this subpackage and nothing else of `npixel`; nothing here imports either of them.

Read first: nothing.  Read next: runtime/kernels.py.
"""
