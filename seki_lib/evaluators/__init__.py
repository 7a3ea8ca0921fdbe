"""Evaluators by kind. A new one is one file here and one line in EVALUATORS."""

from collections.abc import Callable
from typing import Any

from ..files.errors import UnknownName, look_up
from ..files.source import DataSource
from .analog import analog
from .base import Evaluation, Evaluator
from .nasbench301 import JUDGES
from .oneshot import READINGS, OneShot
from .rnn import Recurrent
from .surrogate import Surrogate
from .tabular import tabular
from .zero_cost import SAYS, ZeroCost

EVALUATORS: dict[str, Callable[..., Any]] = {
    "tabular": tabular,
    "oneshot": OneShot,
    "rnn": Recurrent,
    "surrogate": Surrogate,
    "zero_cost": ZeroCost,
    "analog": analog,
}
BY_SUPERNET = ("oneshot", "rnn")
KINDS: dict[str, dict[str, Any]] = {"oneshot": {**READINGS}, "surrogate": {**JUDGES}, "zero_cost": {**SAYS}}
"""What may stand behind a name: surrogate:ridge."""

__all__ = ["EVALUATORS", "DataSource", "Evaluation", "Evaluator", "by_supernet", "get_evaluator"]


def by_supernet(name: str) -> bool:
    """Whether this evaluator reads f from a trained supernet: what runs it names the profile and its results folder."""
    return name.partition(":")[0] in BY_SUPERNET


def get_evaluator(name: str, /, *, space: str, task: str, **options: Any) -> Any:
    """An evaluator by its name; `kind` may stand behind it: "surrogate:ridge" is "surrogate" with kind="ridge".

    Raises UnknownName, which lists the names.
    """
    name, _, kind = name.partition(":")
    if kind:
        look_up(f"kind of {name}", KINDS.get(name, {}), kind)
        if options.get("kind", kind) != kind:
            raise UnknownName(f"{name}:{kind} names its kind already: kind={options['kind']!r} is another one")
        options["kind"] = kind
    return look_up("evaluator", EVALUATORS, name)(space=space, task=task, **options)
