"""LLMs by name, `provider:model`. A new provider is one file here and one line in PROVIDERS."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..files.errors import UnknownName
from .base import LLM, CallSeed, Completion, Message, Question

PROVIDERS: dict[str, str] = {  # provider -> module that has a function of the same name; imported when first asked for
    "local": "seki_lib.llm.local",
    "anthropic": "seki_lib.llm.anthropic",
    "openai": "seki_lib.llm.openai",
    "human": "seki_lib.llm.human",
    "replay": "seki_lib.llm.replay",
    "chance": "seki_lib.llm.chance",
    "scripted": "seki_lib.llm.scripted",
}
NAMELESS = ("human",)  # providers that need no model behind the colon
DEFAULT_LLM = "local:smollm2-135m"

__all__ = ["DEFAULT_LLM", "LLM", "PROVIDERS", "CallSeed", "Completion", "Message", "Question", "get_llm", "split_name"]


def split_name(name: str) -> tuple[str, str]:
    """`provider:model` as a pair. Raises UnknownName, which lists the providers."""
    provider, colon, model = name.partition(":")
    if provider not in PROVIDERS or not colon or not (model or provider in NAMELESS):
        shown = [provider for provider in PROVIDERS if provider != "scripted"]  # which answers in tests only
        valid = ", ".join(f"{provider}:" + ("" if provider in NAMELESS else "<model>") for provider in shown)
        raise UnknownName(f"unknown LLM {name!r}; valid: {valid}; the default is {DEFAULT_LLM}")
    return provider, model


def get_llm(name: str = DEFAULT_LLM, **options: Any) -> LLM:
    """An LLM by its name. Raises UnknownName, or LLMError if it cannot be had."""
    provider, model = split_name(name)
    make: Callable[..., LLM] = getattr(import_module(PROVIDERS[provider]), provider)
    return make(model, **options)
