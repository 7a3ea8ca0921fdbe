"""Evaluators by kind. A new one is one file here and one line in EVALUATORS."""

from collections.abc import Callable
from typing import Any

from ..files.errors import look_up
from ..files.source import DataSource
from .base import Evaluation, Evaluator
from .oneshot import oneshot
from .rnn import rnn
from .tabular import tabular

EVALUATORS: dict[str, Callable[..., Any]] = {"tabular": tabular, "oneshot": oneshot, "rnn": rnn}

__all__ = ["EVALUATORS", "DataSource", "Evaluation", "Evaluator", "get_evaluator"]


def get_evaluator(kind: str, *, space: str, task: str, **options: Any) -> Any:
    """An evaluator by its kind. Raises UnknownName, which lists the kinds."""
    return look_up("evaluator", EVALUATORS, kind)(space=space, task=task, **options)
