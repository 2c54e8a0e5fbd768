"""The models: one paper, one file. model.py binds one of these modules to its weights.

Most are made of a table of layers and two texts that lead through it: wiring.py. Every module has

    Config                            a frozen dataclass: image_shape, levels, then its own fields
    shapes(config)                    yields (name, Weights of shapes), in the order of init
    init(rng, config) -> params       float64; one flat dict, name -> Weights
    forward(params, x, config, *, condition=None, rng=None, keep=True) -> (outputs, caches)
    backward(doutputs, caches) -> (dx, dcondition, grads)
    loss(config)                      the module of losses that reads the outputs
    start(params, shape, config)      memory for generation, with see, step, draws(C): sampling.py
    reach(seen, config)               which inputs a set of outputs can depend on for some weights
    width(config)                     numbers alive at once per pixel of a forward pass

and, where a model needs them,

    init_from_data(params, x, config, *, rng, condition=None) -> params     from a batch of data
    init_images(n)                    which of n images that batch is; without it all
    encode(images, levels, dtype)     levels as numbers, in place of model.encode

In `shapes` nothing is drawn, and a reader may stop early: an absurd config in a file costs nothing.
`width` is for choosing batch sizes.

x is an encoded image (N, H, W, C). Outputs are logits, (N, H, W, C) for two levels and
(N, H, W, C, L) for more (discrete.py). Or they are what the model's own loss reads: (N, H, W,
numbers) for all colours of a pixel together, and then draws(C) is [slice(None)].

ride is a density of real numbers, for density.py. Its networks take a canvas, an image and its
border. In place of `loss` it has log_density, log_density_backward and draw, which take the params,
since the mixture at its end has weights.

Read first: layers/conv2d.py.  Read next: models/wiring.py, models/pixelcnn.py, models/discrete.py.
"""

from .wiring import new_caches                         # noqa: F401  of models without a table yet
