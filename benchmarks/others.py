"""How much of the machine other programs use while two implementations are being timed.

Linux alone tells; elsewhere the answer is 0.

A thread pool that waits in a busy loop slows down by far more than its share when something else
wants a processor. So one noisy neighbour can turn a ratio round. A round during which others used
more than BUSY processors does not count, as long as enough rounds remain. Which rounds count is
decided by this number alone, never by the timings themselves.

Read first: nothing.  Read next: runner.py.
"""

import os
import time

BUSY = 0.15                                            # processors' worth
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Watch:
    """The machine from here on: `busy` says how much of it other programs used."""

    def __init__(self):
        self.start, self.used = time.perf_counter(), machine_seconds()

    def busy(self, own):
        """Processors that programs other than ours used; at least 0.

        own   seconds of processor time that we used

        The clock behind it ticks 100 times a second.
        """
        used, wall = machine_seconds() - self.used, time.perf_counter() - self.start
        return max(0.0, used - own) / wall if wall > 0 and used > 0 else 0.0


def machine_seconds():
    """Processor time of everything since the start of the machine; 0 where it is not told.

    What the machine's host took for others is included.
    """
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / TICK
