"""npixel: autoregressive image models in NumPy, with exact likelihoods and hand-written gradients.

    import npixel
    model = npixel.build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.log_prob(images)                             nats per image

Reading order: masks.py (what may see what), layers/conv2d.py (every convolution), losses/bernoulli.py, models/fvbn.py,
models/pixelcnn.py, sampling.py (pixel by pixel), model.py (what you hold), training.py; kernels.py and blas.py for what makes it fast.

Letters for sizes, here and in `mdp`:

    N images   T frames, taps   H rows   W columns   C channels in   D features out   K kernel width   L levels   M mixtures
    S states   A actions

Arrays are (N, H, W, C): flattening an image in memory order is the order in which its sub-pixels are generated.
Public names: build, load, MODELS, DENSITIES, bits_per_dim, training.fit, data.load.
"""

from . import lazy

HOMES = {"DENSITIES": "density", "MODELS": "model", "Model": "model", "bits_per_dim": "model",
         "build": "model", "load": "model"}
__all__ = list(HOMES)
lazy.names(__name__, HOMES)
