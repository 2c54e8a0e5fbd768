"""A model's weights as others hand them over: names, fields, shapes, dtypes and values are checked.

    check(params, shapes)              what a model computes with must have exactly this form
    accept(params, shapes, dtype)      what `set_params` is given may be tuples, dicts, tensors, too

`shapes` is what a model's module says: name -> Weights whose fields are shapes in place of arrays.

Read first: nothing.  Read next: network.py.
"""

import difflib
from collections.abc import Mapping

import numpy as np

DTYPES = (np.float32, np.float64)


def check(params, shapes):
    """ValueError, one line, unless `params` has just these names, their Weights, and arrays of
    these shapes and of one dtype, all numbers finite."""
    _check_names(params, shapes)
    first = None                                       # the label and dtype of the first array
    for name, expected in shapes.items():
        weights = params[name]
        if type(weights) is not type(expected):
            raise ValueError(f"params[{name!r}] must be Weights({', '.join(expected._fields)}), "
                             f"is {type(weights).__name__}: "
                             "set_params takes tuples, dicts and tensors")
        for field, array, shape in zip(expected._fields, weights, expected):
            if not isinstance(array, np.ndarray):
                raise ValueError(f"params[{name!r}].{field} must be an array of NumPy, "
                                 f"is {type(array).__name__}: set_params takes tensors")
            label = f"params[{name!r}].{field}"
            if array.dtype not in DTYPES:
                raise ValueError(f"{label} must be float32 or float64, is {array.dtype}")
            first = first or (label, array.dtype)
            if array.dtype != first[1]:
                raise ValueError(f"params must have one dtype: {first[0]} is {first[1]}, "
                                 f"{label} is {array.dtype}")
            _check_array(label, array, shape, array.dtype)


def accept(params, shapes, dtype):
    """New params of these shapes and this dtype: a dict name -> Weights, whose arrays are its own.

    params   a mapping name -> Weights, or another sequence of arrays in the order of the fields, or
             a mapping field -> array. An array may be whatever NumPy can read, or has `detach`

    ValueError, one line that names the parameter: an unknown name or a missing one, fields, shape,
    dtype, numbers that are not finite.

    >>> from npixel.layers import conv2d
    >>> given = {"a": {"w": np.zeros((1, 2, 2)), "d": np.zeros(2)}}
    >>> accept(given, {"a": conv2d.shapes(1, 2, 2)}, np.dtype(float))
    Traceback (most recent call last):
        ...
    ValueError: params['a'] has no field 'd'; it has w, b
    """
    _check_names(params, shapes)
    accepted = {}
    for name, expected in shapes.items():
        given = params[name]
        if isinstance(given, Mapping):
            if foreign := [field for field in given if field not in expected._fields]:
                raise ValueError(f"params[{name!r}] has no field {foreign[0]!r}; "
                                 f"it has {', '.join(expected._fields)}")
            if missing := [field for field in expected._fields if field not in given]:
                raise ValueError(f"params[{name!r}] lacks {', '.join(missing)}")
            given = [given[field] for field in expected._fields]
        if not isinstance(given, (tuple, list)) or len(given) != len(expected):
            several = isinstance(given, (tuple, list))
            count = f"{len(given)} arrays" if several else type(given).__name__
            raise ValueError(f"params[{name!r}] must be the arrays {', '.join(expected._fields)}, "
                             f"is {count}")
        arrays = []
        for field, value, shape in zip(expected._fields, given, expected):
            label = f"params[{name!r}].{field}"
            arrays.append(_array(value, label))
            _check_array(label, arrays[-1], shape, dtype)
        accepted[name] = type(expected)(*(np.array(array, order="C") for array in arrays))
    return accepted


def _check_names(params, shapes):
    if not isinstance(params, Mapping):
        raise ValueError("params must be a mapping from names to weights, "
                         f"is {type(params).__name__}")
    missing = [name for name in shapes if name not in params]
    for name in params:
        if name not in shapes:
            near = (difflib.get_close_matches(str(name), missing, n=1)
                    or difflib.get_close_matches(str(name), shapes, n=3))
            others = f"; there are {', '.join(shapes)}"
            hint = f": {' or '.join(map(repr, near))} is meant?" if near else others
            raise ValueError(f"params has {name!r}, which this model has not{hint}")
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"params lacks {', '.join(map(repr, missing[:3]))}{more}")


def _array(value, label):
    """Numbers of NumPy or of another package as an array."""
    try:
        if hasattr(value, "detach"):                   # of PyTorch: it may ask for gradients
            value = value.detach().cpu().numpy()
        return np.asarray(value)
    except Exception as error:                         # each package has errors of its own
        what = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{label} cannot be read as an array: {what}") from None


def _check_array(label, array, shape, dtype):
    if array.shape != shape:
        raise ValueError(f"{label} must have shape {shape}, has {array.shape}")
    if array.dtype != dtype:
        raise ValueError(f"{label} must be {dtype}, is {array.dtype}")
    if bad := array.size - np.count_nonzero(np.isfinite(array)):
        raise ValueError(f"{label} has {bad} of {array.size} values that are not finite")
