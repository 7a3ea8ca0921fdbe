"""SEKI reproduction kit: an LLM searches for neural networks, in plain functions behind notebooks.

    from seki_lib import get_space, get_llm, get_evaluator

Everything heavy (pyarrow, llama.cpp, matplotlib) is imported where it is used, so that this import is cheap.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "get_space": "seki_lib.spaces",
    "get_llm": "seki_lib.llm",
    "get_evaluator": "seki_lib.evaluators",
    "get_profile": "seki_lib.profiles",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'seki_lib' has no attribute {name!r}")
