"""mdp verify: check a certificate against a process, and say what it states.

Read first: commands/shared.py, verify.py, statement.py.  Read next: commands/problems.py.
"""

import time

from npixel.runtime.command import add_json, print_json

from ..certificate import FORMAT, VERSION
from ..certificate_form import malformed
from ..json_text import read_json
from ..layout import printable
from ..rational import rational
from ..statement import sentence, statement
from ..verify import verify
from .shared import add_model, read_model, telling


def add_arguments(commands):
    command = commands.add_parser(
        "verify", help="check a certificate, in integers",
        description="Check a certificate of mdp solve --exact against a process, with nothing but "
                    "integers, and say what it states. Exit status 0 if every statement holds, "
                    "1 if not.")
    add_model(command)
    command.add_argument("certificate", metavar="CERTIFICATE",
                         help="a file written by mdp solve --exact --certificate")
    add_json(command)
    command.set_defaults(call=telling(_verify))


def _verify(arguments):
    m = read_model(arguments)
    c = read_json(arguments.certificate)
    if not isinstance(c, dict) or c.get("format") != FORMAT:
        raise ValueError(f"{arguments.certificate}: not a certificate: "
                         f'expected an object with "format": "{FORMAT}"')
    began = time.perf_counter()
    good = verify(m, c)
    seconds = time.perf_counter() - began
    same = c.get("model") == rational(m).hash
    if arguments.json:
        about = statement(m, c) if good else {"criterion": c.get("criterion"),
                                              "reason": _reason(m, c, same)}
        print_json({"verified": good, "same_model": same, "seconds": seconds, **about})
    else:
        answer = f"verified: {sentence(m, c)}" if good else f"REJECTED: {_reason(m, c, same)}"
        print(f"{answer}; {m.num_states} states, {m.num_pairs} pairs, {seconds:.3f} s")
    return 0 if good else 1


def _reason(m, c, same):
    """Why a certificate is rejected. What stands in it is somebody else's: cut and escaped."""
    if c.get("version") != VERSION:
        return f"it is of version {c.get('version')!r:.40}, this program checks {VERSION}"
    if not same:
        return "it is about another process"
    wrong = [printable(name)[:40] for name in malformed(c, m.num_states, m.num_pairs)[:6]]
    if wrong:
        return f"of another form than a certificate: {', '.join(wrong)}"
    return "a statement in it is false"
