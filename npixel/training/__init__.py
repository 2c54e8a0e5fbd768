"""Training: the loop, its checkpoints, and going on after a stop with the same numbers.

    for step in 0, ..., steps - 1:
        loss, g = model.loss_and_grads(batch(step))    nats per image, mean over the batch
        g = clip(g)
        p = optimizer(p, g, lr(step))
        a = d a + (1 - d) p                            optimizers/averaging.py, if asked for

Everything that happens at a step is a function of the seed and the step: the batch, the learning
rate, the random numbers of dropout. So a run is known whole by its plan, the number of steps made,
the weights, the optimiser's state and the average. A run that was interrupted, or killed at any
moment, goes on from its last checkpoint. It ends with the weights it would have had, bit for bit,
on the same machine.

    streams.py     random numbers that are functions of the seed and the step
    batches.py     what a run asks of its images, and images that lie in one array
    patches.py     patches cut from larger pictures, which densities are trained on
    step.py        the step: loss, clip, update, average. It knows of no images
    plan.py        everything that decides the numbers of a run, checked
    record.py      what a checkpoint holds, and going on from one
    run.py         the loop
    minutes.py     how many steps fit into a time
    progress.py    what a run says on standard error
    signals.py     Ctrl-C, which lets the step finish
    fit.py         the function that users call
    recipes.py     the options with which each model is trained

A run ends with Diverged if a loss, a gradient, or a weight after an update is not finite. It also
does if weights have a likelihood that is not finite. That is asked at each entry of the learning
curve and before a checkpoint is written. The weights that had the last finite loss stay.

Densities (density.py) are trained by the same loop. Their batches are patches, and their loss is in
nats per pixel. After each part of the run they refine some of their weights themselves (`refine`);
this belongs to the step that ends the part.

Public names: fit, history, check_memory, Plan, Result, Diverged, Rule, Batches, Fixed, Patches,
OPTIMIZERS, SCHEDULES. They load at first use.

Read first: optimizers/adam.py, optimizers/averaging.py, checkpoint.py.
Read next: training/streams.py, training/step.py, training/signals.py.
"""

from ..runtime import lazy

HOMES = {"fit": "fit", "Plan": "plan", "Result": "run", "Diverged": "step", "Rule": "step",
         "OPTIMIZERS": "step", "SCHEDULES": "plan", "Patches": "patches", "Batches": "batches",
         "Fixed": "batches", "check_memory": "plan", "history": "record"}
__all__ = list(HOMES)
lazy.names(__name__, HOMES)
