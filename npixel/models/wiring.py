"""Wiring: a network is a table of layers, and two short texts that lead through it.

    def layers(config):                                yields (name, Layer), in the order of init
        yield "first", Layer(conv2d, 1, 8, mask_a(3, 1))
        yield "second", Layer(relu_conv2d, 8, 1, mask_b(3, 1))

    def network(f, x, config):                         from the image to the outputs
        return f("second", f("first", x))

    def network_backward(b, doutputs, config):         the way back, in mirror
        return b("first", b("second", doutputs))

f and b are functions of a layer's name. A text computes one thing or another with other functions
for f and b, so each text serves two purposes:

    forwards    f(name, x) is the layer's output; its cache is kept
    steps       f(name, x) is its output at a strip of the image, from what it remembers
    backwards   b(name, dy) is the gradient of its input; those of its weights are kept
    reaches     b(name, seen) says which inputs a set of outputs can depend on

A gradient flows back where an output can depend on an input. So the text that adds gradients also
finds the past that a model sees, if it is given bools in place of numbers: a sum of bools is "or".

In a step the image is None. `see` has given the pixels to the layers that look at the image, and
these layers read what they remember.

`Wiring` makes a model's functions of the table and the texts. A network that needs more, such as
two streams that are stepped in different places, calls the four functions above itself.

Read first: masks.py, layers/conv2d.py, layers/relu_conv2d.py, layers/deconv2d.py,
models/discrete.py.
Read next: models/readout.py, models/pixelcnn.py.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np

from .. import masks
from ..layers.deconv2d import coarse
from . import discrete

NOTHING = False                                        # the empty sum, of numbers and of bools


class Layer(NamedTuple):
    """One layer of a network: the module that computes it, and what this module is told."""
    module: ModuleType                                 # of layers, or anything that looks like one
    C: int | None = None                               # numbers in, at each place
    D: int | None = None                               # numbers out
    taps: object = None                                # Window, masks.Taps or a list of offsets
    options: dict = {}                                 # the rest right of "*" in forward and start
    sizes: dict = {}                                   # what only shapes, init and reach ask for
    gain: float | None = None                          # of init; None: the layer's own
    conditional: bool = False                          # its second input is the condition
    shares: str | None = None                          # the layer whose weights it uses
    scale: int = 1                                     # image rows for one row of its input
    to: int | None = None                              # ... of its output; None: the same
    grid: tuple | None = None                          # (H, W) of its input, where it is no image

    def size(self, grid):
        """The size of its input maps, for images of size `grid` = (H, W): rounded up."""
        return self.grid or tuple(-(-length // self.scale) for length in grid)

    def told(self):
        """What its forward and its start are told right of "*"."""
        if self.taps is None:
            return self.options
        if isinstance(self.taps, Window):
            return {"taps": self.taps.made(self.C, self.D), **self.options}
        return {"taps": self.taps, **self.options}

    def numbers(self):
        """All sizes that shapes, init and reach may ask for, by their names in the layers."""
        known = {"C": self.C, "V": self.C, "D": self.D}
        if isinstance(self.taps, Window):
            known["U"] = self.taps.U
        elif self.taps is not None:
            known["U"] = len(getattr(self.taps, "offsets", self.taps))
        return known | self.sizes


class Window:
    """A list of taps and its mask, made when they are first asked for.

    So an absurd size in a configuration costs nothing while its weights are only counted.

    U       how many taps it has
    make    a function of (C, D) that makes masks.Taps for C numbers in and D numbers out
    """

    def __init__(self, U, make):
        self.U, self._make, self._made = U, make, {}

    def made(self, C, D):
        """masks.Taps for C numbers in and D out. They are made once for each (C, D)."""
        if (C, D) not in self._made:
            self._made[C, D] = self._make(C, D)
        return self._made[C, D]


def mask_a(K, colours, *, gates=1):
    """A Window of K x K taps with mask A, for a layer that reads the image itself.

    gates   as in mask_b
    """
    return _coloured(K * K, lambda ins, outs: masks.mask_a(K, ins, outs), colours, gates,
                     image=True)


def mask_b(K, colours, *, gates=1, free=0):
    """A Window of K x K taps with mask B, for a layer that reads features split into colours.

    gates   how many maps of D numbers a layer computes side by side
    free    how many channels at the end of the input are maps known in advance, not features of
            the image. The tap at the pixel itself reads them unmasked, the others do not read them
    """
    return _coloured(K * K, lambda ins, outs: masks.mask_b(K, ins, outs), colours, gates, free)


def causal_row(K, colours, *, gates=1, free=0, first=False):
    """A Window of 1 x K taps along the row being generated.

    first   True: mask A, for a layer that reads the image itself; else mask B

    gates and free are as in mask_b.
    """
    mask = {"first": True} if first else {}
    return _coloured(K, lambda ins, outs: masks.causal_row(K, ins, outs, **mask), colours, gates,
                     free, image=first)


def _coloured(U, make, colours, gates=1, free=0, image=False):
    """A Window whose mask follows the colours of the channels.

    make    a function of masks.py: (colours of inputs, colours of outputs) -> masks.Taps
    image   True: the inputs are the colours themselves, else features
    """
    def made(C, D):
        inputs = np.arange(C) if image else masks.groups(C - free, colours)
        offsets, mask = make(inputs, masks.groups(gates * D, colours, gates))
        if not free:
            return masks.Taps(offsets, mask)
        unmasked = np.zeros((len(offsets), free, gates * D), bool)
        unmasked[offsets.index((0, 0))] = True
        return masks.Taps(offsets, np.concatenate([mask, unmasked], axis=1))
    return Window(U, made)


# the functions that a text is given


def forwards(table, params, caches):
    """f(name, *inputs, **drawn) -> the output of a layer, whose cache goes into `caches`.

    drawn   what is drawn anew for each call, such as the mask of a dropout
    """
    def f(name, *inputs, **drawn):
        layer = table[name]
        weights = params.get(layer.shares or name, ())
        y, caches[name] = layer.module.forward(*inputs, *weights, **layer.told(), **drawn)
        return y
    return f


def backwards(table, caches, grads):
    """b(name, dy) -> the gradient of the layer's input; those of its weights go into `grads`.

    A layer of several inputs gives a tuple, one gradient for each.
    """
    def b(name, dy):
        layer = table[name]
        gradients = layer.module.backward(dy, caches[name])
        Weights = getattr(layer.module, "Weights", None)
        inputs = len(gradients) - (len(Weights._fields) if Weights else 0)
        if Weights:
            _add_to(grads, layer.shares or name, Weights(*gradients[inputs:]))
        return gradients[0] if inputs == 1 else gradients[:inputs]
    return b


def _add_to(grads, name, gradient):
    """Weights that several layers share get the sum of their gradients."""
    if name in grads:
        gradient = type(gradient)(*(a + b for a, b in zip(grads[name], gradient)))
    grads[name] = gradient


class State(NamedTuple):
    """The memory of a network: what each layer remembers of the image so far."""
    memories: dict                                     # name -> State of the layer, or its weights
    held: dict                                         # name -> (step, read, memory) for `steps`
    table: dict                                        # name -> Layer
    config: object
    condition: np.ndarray | None = None                # (N, H, W, V) maps that the text reads


def started(table, params, shape, config, *, condition=None, code=None):
    """The State before the first pixel.

    shape       (N, H, W, C) of the images
    condition   maps that the text itself reads, at every strip
    code        the condition as the layers that are `conditional` take it
    """
    N, *grid, _ = shape
    memories, held = {}, {}
    for name, layer in table.items():
        memory = params.get(layer.shares or name, ())
        if hasattr(layer.module, "start"):
            given = (code,) if layer.conditional else ()
            memory = layer.module.start((N, *layer.size(grid), layer.C), *given, *memory,
                                        **layer.told())
        memories[name], held[name] = memory, (*_step_and_read(layer), memory)
    return State(memories, held, table, config, condition)


def _step_and_read(layer):
    """step(*inputs, memory, at=at) and read(memory, at=at) of a layer, at a strip of the image.

    A layer without memory computes its forward pass at the strip. Where maps are smaller than the
    image, the strip is the part of it that the maps have: coarse(at).
    """
    module, told, scale, to = layer.module, layer.told(), layer.scale, layer.to or layer.scale
    if not hasattr(module, "start"):
        def forward(*inputs, at):
            *inputs, weights = inputs
            return module.forward(*inputs, *weights, **told)[0]
        return forward, None

    def read(memory, *, at):
        return module.read(memory, at=_part(at, to))

    def step(*inputs, at):
        *inputs, memory = inputs
        if layer.conditional:                          # known from the start, and not told again
            inputs = inputs[:1]
        if to == scale:
            return module.step(*inputs, memory, at=_part(at, scale))
        module.write(*inputs, memory, at=_part(at, scale))
        return read(memory, at=at)

    if scale == to == 1 and not layer.conditional:     # nearly all: without a detour
        return module.step, getattr(module, "read", None)
    return step, read


def _part(at, scale):
    """The strip of maps that have one row for `scale` rows of the image."""
    return at if scale == 1 else coarse(at, scale)


def steps(state, at):
    """f(name, x) -> the output of a layer at the strip `at`, from what it remembers.

    f(name, x, second)    the same for a layer of two inputs
    f(name, None)         the same for a layer that was given its input before, by its `write`
    """
    held = state.held

    def f(name, x, second=None):
        step, read, memory = held[name]
        if x is None:
            return read(memory, at=at)
        if second is None:
            return step(x, memory, at=at)
        return step(x, second, memory, at=at)
    return f


def reaches(table, grid):
    """b(name, seen) -> which inputs of a layer the outputs in `seen` (H, W, D) can depend on.

    grid   (H, W) of the image

    A layer without `reach` works number by number, so an output depends on its own place. The
    condition of a conditional layer is no pixel: the second answer is NOTHING there.
    """
    def b(name, seen):
        layer = table[name]
        if hasattr(layer.module, "reach"):
            told = layer.numbers() | layer.told()
            if layer.taps is not None:
                told["taps"] = _with_mask(told["taps"], layer)
            seen = ask(layer.module.reach, seen, shape=layer.size(grid), **told)
        return (seen, NOTHING) if layer.conditional else seen
    return b


def _with_mask(taps, layer):
    """masks.Taps with a mask, of a layer whose taps may be a plain list without."""
    if isinstance(taps, masks.Taps) and taps.mask is not None:
        return taps
    return masks.Taps(*masks.as_taps(taps, layer.C, layer.D))


def ask(function, *first, **known):
    """Call a function with `first`, and with what it has parameters for of all that is known.

    >>> ask(lambda x, /, K, *, gain=1: (x, K, gain), 5, K=3, T=9)
    (5, 3, 1)
    """
    positional, named = list(first), {}
    for name, by_place in _parameters(function)[len(first):]:
        if name in known and by_place:
            positional.append(known[name])
        elif name in known:
            named[name] = known[name]
    return function(*positional, **named)


@functools.lru_cache(maxsize=1000)                     # a step asks for every pixel
def _parameters(function):
    """Each parameter of a function, as (name, whether it can only be given by its place)."""
    return [(name, parameter.kind is parameter.POSITIONAL_ONLY)
            for name, parameter in inspect.signature(function).parameters.items()]


def add(h, z):
    """h + z, written over z, which saves an array. Only for a z that nothing else holds."""
    z += h
    return z


class _Forget(dict):
    """Takes caches and keeps none."""

    def __setitem__(self, name, cache):
        pass


def new_caches(keep):
    """Where a forward pass puts its caches: a dict, or a place that drops each one at once."""
    return {} if keep else _Forget()


# what a model's functions are made of


def shapes_of(layers):
    """(name, Weights of shapes) of every layer that has weights, one by one, as `layers` yields."""
    for name, layer in layers:
        if hasattr(layer.module, "shapes") and layer.shares is None:
            yield name, ask(layer.module.shapes, **layer.numbers())


def drawn(rng, layers):
    """Initial weights, name -> Weights, float64: each layer's init, in the order of `layers`."""
    params = {}
    for name, layer in layers:
        if hasattr(layer.module, "init") and layer.shares is None:
            gain = {} if layer.gain is None else {"gain": layer.gain}
            params[name] = ask(layer.module.init, rng, dtype=np.float64, **layer.numbers(),
                               **layer.told(), **gain)
    return params


