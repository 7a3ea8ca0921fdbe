"""Search spaces by name. A new one is one folder here and one line in SPACES."""

from typing import Any

from ..files.errors import look_up
from .base import InvalidArchitecture, Notation, ReplySchema, SearchSpace
from .darts import Darts, DartsGenotype
from .darts_rnn import DartsRnn, RnnGenotype
from .nas201 import NasBench201, NasBench201Cell
from .trans101 import TransNasBench101, TransNasBench101Cell

SPACES: dict[str, SearchSpace[Any]] = {
    "nas201": NasBench201(),
    "trans101": TransNasBench101(),
    "darts": Darts(),
    "darts_rnn": DartsRnn(),
}

__all__ = [
    "SPACES",
    "Darts",
    "DartsGenotype",
    "DartsRnn",
    "InvalidArchitecture",
    "NasBench201",
    "NasBench201Cell",
    "Notation",
    "ReplySchema",
    "RnnGenotype",
    "SearchSpace",
    "TransNasBench101",
    "TransNasBench101Cell",
    "get_space",
]


def get_space(name: str) -> SearchSpace[Any]:
    """A space by its name. Raises UnknownName, which lists the names."""
    return look_up("search space", SPACES, name)
