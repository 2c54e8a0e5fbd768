"""What a run says on standard error: images per second, losses and the time left.

    step 8/23, 5.2e+03 images/s, train 3.41 nats = 0.82 bits/dim, valid 3.5 nats = ..., 2 s left

Read first: runtime/progress.py.  Read next: training/run.py.
"""

import numpy as np

from ..runtime.progress import Progress

LATEST = 100                                           # steps whose mean loss is shown


class RunProgress(Progress):
    """Progress of a Run.

    run   the Run
    on    False: nothing is ever written
    """

    def __init__(self, run, on):
        super().__init__(run.plan.steps if on else 0, "step", done=run.step, on=on)
        self.run, self.valid = run, None

    def step(self):
        """One more step is made."""
        self.at(self.run.step, self.numbers)

    def entry(self, entry):
        """The learning curve has a new entry."""
        self.valid = entry["valid"]
        if self.bar is None:
            self.at(self.run.step, self.numbers, line=True)

    def numbers(self):
        """Images per second, the mean loss of the latest steps, and the last validation."""
        rate = self.rate()
        parts = [] if rate is None else [f"{rate * self.run.plan.batch:.3g} images/s"]
        parts.append(f"train {self.loss(np.mean(self.run.losses[-LATEST:]))}")
        if self.valid is not None:
            parts.append(f"valid {self.loss(self.valid)}")
        return ", ".join(parts)

    def loss(self, nats):
        """A loss for people, in the model's own words."""
        return self.run.model.in_words(nats)
