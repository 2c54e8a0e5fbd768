"""The process in which one implementation is set up, compared and timed.

    python -m benchmarks.worker

It waits for one JSON object per line on standard input and answers each with one on its standard
output:

    {"do": "setup", "setup": "module:function", "arguments": {...}, "constants": {...}}
                                        import, set constants of the module, call, hold the Call
    {"do": "outputs", "path": "x.npz"}
                                        run once, write what `read` makes of the result
    {"do": "time", "calls": 5, "cold": false}
                                        an untimed call unless "cold", then seconds per call over 5
    {"do": "memory"}                    bytes that one call adds to resident memory at its peak; its
                                        seconds
    {"do": "ask", "ask": "module:function"}
                                        what that function returns

The number of threads is in its environment before anything is imported. Every answer waits until
the process has come to rest. OpenBLAS's threads spin for about a tenth of a second after a product,
and would take a processor from whoever is timed next. Each answer also carries the processor time
that this process has used so far ("processor"). The end of standard input ends it, so no worker
outlives its parent.

Read first: row.py.  Read next: runner.py.
"""

import importlib
import json
import os
import resource
import sys
import time

import numpy as np

from npixel.runtime import memory

REST = 0.005  # seconds between two looks at the processor time
PATIENCE = 1.0  # a process that never rests is timed all the same


def main():
    """Answer commands until standard input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    memory.keep()                                      # for every implementation alike
    call = None                                        # the Call that setup returned
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "setup":
                call, reply = _setup(command), {}
                reply["scale"] = call.scale
            else:
                reply = {"outputs": _outputs, "time": _time, "memory": _memory,
                         "ask": _ask}[command["do"]](command, call)
        except Exception as error:  # the parent prints it as one line beside the row's name
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        _rest()
        reply["processor"] = time.process_time()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _find(place):
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def _setup(command):
    setup = _find(command["setup"])
    for name, value in command["constants"].items():
        setattr(sys.modules[setup.__module__], name, value)
    call = setup(**command["arguments"])
    if "torch" in sys.modules:  # PyTorch otherwise counts the processors itself
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return call


def _outputs(command, call):
    np.savez(command["path"],
             **{name: np.asarray(value) for name, value in call.read(call.run()).items()})
    return {}


def _time(command, call):
    run, calls = call.run, command["calls"]
    if not command["cold"]:
        run()                                          # the caches hold another process's data
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return {"seconds": (time.perf_counter() - start) / calls * call.scale}


def _memory(command, call):
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # Linux: the peak starts again from what is resident now
        peak, before = (lambda: _status("VmHWM")), _status("VmRSS")
    except (OSError, KeyError):  # elsewhere: how much the lifetime's peak still grows
        peak, before = _lifetime_peak, _lifetime_peak()
    start = time.perf_counter()
    call.run()
    return {"seconds": time.perf_counter() - start, "bytes": max(0, peak() - before)}


def _lifetime_peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin"
                                                                 else 1024)


def _status(name):
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields[name].split()[0]) * 1024


def _ask(command, call):
    return {"answer": _find(command["ask"])()}


def _rest():
    """Return once this process's threads use less than a tenth of a processor."""
    memory.release()  # what earlier calls left must not hide what this one needs
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        used, start = time.process_time(), time.perf_counter()
        time.sleep(REST)
        if time.process_time() - used < 0.1 * (time.perf_counter() - start):
            return


if __name__ == "__main__":
    main()
