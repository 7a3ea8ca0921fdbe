"""What is trained: networks of cells, supernets and language models. Imports with torch and numpy alone."""

from .build import build_language_model, build_network, build_supernet
from .count import Size, count
from .language_model import LanguageModel

__all__ = ["LanguageModel", "Size", "build_language_model", "build_network", "build_supernet", "count"]
