"""A model and a density are siblings: what both have, where it stands, and the table above both.

Their methods are tested in test_models_*.py, test_parameters.py and test_ride.py.
"""

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npixel
from npixel import arguments, density, model, network, registry
from npixel.commands import kinds
from npixel.network import Network

RIDE = {"hidden": 4, "mixtures": 2, "scales": 2, "features": 3}


def siblings():
    """A small Model and a small Density."""
    return (npixel.build("fvbn", image_shape=(2, 3, 1)),
            npixel.build("ride", image_shape=(6, 8, 1), **RIDE))


def test_a_density_is_no_model_and_a_model_no_density():
    fvbn, ride = siblings()
    assert type(fvbn) is npixel.Model and type(ride) is density.Density
    assert not isinstance(ride, npixel.Model) and not isinstance(fvbn, density.Density)
    assert isinstance(ride, Network) and isinstance(fvbn, Network)


def test_what_network_says_that_both_have_both_have():
    for one in siblings():
        for name in ("loss_and_grads", "mean_nll", "in_words", "sample", "init_from_data",
                     "visible_past", "fits", "forward", "start", "see", "step", "images_per_chunk",
                     "sample_dtype", "as_levels"):
            assert name in network.__doc__ and hasattr(one, name), name
            # not both from Network, which would have to know what an image is
            assert name == "step" or name not in vars(Network), name


@pytest.mark.parametrize("name", [*npixel.MODELS, *npixel.DENSITIES])
def test_a_network_finds_its_file_by_its_config(name):
    kind, module = registry.look_up(name)
    one = kind(name, module.Config((8, 8, 1)), {})
    assert one.module is module and module.__name__ == f"npixel.models.{name}"


def test_a_copy_and_a_pickle_compute_the_same_on_weights_of_their_own():
    for one in siblings():
        for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            assert type(other) is type(one) and other.module is one.module
            assert other.describe() == one.describe()
            for name, weights in one.params.items():
                for mine, theirs in zip(weights, other.params[name]):
                    assert np.array_equal(mine, theirs) and not np.shares_memory(mine, theirs)


def test_other_weights_are_not_copied():
    for one in siblings():
        params = {name: type(weights)(*(2 * array for array in weights))
                  for name, weights in one.params.items()}
        other = one.with_params(params)
        assert type(other) is type(one) and other.params is params and other.config is one.config
        assert one.params is not params


def test_names_that_moved_to_the_registry_are_found_where_they_were():
    assert (model.MODELS, model.build, model.load) == (npixel.MODELS, npixel.build, npixel.load)
    assert density.DENSITIES is npixel.DENSITIES is registry.DENSITIES
    for module in (model, density):
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute"):
            module.nothing


@pytest.mark.parametrize("module", ["npixel.model", "npixel.density", "npixel.registry"])
def test_each_of_the_files_can_be_imported_first(module):
    """There is no circle: none of them needs another that needs it."""
    code = f"import {module}, sys; print('npixel.registry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], text=True,
                          capture_output=True, timeout=120)
    assert done.stdout == f"{module == 'npixel.registry'}\n", done.stderr


def test_images_of_another_form_do_not_fit():
    fvbn, ride = siblings()
    assert fvbn.fits((2, 3, 1), 2) and fvbn.fits([2, 3, 1], 2)
    assert not fvbn.fits((3, 2, 1), 2) and not fvbn.fits((2, 3, 1), 4)
    assert ride.fits((50, 60, 1), 256)
    assert not ride.fits((6, 8, 3), 256) and not ride.fits((6, 8, 1), 2)


def test_what_a_picture_shows():
    fvbn, ride = siblings()
    images = np.array([0, 1]).reshape(1, 1, 2, 1)
    assert fvbn.as_levels(images) == (images, 2) and fvbn.sample_dtype == np.uint8
    shown, levels = ride.as_levels(np.array([-0.5, 0.0, 0.5, 1.5]))
    assert shown.tolist() == [0, 0, 128, 255] and (shown.dtype, levels) == (np.uint8, 256)
    assert ride.sample_dtype == np.float64


@pytest.mark.parametrize("n, most", [(5, 2), (4, 2), (1, 9), (3, 1)])
def test_chunks_are_joined_in_order_and_none_is_larger_than_most(n, most):
    sizes = []

    def squares(part):
        sizes.append(part.stop - part.start)
        return np.arange(n)[part] ** 2

    assert network.in_chunks(squares, n, most).tolist() == [i * i for i in range(n)]
    assert sum(sizes) == n and max(sizes) <= most and min(sizes) >= 1


@pytest.mark.parametrize("seed", [-1, "a", 1.5])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be a non-negative integer, is"):
        arguments.generator(seed)


def test_uniforms_come_from_the_generator_in_one_call_or_are_those_given():
    shape = (2, 2, 3, 1)
    drawn = arguments.uniforms(shape, np.random.default_rng(3), None)
    assert np.array_equal(drawn, np.random.default_rng(3).random(shape))
    assert arguments.uniforms(shape, None, drawn) is drawn
    for given, words in ((drawn[0], "must be float64"), (drawn.astype("f4"), "must be float64"),
                         (drawn + 1, "must lie in"), (drawn * np.nan, "must lie in")):
        with pytest.raises(ValueError, match=f"uniforms {words}"):
            arguments.uniforms(shape, None, given)
    with pytest.raises(ValueError, match="rng must be a numpy.random.Generator or None, is 3"):
        arguments.uniforms(shape, 3, None)


# the command line's two ways


def test_the_verbs_ask_levels_and_reals_the_same_questions():
    """What one of them answers, the other answers: so no verb needs to know which it has."""
    asked = [{name: inspect.signature(getattr(kind, name)).parameters
              for name in vars(kind) if not name.startswith("_")}
             for kind in (kinds.Levels, kinds.Reals)]
    assert asked[0].keys() == asked[1].keys()
    for name in asked[0]:
        assert len(asked[0][name]) == len(asked[1][name]), name


@pytest.mark.parametrize("name", [*npixel.MODELS, *npixel.DENSITIES])
def test_every_network_is_of_the_kind_of_its_class(name):
    expected = {npixel.Model: kinds.Levels, density.Density: kinds.Reals}
    assert kinds.of(name) is expected[registry.look_up(name)[0]]


def test_a_density_completes_nothing_and_a_model_has_no_ensemble():
    fvbn, ride = siblings()
    kinds.Levels.check_completes("x.npz", fvbn)
    with pytest.raises(ValueError, match="x.npz holds a ride, which is a density: complete is for"):
        kinds.Reals.check_completes("x.npz", ride)
    with pytest.raises(ValueError, match="--ensemble is for densities .ride., not for a fvbn"):
        kinds.Levels.evaluate(fvbn, None, ensemble=True)
