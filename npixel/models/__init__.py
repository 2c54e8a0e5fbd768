"""The models: one paper, one file. model.py at the top of the package binds one of these modules to its weights.

Every module here has

    Config                                              a frozen dataclass: image_shape, levels, then the model's own fields
    shapes(config)                                      yields (name, Weights of shapes), in order
                                                        of `init`. Nothing is drawn, and a reader
                                                        may stop early: a foolish config in a file
                                                        costs nothing
    init(rng, config) -> params                         float64; one flat dict, name -> Weights
    forward(params, x, config, *, condition=None, rng=None, keep=True) -> (outputs, caches)
    backward(doutputs, caches) -> (dx, dcondition, grads)
    loss(config)                                        the module of losses that reads the outputs
    start(params, shape, config), see, step, draws(C)   generation, see sampling.py
    reach(seen, config)                                 which inputs a set of outputs can depend on, for some weights
    width(config)                                       numbers alive at once per pixel of a forward pass, for choosing batch sizes

and, where a model needs them,

    init_from_data(params, x, config, *, rng, condition=None) -> params        weights that a batch of data decides
    init_images(n)                                      which of n images that batch is; without it all
    encode(images, levels, dtype)                       levels as the numbers the network sees, in place of model.encode

ride is a density of real numbers, for density.py: its networks take a canvas, an image and its border, and in place of `loss` it has log_density,
log_density_backward and draw, which take the params, since the mixture at its end has weights.

x is an encoded image (N, H, W, C); outputs are logits, (N, H, W, C) for two levels and (N, H, W, C, L) for more, or what
the model's own loss reads: (N, H, W, numbers) for all colours of a pixel together, and then draws(C) is [slice(None)].
"""

from .wiring import new_caches                          # noqa: F401
