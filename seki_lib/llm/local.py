"""A GGUF model in this process, through llama.cpp (the package xllamacpp): no key, no network, no GPU needed.

SmolLM2-135M-Instruct on one thread of a 2-core machine: about 0.4 s to load, 6 ms a prompt token, 13 ms a reply token.

One thread and no prompt cache: the same seed and messages then give the same reply in any order of calls. With the
cache, or with two threads, some replies change (benchmarks/determinism.py): a resumed run would not be the same run.
"""

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..assets import fetch, get_asset
from ..errors import LLMError, look_up
from .base import Completion, Message


@dataclass(frozen=True)
class LocalModel:
    """A model of the registry and how it likes to be asked (docs/embedded_llm.md)."""

    asset: str
    context: int  # tokens
    notation: str  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str  # how OS_i is answered, see SearchConfig.strategy
    chat: bool  # through the chat template, or as plain text to continue
    temperature: float


MODELS: dict[str, LocalModel] = {
    "smollm2-135m": LocalModel("smollm2-135m", 2048, "words", "compact", "edit", chat=False, temperature=1.0),
}


class LocalLLM:
    """llama.cpp's server in this process. Its loopback port is closed to others by a random key."""

    def __init__(self, name: str, model: LocalModel):
        self.name = f"local:{name}"
        self.notation, self.templates, self.strategy = model.notation, model.templates, model.strategy
        self.settings = {"chat": model.chat, "temperature": model.temperature, "sha256": get_asset(model.asset).sha256}
        self._model = model

    @cached_property
    def _server(self) -> Any:
        """Started when first asked: a run that is replayed or finished needs no model."""
        return _start(fetch(self._model.asset), self._model.context)

    def complete(
        self,
        messages: list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply. A schema with a grammar constrains decoding to it. Raises LLMError when llama.cpp refuses."""
        request: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": self._model.temperature,
            "cache_prompt": False,
        }
        if seed is not None:
            request["seed"] = int(seed)
        if schema is not None:
            grammar = getattr(schema, "grammar", None)
            request |= {"grammar": after_space(grammar)} if grammar else {"json_schema": dict(schema)}
        started = time.perf_counter()
        if self._model.chat:
            answer = self._server.handle_chat_completions(request | {"messages": messages})
        else:
            prompt = "\n\n".join(message["content"] for message in messages)
            answer = self._server.handle_completions(request | {"prompt": prompt})
        if "error" in answer:
            raise LLMError(f"{self.name}: {answer['error'].get('message', answer['error'])}")
        choice = answer["choices"][0]
        text = choice["message"]["content"] if self._model.chat else choice["text"]
        usage = {key: answer["usage"][key] for key in ("prompt_tokens", "completion_tokens")}
        text = (text or "").strip() if schema is not None else text or ""
        return Completion(text, usage, time.perf_counter() - started)


def after_space(grammar: str) -> str:
    """The same replies, with or without a space before: most words of the model are tokens that begin with one."""
    return 'root ::= " "? reply\nreply' + grammar.removeprefix("root")


def _start(path: Path, context: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.verbosity = -1  # llama.cpp's chatter stays out of notebooks
    params.api_keys = [secrets.token_urlsafe(32)]  # the server opens a loopback port: nobody else may use it
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise LLMError(f"llama.cpp could not load {path}: {error}") from error


def local(model: str) -> LocalLLM:
    """`local:<name>`: a model of MODELS, fetched when first asked. Raises UnknownName."""
    return LocalLLM(model, look_up("local model", MODELS, model))
