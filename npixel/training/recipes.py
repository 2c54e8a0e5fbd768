"""How each model is trained where nothing else is asked for: the arguments of `fit`, by model.

    fit(model, images, **recipes.of("pixelcnn"))

The command line and the demo both begin with these. `epochs` is the length of a run for which no
other is given; it is dropped where --steps or --minutes is. A model without an entry takes DEFAULT.
There the learning rate is half a cosine down to zero, and the gradient's length is bounded. The
weights are averaged over about the last tenth of the run, or 1,000 steps if these are fewer.

What follows says why each entry is as it is. All figures are nats per image on validation images,
one run each, on the digits after 250 steps if nothing else is said.

fvbn
    Its loss is convex, so it forgives a large step. It needs one, too: at a constant 1e-3 it is
    still 5 nats away after six epochs of binarised MNIST. So it has four rates from 1e-2 to 3e-4,
    a quarter of the run each.
pixelcnn
    It has DEFAULT with small batches. In a minute of binarised MNIST, batches of 16 are better by 2
    nats than batches of 32. Batches of 8 are worse by half a nat than those of 16.
row_lstm, diagonal_lstm, diagonal_bilstm
    They have a larger step. 6e-3 is not the best of these rates: longer runs were not compared, and
    might not bear the larger ones.

        lr                2e-3   4e-3   6e-3   1.2e-2
        row_lstm          86.9   83.6   82.5   81.1
        diagonal_bilstm   86.9   82.8   81.4   80.7

raster_lstm
    The same rates give 97.2, 92.8, 89.9 and 87.1. The gradient's length is bounded at 1, since the
    gradient comes through all H W C steps and may grow there. On the digits, whose lines are short,
    this costs 0.4 nats more than a bound of 10.
gated_pixelcnn
    What stands far away is learned only if the step is not too large. On blind_corner:8x8 after 500
    steps, the gap at 6e-3 is all of what being blind costs. (On the digits, 7 layers of 3 x 3 like
    a larger step: 83.1, 80.5, 79.9, 80.2 at the first four rates.)

        lr                1e-3    2e-3    3e-3    4e-3    6e-3
        gap               0.024   0.007   0.005   0.003   3.461

spatial_lstm
    Its weights begin small, so it needs a still larger step. noisy_rule:8x8 and markov_mesh:8x8 are
    learned alike at 3e-3 and 1.2e-2.

        lr                2e-3   4e-3   6e-3   1.2e-2   2.4e-2   4.8e-2
        250 steps         93.3   89.6   87.4   84.5     81.1     83.7
        1,000 steps                     78.5   79.1     84.7

pixelcnn_pp
    It is trained as by its authors: Adam with b1 = 0.95, b2 = 0.9995 and 1e-8 inside the root, the
    rate 1e-3 · 0.999995^step, and weights averaged with 0.9995. Their batch is 128, ours 16.
ride
    It is trained as by its authors: gradient descent with momentum, while the patches grow
    (patches.py). Each of eight falling rates has an eighth of the run. After each eighth, L-BFGS
    refines the MCGSM alone. The authors have one rate per epoch. An epoch of ours is as many
    patches as fit side by side.

Read first: training/fit.py.  Read next: commands/train.py.
"""

DEFAULT = {"epochs": 20, "batch": 32, "optimizer": "adam", "lr": 2e-3, "schedule": "cosine",
           "schedule_options": {"warm_up": 0}, "clip_norm": 10.0, "average": 0.999}

RECIPES = {
    "fvbn": {"epochs": 24, "batch": 100, "optimizer": "adam", "lr": 1e-2, "schedule": "piecewise",
             "schedule_options": {"at": [0.25, 0.5, 0.75], "factors": [1.0, 0.3, 0.1, 0.03]},
             "clip_norm": None, "average": None},
    "raster_lstm": {**DEFAULT, "lr": 6e-3, "clip_norm": 1.0},
    "pixelcnn": {**DEFAULT, "batch": 16},
    "gated_pixelcnn": {**DEFAULT, "lr": 3e-3},
    "row_lstm": {**DEFAULT, "lr": 6e-3},
    "diagonal_lstm": {**DEFAULT, "lr": 6e-3},
    "diagonal_bilstm": {**DEFAULT, "lr": 6e-3},
    "spatial_lstm": {**DEFAULT, "lr": 1.2e-2},
    "pixelcnn_pp": {"epochs": 20, "batch": 16, "optimizer": "adam",
                    "optimizer_options": {"b1": 0.95, "b2": 0.9995, "eps": 0.0, "root_eps": 1e-8},
                    "lr": 1e-3, "schedule": "exponential", "schedule_options": {"decay": 0.999995},
                    "clip_norm": None, "average": 0.9995},
    "ride": {"epochs": 8, "batch": 50, "optimizer": "sgd", "optimizer_options": {"momentum": 0.9},
             "lr": 1.0, "schedule": "piecewise",
             "schedule_options": {
                 "at": [i / 8 for i in range(1, 8)],
                 "factors": [1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005]},
             "clip_norm": None, "average": None, "valid_size": 200,
             "refine": {"times": 8, "pixels": 100_000, "evaluations": 500, "share": 0.25}},
}


def of(name, **changes):
    """The recipe of a model, a new dict, with those changes that are not None in place.

    steps or minutes among the changes replace the recipe's epochs. Another schedule or optimiser
    drops the options of the old one.

    >>> of("fvbn", minutes=2.0)["schedule"], "epochs" in of("fvbn", minutes=2.0)
    ('piecewise', False)
    """
    recipe = dict(RECIPES.get(name, DEFAULT))
    changes = {key: value for key, value in changes.items() if value is not None}
    if changes.keys() & {"steps", "minutes"}:
        recipe.pop("epochs")
    for kind in ("schedule", "optimizer"):
        if changes.get(kind, recipe[kind]) != recipe[kind]:
            recipe.pop(kind + "_options", None)
    return recipe | changes
