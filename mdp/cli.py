"""The command line: mdp solve | verify | convert | evaluate | simulate | problems | demo.

Exit status: 0; 1 if a solution did not reach its tolerance (its bounds are valid all the same), a
certificate is rejected, or an example misses its published answer; 2 for bad input, in one line.

Each verb is a file of commands/, which adds its options and does its work.

Read first: commands/solve.py, commands/verify.py, commands/convert.py, commands/evaluate.py,
commands/simulate.py, commands/problems.py, commands/demo.py.
Read next: __main__.py.
"""

from npixel.runtime.command import Parser, start

from .commands import convert, demo, evaluate, problems, simulate, solve, verify


def main(argv=None):
    """The command `mdp`; returns the exit status."""
    return start("mdp", parser, argv)


def parser():
    """The parser of `mdp`, with a subcommand for each verb."""
    parser = Parser.of_verbs(
        "mdp", "Markov decision processes, solved exactly: values with bounds that hold.",
        environment=[],
        status=["  0      done",
                "  1      an answer less precise than it should be (its bounds hold), a rejected",
                "         certificate, or an example that misses its published answer"])
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    for verb in (solve, verify, convert, evaluate, simulate, problems, demo):
        verb.add_arguments(verbs)
    return parser
