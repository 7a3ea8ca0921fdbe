"""LLMs by name, `provider:model`. A new provider is one file here and one line in PROVIDERS."""

from importlib import import_module
from typing import Any

from ..files.errors import UnknownName
from .base import LLM, CallSeed, Completion, Message, Question

PROVIDERS: dict[str, str] = {  # provider -> `module:what makes an LLM of a model's name`; imported when first asked for
    "local": "local:local",
    "anthropic": "anthropic:AnthropicLLM",
    "openai": "openai:OpenAILLM",
    "human": "human:Human",
    "replay": "replay:Replay",
    "chance": "chance:Chance",
    "scripted": "scripted:Scripted",
}
NAMELESS = ("human",)  # providers that need no model behind the colon
DEFAULT_LLM = "local:smollm2-135m"

__all__ = ["DEFAULT_LLM", "LLM", "PROVIDERS", "CallSeed", "Completion", "Message", "Question", "get_llm", "split_name"]


def split_name(name: str) -> tuple[str, str]:
    """`provider:model` as a pair. Raises UnknownName, which lists the providers."""
    provider, colon, model = name.partition(":") if isinstance(name, str) else ("", "", "")
    if provider not in PROVIDERS or not colon or not (model or provider in NAMELESS):
        shown = [provider for provider in PROVIDERS if provider != "scripted"]  # which answers in tests only
        valid = ", ".join(f"{provider}:" + ("" if provider in NAMELESS else "<model>") for provider in shown)
        raise UnknownName(f"unknown LLM {name!r}; valid: {valid}; the default is {DEFAULT_LLM}")
    return provider, model


def get_llm(name: str = DEFAULT_LLM, **options: Any) -> LLM:
    """An LLM by its name. Raises UnknownName, or LLMError if it cannot be made."""
    provider, model = split_name(name)
    module, _, made_by = PROVIDERS[provider].partition(":")
    llm: LLM = getattr(import_module(f".{module}", __name__), made_by)(model, **options)
    return llm
