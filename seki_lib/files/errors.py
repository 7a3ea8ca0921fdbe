"""Errors that a user can act on. Each message says what is wrong and names the next step.

The command line prints such a message as one sentence, without a traceback.
"""

import sys
from functools import cache
from typing import TypeVar

T = TypeVar("T")


class SekiError(Exception):
    """Base of all errors that are the user's to mend rather than the kit's."""


class InvalidArchitecture(SekiError, ValueError):
    """A text that is not an architecture of the space; the message names the edge and the reason."""


class UnknownName(SekiError, ValueError):
    """A name that no registry holds; the message lists the names that it does hold."""


class SettingError(SekiError, ValueError):
    """A setting outside its range; the message names the range."""


class AssetError(SekiError):
    """A file from outside is missing, damaged or out of reach."""


class LLMError(SekiError):
    """The LLM could not answer."""


class RunError(SekiError):
    """A run folder cannot be used: in use elsewhere, made with other settings, or damaged."""


class TrainingError(SekiError):
    """A training cannot go on: the loss is not finite, the memory is full, the data do not fit, or the disk is full."""


def look_up(kind: str, registry: dict[str, T], name: str) -> T:
    """The entry of a registry, or UnknownName with all valid names."""
    if name not in registry:
        raise UnknownName(f"unknown {kind} {name!r}; valid: {', '.join(registry)}")
    return registry[name]


@cache
def say_once(sentence: str) -> None:
    """A warning on standard error, once a process."""
    print(sentence, file=sys.stderr, flush=True)
