"""npixel: autoregressive image models in NumPy, with exact likelihoods and hand-written gradients.

    import npixel
    model = npixel.build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.log_prob(images)                             nats per image

Public names: build, load, MODELS, DENSITIES, bits_per_dim, training.fit, data.load.

Letters for sizes, here and in `mdp`. None of them is used for another size:

    N   images                               T   frames, or time steps
    H   rows                                 W   columns
    C   channels in                          D   features out
    K   the width of a kernel                U   taps, the offsets that a kernel has
    L   levels                               M   mixtures
    V   numbers that describe a condition
    S   states                               A   actions
    X   available pairs (state, action)      J   outcomes (state, action, next, reward)

Arrays are (N, H, W, C): flattening an image in memory order is the order in which its sub-pixels
are generated.

Reading order. Every page uses only what stands before it, and the last part: what makes pages fast
and files safe may be read at the end.

    1  What may see what, and how likely it is
       masks.py, losses/__init__.py, losses/levels.py, losses/bernoulli.py,
       losses/categorical.py
    2  Convolution
       layers/__init__.py, layers/conv2d.py, layers/relu.py, layers/relu_conv2d.py,
       layers/linear.py
    3  A network is a table of layers: PixelCNN
       models/__init__.py, models/discrete.py, layers/deconv2d.py, models/wiring.py,
       models/readout.py, models/pixelcnn.py, layers/fully_visible.py, models/fvbn.py
    4  A model in the hand: likelihood, sampling
       sampling.py, parameters.py, checkpoint.py, network.py, arguments.py, model.py
    5  LSTMs over pixels
       layers/lstm_cell.py, layers/lstm.py, models/raster_lstm.py, layers/skew.py,
       layers/spatial_lstm.py, models/spatial_lstm.py, layers/row_lstm.py,
       layers/diagonal_lstm.py, layers/shift.py, layers/diagonal_bilstm.py,
       layers/conditional_bias.py, models/pixelrnn.py, models/row_lstm.py,
       models/diagonal_lstm.py, models/diagonal_bilstm.py, models/multiscale_pixelrnn.py
    6  Gated PixelCNN, PixelCNN++
       layers/gated_activation.py, models/condition.py, models/gated_pixelcnn.py, layers/elu.py,
       layers/concat_elu.py, layers/gated_linear.py, layers/dropout.py, layers/weight_norm.py,
       losses/discretized_logistic_mixture.py, layers/shifted.py, layers/weight_normed.py,
       models/pixelcnn_pp.py
    7  Densities of real numbers
       whitening.py, losses/mcgsm.py, models/ride.py, optimizers/lbfgs.py, density.py,
       registry.py
    8  Images
       data/__init__.py, data/dataset.py, data/size.py, data/levels.py, data/files.py,
       data/digits.py, data/idx.py, data/arrays.py, data/mnist.py, data/binarized_mnist.py,
       data/plain_pickle.py, data/cifar10.py, data/dead_leaves.py, data/image_folder.py,
       data/known_entropy/__init__.py, data/known_entropy/draw.py, data/photographs.py,
       data/catalogue.py, data/command.py, data/known_entropy/source.py,
       data/known_entropy/blind_corner.py, data/known_entropy/markov_mesh.py,
       data/known_entropy/noisy_rule.py
    9  Training
       optimizers/__init__.py, optimizers/walk.py, optimizers/sgd.py, optimizers/rmsprop.py,
       optimizers/adam.py, optimizers/averaging.py, optimizers/clipping.py,
       optimizers/schedules.py, training/__init__.py, training/step.py, training/plan.py,
       training/streams.py, training/batches.py, training/patches.py, training/record.py,
       training/run.py, training/minutes.py, training/progress.py, training/signals.py,
       training/fit.py, training/recipes.py
    10 What a trained model says
       evaluation.py, measure.py, plots.py
    11 The command line
       cli.py, __main__.py, commands/__init__.py, commands/shared.py, commands/drawing.py,
       commands/kinds.py, commands/complete.py, commands/evaluate.py, commands/models.py,
       commands/sample.py, commands/train.py, demo/__init__.py, demo/pictures.py, demo/table.py,
       doctor.py
    12 Below everything
       runtime/__init__.py, runtime/kernels.py, runtime/blas.py, runtime/elementary.py,
       layers/live_taps.py, layers/canvas.py, layers/unit_blocks.py, runtime/memory.py,
       runtime/whole_file.py, runtime/limits.py, runtime/safe_npz.py, runtime/command.py,
       runtime/progress.py, runtime/figure.py, runtime/lazy.py, runtime/same_name.py

Read first: nothing.  Read next: masks.py, layers/conv2d.py.
"""

from .runtime import lazy

HOMES = {"DENSITIES": "registry", "MODELS": "registry", "Model": "model", "bits_per_dim": "model",
         "build": "registry", "load": "registry"}
__all__ = list(HOMES)
lazy.names(__name__, HOMES)
