"""npixel: autoregressive image models in NumPy, with exact likelihoods and hand-written gradients.

    import npixel
    model = npixel.build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.log_prob(images)                             nats per image

Reading order

    masks.py (what may see what), layers/conv2d.py (every convolution), losses/bernoulli.py,
    models/fvbn.py, models/pixelcnn.py, sampling.py (pixel by pixel)
    model.py (what you hold), parameters.py (weights from elsewhere), density.py, patches.py,
    whitening.py (the other kind of model)
    data/ (images), recipes.py, training.py, progress.py, evaluation.py
    checkpoint.py, whole_file.py, safe_npz.py, limits.py (files), memory.py (sizes)
    cli.py, command.py, commands/, plots.py, figure.py, demo/, doctor.py
    lazy.py (imports), same_name.py (another package called mdp)
    kernels.py, blas.py, elementary.py for what makes it fast

Letters for sizes, here and in `mdp`:

    N images   T frames, taps   H rows   W columns   C channels in   D features out   K kernel width   L levels   M mixtures
    S states   A actions

Arrays are (N, H, W, C): flattening an image in memory order is the order in which its sub-pixels are generated.
Public names: build, load, MODELS, DENSITIES, bits_per_dim, training.fit, data.load.
"""

from .runtime import lazy

HOMES = {"DENSITIES": "registry", "MODELS": "registry", "Model": "model", "bits_per_dim": "model",
         "build": "registry", "load": "registry"}
__all__ = list(HOMES)
lazy.names(__name__, HOMES)
