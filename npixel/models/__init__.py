"""The models: one paper, one file. model.py binds one of these modules to its weights.

Most are made of a table of layers and two texts that lead through it: wiring.py. Every module has

    Config                            a frozen dataclass: image_shape, levels, then its own fields
    shapes(config)                    yields (name, Weights of shapes), in the order of init
    init(rng, config) -> params       float64; one flat dict, name -> Weights
    forward(params, x, config, *, condition=None, rng=None, keep=True) -> (outputs, caches)
    backward(doutputs, caches) -> (dx, dcondition, grads)
    loss(config)                      the module of losses that reads the outputs
    start(params, shape, config, *, condition=None) -> state        memory for generation
    see(x_t, state, *, at)            the pixels at a strip of the image are known now
    step(state, *, at) -> outputs     forward's outputs at a strip, from the pixels seen so far
    draws(C)                          which channels are drawn together, in order: sampling.py
    reach(seen, config)               which inputs a set of outputs can depend on for some weights
    width(config)                     numbers alive at once per pixel of a forward pass

and, where a model needs them,

    init_from_data(params, x, config, *, rng, condition=None) -> params     from a batch of data
    init_images(n)                    which of n images that batch is; without it all
    encode(images, levels, dtype)     levels as numbers, in place of model.encode
    stages(config)                    maps (H, W) of the pixels drawn first, second, ...

`shapes` draws no number, and its caller may stop early. So an absurd config in a file costs
nothing. `width` is for choosing batch sizes.

x holds encoded images (N, H, W, C). Outputs are logits, (N, H, W, C) for two levels and
(N, H, W, C, L) for more (discrete.py). Where all colours of a pixel are drawn together, outputs are
the (N, H, W, numbers) that the model's own loss reads, and draws(C) is [slice(None)].

ride.py is a density of real numbers, for density.py. Its networks take an image with a border
around it. The mixture at its end has weights. So in place of `loss` it has log_density,
log_density_backward and draw, which take the params.

Read first: layers/conv2d.py.  Read next: models/wiring.py, models/pixelcnn.py, models/discrete.py.
"""
