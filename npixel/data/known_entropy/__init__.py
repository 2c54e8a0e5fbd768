"""Sources of binary images whose exact entropy is computed: the floor for every model, as a number.

    source = known_entropy.parse("markov_mesh:8x8")    # or MarkovMesh(8, 8)
    source.sample(1000, rng)                           # (1000, 8, 8, 1) uint8
    source.log_prob(images)                            # (N,) nats, exact
    source.entropy                                     # nats per image: the floor for every model

    noisy_rule      a fixed rule of the past, flipped with probability eps
    markov_mesh     any table p(x | left, above-left, above, above-right)
    blind_corner    what a blind spot costs: a predicted number

Written as text, as for --data on the command line, a source is  name:HxW[,key=value]...

    noisy_rule:8x8                     noisy_rule:28x28,rule=long_range,eps=0.05
    markov_mesh:8x16                   markov_mesh:8x8,table=0.1/0.5/...  (16 numbers)
    blind_corner:8x8,eps=0.01

Read first: nothing.
Read next: data/known_entropy/source.py, data/known_entropy/noisy_rule.py,
data/known_entropy/draw.py.
"""

from npixel.data.known_entropy.blind_corner import BlindCorner, blind_gap
from npixel.data.known_entropy.markov_mesh import MarkovMesh
from npixel.data.known_entropy.noisy_rule import NoisyRule
from npixel.data.known_entropy.source import Source, binary_entropy

__all__ = ["SOURCES", "Source", "NoisyRule", "MarkovMesh", "BlindCorner", "blind_gap",
           "binary_entropy", "parse"]

SOURCES = {"noisy_rule": NoisyRule, "markov_mesh": MarkovMesh, "blind_corner": BlindCorner}


def parse(text):
    """The source that `text` describes, name:HxW[,key=value]...

    ValueError that names the text if the name, the size, a key or a value is not right.

    >>> parse("noisy_rule:4x6,eps=0.25,rule=long_range")
    NoisyRule(H=4, W=6, eps=0.25, rule='long_range')
    """
    name, H, W, options = split(text)
    options = {key: tuple(value.split("/")) if key == "table" else value
               for key, value in options.items()}
    fields = [field for field in SOURCES[name].__dataclass_fields__ if field not in ("H", "W")]
    for key in options:
        if key not in fields:
            raise ValueError(f"{text!r}: {name} has no parameter {key!r}, "
                             f"it has {', '.join(fields)}")
    try:
        return SOURCES[name](H, W, **options)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def split(text):
    """The parts of name:HxW[,key=value]...: name, H, W, and a dict of the options as text.

    ValueError if it has another form.
    """
    name, colon, rest = text.partition(":")
    if name not in SOURCES or not colon:
        raise ValueError(f"{text!r} is no source of known entropy: write name:HxW[,key=value]..., "
                         f"name one of {', '.join(SOURCES)}")
    size, *pairs = rest.split(",")
    H, cross, W = size.partition("x")
    if not (cross and H.isdecimal() and W.isdecimal() and max(len(H), len(W)) < 10):
        raise ValueError(f"{text!r}: size must be HxW, such as 8x8, is {size!r}")
    options = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key in options:
            raise ValueError(f"{text!r}: {pair!r} must be key=value, each key once")
        options[key] = value
    return name, int(H), int(W), options