@dataclass(frozen=True)
class Wiring:
    """A model's functions, made of its table and its two texts.

        shapes, init, forward, backward, start, see, step, reach = Wiring(...).functions()

    network may have the parameters `condition` and `rng`. network_backward returns dx, or
    (dx, dcondition).
    """
    layers: Callable                                   # config -> (name, Layer), one by one
    network: Callable                                  # (f, x, config) -> outputs
    network_backward: Callable                         # (b, doutputs, config) -> dx
    image: tuple = ("first",)                          # the layers that look at the image itself

    def functions(self):
        """The functions of a model, in the order in which models/__init__.py lists them."""
        return (self.shapes, self.init, self.forward, self.backward, self.start, self.see,
                self.step, self.reach)

    def shapes(self, config):
        """(name, Weights of shapes), one by one."""
        return shapes_of(self.layers(config))

    def init(self, rng, config):
        """Random weights, a dict name -> Weights, float64."""
        return drawn(rng, self.layers(config))

    def forward(self, params, x, config, *, condition=None, rng=None, keep=True):
        """x (N, H, W, C) -> outputs (N, H, W, C) or (N, H, W, C, L), and the caches."""
        caches = new_caches(keep)
        f = forwards(dict(self.layers(config)), params, caches)
        outputs = ask(self.network, f, x, config, condition=condition, rng=rng)
        caches["config"] = config
        return outputs, caches

    def backward(self, doutputs, caches):
        """Gradients of the outputs -> dx, dcondition or None, and those of all weights."""
        config, grads = caches["config"], {}
        b = backwards(dict(self.layers(config)), caches, grads)
        dx = self.network_backward(b, doutputs, config)
        return (*dx, grads) if isinstance(dx, tuple) else (dx, None, grads)

    def start(self, params, shape, config, *, condition=None):
        """Memory for going through images of this shape (N, H, W, C), strip by strip."""
        return started(dict(self.layers(config)), params, shape, config, condition=condition)

    def see(self, x_t, state, /, *, at):
        """The pixels x_t (N, k, C) at the strip `at` are known now.   Updates `state` in place."""
        for name in self.image:
            state.table[name].module.write(x_t, state.memories[name], at=at)

    def step(self, state, /, *, at):
        """forward's outputs at the strip `at`, from the pixels seen so far."""
        f = steps(state, at)
        if state.condition is None:
            return self.network(f, None, state.config)
        return self.network(f, None, state.config, condition=state.condition[:, *at])

    def reach(self, seen, config):
        """Which sub-pixels (H, W, C) the predictions of those in `seen` (H, W, C) can depend on."""
        past = self.reach_all(seen, config)
        return past[0] if isinstance(past, tuple) else past

    def reach_all(self, seen, config):
        """The answer of `reach`; for a model with a condition, a pair of it and the condition's.

        The second is bool, of the shape of the maps, or NOTHING where the condition is no map.
        """
        b = reaches(dict(self.layers(config)), config.image_shape[:-1])
        return self.network_backward(b, discrete.seen_outputs(seen, config), config)
