"""Timings: our code beside its definition, beside other libraries, beside the machine's limits.

    python -m benchmarks --list
    python -m benchmarks convolution --peers

It runs in a clone of the repository only: pip installs the two packages without it.

Reading order:
  row.py           what a row declares: a call, its implementations, its targets
  worker.py        the process in which one implementation is set up, compared and timed
  runner.py        the parent: outputs first, then timings in the order A B B A
  others.py        how busy other programs keep the machine meanwhile
  intervals.py     medians, and the interval around a ratio
  ceilings.py      the rates of this machine, measured in the same run
  environment.py   what the figures depend on
  tiny.py          every row once, at a size that only shows that it runs
  report.py        tables, and the JSON file
  plots.py         bars
  families.py      the families, and which rows the words of the command line mean
  cli.py           the command

Each family of rows has a file: kernels.py, convolution.py, pixelcnn.py, recurrent.py, mdp.py,
generation.py. What some of them are compared with is in torch_pixelcnn.py and torch_lstm.py. A new
family is a new file with NAME, TITLE and ROWS, entered in families.py.

Read first: npixel/runtime/kernels.py.  Read next: row.py, families.py.
"""
