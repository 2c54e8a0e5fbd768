"""mdp problems: the textbook examples, and their published answers.

Read first: commands/shared.py, problems/published.py.  Read next: commands/convert.py.
"""

from npixel.runtime.command import add_force, add_json, check_output, print_json

from ..formats.json_file import save
from ..problems import PROBLEMS
from .shared import PROCESS


def add_arguments(commands):
    command = commands.add_parser(
        "problems", help="the textbook examples",
        description="List the examples, or show one with its published answers.")
    command.add_argument("name", nargs="?", metavar="NAME")
    command.add_argument("--write", metavar="FILE",
                         help="write the process as a JSON file, a start for one's own")
    add_force(command, "the file of --write")
    add_json(command)
    command.set_defaults(call=_problems)


def _problems(arguments):
    if arguments.name is None:
        if arguments.write:
            raise ValueError("--write needs the NAME of an example")
        return _list(arguments)
    if arguments.name not in PROBLEMS:
        raise ValueError(f"{arguments.name!r} is not an example; "
                         f"the examples are {', '.join(PROBLEMS)}")
    problem = PROBLEMS[arguments.name]
    if arguments.write:
        save(problem.make(), check_output(arguments.write, PROCESS, force=arguments.force))
    if arguments.json:
        print_json({"name": arguments.name, "about": problem.about,
                    "published": [_plain(p) for p in problem.published]})
        return
    print(f"{problem.make()!r}: {problem.about}")
    for p in problem.published:
        of = f" of the {p.policy} policy" if p.policy else ""
        note = f"\n({p.note})" if p.note else ""
        print(f"\n{p.quantity}{of}, gamma = {p.gamma}: {p.source}{note}")
        print("  " + "  ".join(f"{_key(k)} {v}" for k, v in p.values.items()))


def _list(arguments):
    made = {name: problem.make() for name, problem in PROBLEMS.items()}
    if arguments.json:
        print_json({name: {"about": PROBLEMS[name].about, "states": m.num_states, "gamma": m.gamma}
                    for name, m in made.items()})
        return
    for name, m in made.items():
        print(f"{name:16} {PROBLEMS[name].about}; {m.num_states} states")


def _plain(p):
    return {"quantity": p.quantity, "gamma": p.gamma, "policy": p.policy, "source": p.source,
            "note": p.note, "values": {_key(k): v for k, v in p.values.items()},
            "wrong": {_key(k): v for k, v in (p.wrong or {}).items()}}


def _key(key):
    return f"{key[0]}/{key[1]}" if isinstance(key, tuple) and isinstance(key[1], str) else str(key)
