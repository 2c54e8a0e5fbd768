"""What a conditional model is given beside the image: a class, a vector, or a map.

    classes = V                 (N,) integers in [0, V)    one label for each image
    condition_features = V      (N, V) numbers             one vector for each image
    condition_maps = V          (N, H, W, V) numbers       one vector for each pixel

These are fields of a Config, and at most one of them is more than 0. Layers take the condition as
the code s (layers/conditional_bias.py), which these functions make.

Read first: layers/conditional_bias.py.  Read next: models/gated_pixelcnn.py.
"""

from ..layers import conditional_bias

FIELDS = ("classes", "condition_features", "condition_maps")


def check(config):
    """ValueError if a configuration asks for more than one condition."""
    sizes = {field: getattr(config, field, 0) for field in FIELDS}
    given = [f"{field}={size}" for field, size in sizes.items() if size]
    if len(given) > 1:
        raise ValueError(f"a model has one condition, not {' and '.join(given)}")


def codes(config):
    """V, how many numbers the code of a condition has. It is 0 for a model without condition."""
    return config.classes or config.condition_features or getattr(config, "condition_maps", 0)


def live(config):
    """How many numbers of the code are not 0 at once: 1 for a class, which is one-hot, else V."""
    return 1 if config.classes else codes(config)


def code(condition, config, dtype):
    """The code s (N, 1, 1, V) or (N, H, W, V) of a condition; None for a model that has none."""
    if codes(config):
        return conditional_bias.encode(condition, config.classes, dtype)


def code_backward(ds, config):
    """ds, of the code's shape -> dcondition, of the condition's shape.

    It is None for classes, and for a model without condition.
    """
    if config.classes or not codes(config):
        return None
    return ds[:, 0, 0] if config.condition_features else ds
