"""What is trained: networks of cells, supernets and language models. Imports with torch and numpy alone."""

from .count import Size, count
from .networks import DartsNetwork, NasBench201Network, build_network
from .rnn import LanguageModel, build_language_model
from .supernet import build_supernet, inherit

__all__ = [
    "DartsNetwork",
    "LanguageModel",
    "NasBench201Network",
    "Size",
    "build_language_model",
    "build_network",
    "build_supernet",
    "count",
    "inherit",
]
