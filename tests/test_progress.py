"""Progress on standard error: what it says, and that it never ends the work."""

import io
import sys

import pytest

from npixel.runtime import progress


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


def test_the_first_piece_of_work_which_may_compile_is_left_out_of_the_time_left(monkeypatch,
                                                                                capsys):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    show = progress.Progress(60, "step")
    clock.now += 33                                    # compilation
    show.at(1, lambda: "a")
    clock.now += 31
    show.at(32, lambda: "b")
    # 31 steps in 31 seconds: 28 are left; 33 + 31 seconds for 32 steps would make it 56
    assert capsys.readouterr().err == "step 1/60, a\nstep 32/60, b, 28 s left\n"
    assert show.rate() == 1.0 and show.left() == 28.0


class Broken(io.StringIO):
    """A stream that fails after so many writes, as one does whose reader is gone or whose disk is
    full.
    """

    def __init__(self, good, error):
        super().__init__()
        self.good, self.error = good, error

    def write(self, text):
        self.good -= 1
        if self.good < 0:
            raise self.error
        return super().write(text)

    def isatty(self):
        return True


@pytest.mark.parametrize("error", [
    BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")])
@pytest.mark.parametrize("good", [0, 3])
@pytest.mark.parametrize("bar", [True, False])
def test_a_standard_error_that_fails_ends_the_words_and_not_the_work(monkeypatch, error, good, bar):
    if bar:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    stream = Broken(good, error)
    monkeypatch.setattr(sys, "stderr", stream)
    show = progress.Progress(50, "step")
    show.say("begun")
    for step in range(1, 51):
        show.shown = -1e9                              # it is time for a line
        show.at(step, lambda: "words", line=True)
    show.say("done")
    show.close()
    assert not show.on and show.bar is None and show.done == 50
    monkeypatch.setattr(sys, "stderr", None)           # 2>&-
    show = progress.Progress(2, "step")
    show.at(1, line=True)
    show.say("nobody hears it")
    show.close()
