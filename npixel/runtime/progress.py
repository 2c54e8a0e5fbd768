"""Progress on standard error: tqdm's bar on a terminal that has it, else a line now and then.

    show = Progress(steps, "step")
    for step in range(steps):
        ...
        show.at(step + 1, lambda: "5.2 nats")          "step 2/60, 5.2 nats, 31 s left"
    show.close()

The first piece of work may compile kernels, so the rate leaves it out. The time left is shown from
the second piece on. No failure here ends the work: if standard error is closed, full or unread,
nothing more is written.

Read first: nothing.  Read next: runtime/figure.py.
"""

import sys
import time

PAUSES = 5.0, 30.0                                     # seconds between lines, on a terminal or not


def say(text):
    """Write one line on standard error; False if it could not be written."""
    if sys.stderr is None:                             # it was closed before Python began
        return False
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):                      # full, unread; closed since
        return False
    return True


def clock(seconds):
    """A time for people.

    >>> clock(45), clock(720), clock(12240)
    ('45 s', '12 min', '3.4 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Progress:
    """How far a piece of work has come.

    total   amount of work, an integer
    unit    the word for one piece of it, such as "step"
    done    how much was done before
    on      False: nothing is ever written
    """

    def __init__(self, total, unit, *, done=0, on=True):
        self.total, self.unit, self.on, self.done, self.bar = total, unit, on, done, None
        self.begun = self.shown = time.monotonic()
        self.first = None                              # (work, time) where the rate begins
        try:
            self.terminal = bool(on and sys.stderr.isatty())
        except (AttributeError, ValueError):
            self.terminal = False

    def at(self, done, words=lambda: "", *, line=False):
        """So much is done now.

        words   a function that says more; it is called only if something is shown
        line    True: show it in any case
        """
        now, self.done = time.monotonic(), done
        if self.first is None:
            self.first = done, now
            self._open_bar()
        if not self.on:
            return
        if self.bar is not None:
            self._on_bar(words, now)
        elif line or now - self.shown >= PAUSES[not self.terminal]:
            self.shown = now
            left = self.left()
            parts = [f"{self.unit} {done}/{self.total}", words(),
                     "" if left is None else f"{clock(left)} left"]
            self.say(", ".join(filter(None, parts)))

    def rate(self):
        """Work per second since the first piece; None before the second."""
        if self.first is None or self.done <= self.first[0]:
            return None
        return (self.done - self.first[0]) / max(time.monotonic() - self.first[1], 1e-9)

    def left(self):
        """Seconds left, or None while there is no rate. Nothing is left at the end."""
        if self.done >= self.total:
            return 0.0
        return None if (rate := self.rate()) is None else (self.total - self.done) / rate

    def say(self, text):
        """Write a line of text between those of the progress."""
        if self.bar is not None:
            self._quietly(lambda: self.bar.write(text, file=sys.stderr))
        elif self.on:
            self.on = say(text)

    def close(self):
        """Take the bar away."""
        if self.bar is not None:
            self._quietly(self.bar.close)
            self.bar = None

    def _open_bar(self):
        if not self.terminal:
            return
        try:
            from tqdm import tqdm
        except ImportError:
            return
        self._quietly(lambda: setattr(self, "bar", tqdm(
            total=self.total, initial=self.done, unit=self.unit, file=sys.stderr,
            dynamic_ncols=True, mininterval=0.5)))

    def _on_bar(self, words, now):
        def show():
            if now - self.shown >= 0.5:
                self.shown = now
                self.bar.set_postfix_str(words(), refresh=False)
            self.bar.update(self.done - self.bar.n)
        self._quietly(show)

    def _quietly(self, call):
        """call(), where an error on standard error only ends the writing."""
        try:
            call()
        except (OSError, ValueError):
            if self.bar is not None:
                self.bar.disable = True                # else its end tries once more
            self.on, self.bar = False, None
