"""Ctrl-C and SIGTERM in a run: the first one is noted, a second one stops at once.

    with Signals() as signals:
        while not signals.caught:
            ...                        a step that is never cut in two

Read first: nothing.  Read next: training/progress.py.
"""

import signal
import threading


class Signals:
    """While entered, the first SIGINT or SIGTERM is noted in `caught`.

    A second one raises KeyboardInterrupt. Signals reach Python's main thread only; in any other
    thread nothing is changed.
    """

    def __enter__(self):
        self.caught, self.old = None, {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # a job in the background is started to ignore Ctrl-C, and goes on doing so
                if signal.getsignal(number) != signal.SIG_IGN:
                    self.old[number] = signal.signal(number, self._catch)
        return self

    def _catch(self, number, frame):
        if self.caught is not None:
            raise KeyboardInterrupt
        self.caught = number

    def __exit__(self, *_):
        for number, handler in self.old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
