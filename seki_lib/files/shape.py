"""What a kept file must look like: one that was edited by hand is refused in a sentence that names the field.

    SHAPE = {"cell": str, "score": float, "epochs?": [int], "final": {"*": float}}

A shape is a type, None, a list of one shape for all items, a tuple of shapes of which one fits, or a dict of fields:
`name?` may be missing, `*` stands for all others. Fields that a shape does not name are not looked at. `float` is any
finite number, and a bool is no number.
"""

import math
from typing import Any

Shape = Any  # a type | None | tuple | list | dict, as above
LONGEST = 40  # characters of a wrong value that are quoted


def require_shape(value: Any, shape: Shape, field: str = "") -> None:
    """Raise ValueError that names the first field of another kind, or one that is missing."""
    if isinstance(shape, dict) and isinstance(value, dict):
        for name, inner in shape.items():
            key = name.removesuffix("?")
            if name == "*":
                for other in value.keys() - shape.keys():
                    require_shape(value[other], inner, _inside(field, other))
            elif key in value:
                require_shape(value[key], inner, _inside(field, key))
            elif key == name:
                raise ValueError(f"{_inside(field, key)} is missing")
    elif isinstance(shape, list) and isinstance(value, list):
        for item in value:
            require_shape(item, shape[0], field)
    elif not _fits(value, shape):
        quoted = "an object" if isinstance(value, dict) else repr(value)[:LONGEST]
        raise ValueError(f"{field or 'it'} is {quoted}, not {_called(shape)}")


def _inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(shape, tuple):
        return any(_is_of(value, one) for one in shape)
    if shape is None or isinstance(shape, dict | list):
        return shape is value is None
    if shape is int or (shape is float and type(value) is int):
        return type(value) is int and abs(value) < 2**63
    return math.isfinite(value) if shape is type(value) is float else isinstance(value, shape)


def _is_of(value: Any, shape: Shape) -> bool:
    try:
        require_shape(value, shape)
    except ValueError:
        return False
    return True


def _called(shape: Shape) -> str:
    if isinstance(shape, tuple):
        return " or ".join(map(_called, shape))
    if shape is None or isinstance(shape, dict | list):
        return "null" if shape is None else "an object" if isinstance(shape, dict) else "a list"
    return {str: "a text", float: "a finite number", int: "a whole number", bool: "true or false"}.get(
        shape, "an object"
    )
