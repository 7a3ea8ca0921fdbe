"""A GGUF model in this process, through llama.cpp (the package xllamacpp): no key, no network, no GPU needed.

`local:<name>` is one of MODELS: the embedded SmolLM2 or the ladder of Qwen2.5-Instruct (`gguf.py`); a path names any
GGUF file: `local:/models/mine.gguf`. Where llama.cpp finds a GPU, the layers go there.

SmolLM2-135M-Instruct on one thread of a 2-core machine: about 0.4 s to load, 6 ms a prompt token, 13 ms a reply token.

One thread and no prompt cache: the same seed and messages then give the same reply in any order of calls
(benchmarks/determinism.py). llama.cpp promises no such thing with the cache or with more threads.
"""

import json
import os
import secrets
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.assets import fetch, get_asset
from ..files.errors import LLMError, look_up
from ..spaces.base import ReplySchema
from .base import LLM, Completion, Message, Question
from .gguf import GGUFS, check_gguf, fetch_gguf, free_memory, get_gguf, gigabytes
from .reply import error_words, read_reply
from .thinking import Room


@dataclass(frozen=True)
class LocalModel:
    """A model of the registry and how it likes to be asked (docs/embedded_llm.md)."""

    asset: str  # a name of seki_lib.files.assets.ASSETS or of GGUFS, or the path of a file
    context: int  # tokens
    notation: str  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str  # how OS_i is answered, see SearchConfig.strategy
    chat: bool  # through the chat template, or as plain text to continue
    temperature: float
    threads: int = 1  # 0: one a core, for models too slow otherwise; then only the transcript makes a run repeatable


MODELS: dict[str, LocalModel] = {
    "smollm2-135m": LocalModel("smollm2-135m", 2048, "words", "compact", "edit", chat=False, temperature=1.0),
    **{name: LocalModel(name, 8192, "names", "full", "free", chat=True, temperature=1.0, threads=0) for name in GGUFS},
}
MARGIN = 1.15  # memory that a loaded model takes, as a multiple of its file: its context and llama.cpp's buffers


class LocalLLM(LLM):
    """llama.cpp's server in this process. Its loopback port is closed to others by a random key."""

    def __init__(self, name: str, model: LocalModel):
        self.name = f"local:{name}"
        self.notation, self.templates, self.strategy = model.notation, model.templates, model.strategy
        self.settings = {"chat": model.chat, "temperature": model.temperature, **_identity(model.asset)}
        self._model = model
        self._room = Room() if _is_file(model.asset) else Room(most=0)  # none of the registry's models thinks
        self._key = secrets.token_urlsafe(32)  # the server opens a loopback port: nobody else may use it

    @cached_property
    def _server(self) -> Any:
        """Started when first asked: a run that is replayed or finished needs no model."""
        return _start(self._file(), self._model, self._key)

    def _file(self) -> Path:
        if self._model.asset in GGUFS:
            return fetch_gguf(get_gguf(self._model.asset))
        return Path(self._model.asset) if _is_file(self._model.asset) else fetch(self._model.asset)

    def count_tokens(self, messages: list[Message]) -> int:
        """The prompt's length in this model's own tokens, the chat format included."""
        chat = self._model.chat
        text = self._post("/apply-template", {"messages": messages})["prompt"] if chat else _plain(messages)
        return len(self._post("/tokenize", {"content": text, "add_special": True})["tokens"])

    def endpoint(self) -> tuple[str, str]:
        """The OpenAI-compatible address of the loaded model and the key that it asks for: any client can use it."""
        return f"{self._server.listening_address}/v1", self._key

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        address = self._server.listening_address + path
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            reply: dict[str, Any] = json.load(answer)
        return reply

    @property
    def headroom(self) -> int:  # type: ignore[override]
        """Tokens above max_tokens that a reply may take for thoughts, as far as is known by now."""
        return self._room.tokens

    def answer(self, question: Question) -> Completion:
        """The reply. A schema with a grammar constrains decoding to it. Raises LLMError when llama.cpp refuses."""
        schema, started = question.schema, time.perf_counter()
        request: dict[str, Any] = {"temperature": self._model.temperature, "cache_prompt": False}
        if question.seed is not None:
            request["seed"] = int(question.seed)
        if schema is not None:
            given = schema.grammar if isinstance(schema, ReplySchema) else None
            grammar = grouped(schema["enum"]) if "enum" in schema else given
            request |= {"grammar": after_space(grammar)} if grammar else {"json_schema": dict(schema)}
        again = True
        while again:
            body = self._body(request | {"max_tokens": question.max_tokens + self._room.tokens}, question.messages)
            reply = read_reply(body)
            again = self._room.grows_after(reply)
        return replace(
            reply,
            text=reply.text if schema is None else reply.text.strip(),
            usage={kind: reply.usage[kind] for kind in ("prompt_tokens", "completion_tokens") if kind in reply.usage},
            seconds=time.perf_counter() - started,
            model=Path(reply.model).name,
        )

    def _body(self, request: dict[str, Any], messages: list[Message]) -> dict[str, Any]:
        """What llama.cpp answers to a request, by its chat template or as a text that is continued."""
        if self._model.chat:
            body = self._server.handle_chat_completions(request | {"messages": messages})
        else:
            body = self._server.handle_completions(request | {"prompt": _plain(messages)})
        if "error" in body:
            raise LLMError(f"{self.name}: {error_words(body)}")
        answer: dict[str, Any] = body
        return answer


def grouped(choices: Sequence[str]) -> str:
    """A grammar of these texts, put together by what stands before their last words.

    llama.cpp tries every alternative at every token: of a DARTS cell's 120 single changes 16 are left to try.
    """
    last_words: dict[str, list[str]] = {}
    for choice in choices:
        before, space, word = choice.rpartition(" ")
        last_words.setdefault(json.dumps(before + space), []).append(json.dumps(word))  # JSON's strings are GBNF's too
    return "root ::= " + " | ".join(f"{before} ({' | '.join(words)})" for before, words in last_words.items())


def after_space(grammar: str) -> str:
    """The same replies, with or without a space before: most words of the model are tokens that begin with one."""
    return 'root ::= " "? reply\nreply' + grammar.removeprefix("root")


def _plain(messages: list[Message]) -> str:
    """The messages as one text to continue."""
    return "\n\n".join(message["content"] for message in messages)


def _identity(asset: str) -> dict[str, Any]:
    """What tells one model from another in a run's config, without reading gigabytes."""
    if asset in GGUFS:
        return {"sha256": [part.sha256 for part in get_gguf(asset).parts]}
    if _is_file(asset):
        return {"file": Path(asset).name, "bytes": Path(asset).stat().st_size}
    return {"sha256": get_asset(asset).sha256}


def _is_file(model: str) -> bool:
    """Whether a model is named by the path of its file."""
    return model.lower().endswith(".gguf")


def _gpu_memory(devices: list[dict[str, Any]]) -> int:
    """Free bytes of the GPU that has most, 0 without one. devices: of xllamacpp.get_device_info()."""
    return max((int(d["memory_free"]) for d in devices if "GPU" in str(d["type"])), default=0)


def check_memory(name: str, size: int, free: int | None, gpu: int) -> bool:
    """Whether all layers fit the GPU. Raises LLMError if model and context fit neither it nor main memory, or both.

    size, free, gpu: bytes of the model's files, of free main memory (None if unknown), of free GPU memory.
    """
    need = size * MARGIN
    if need > (free or need) + gpu:
        fitting = [n for n, model in GGUFS.items() if model.size * MARGIN <= (free or 0) + gpu]
        smaller = f"local:{fitting[-1]}" if fitting else "local:smollm2-135m"
        raise LLMError(
            f"local:{name} needs about {gigabytes(need)} of memory; {gigabytes(free or 0)} are free"
            f"{f', {gigabytes(gpu)} on the GPU' if gpu else ''}. Choose a smaller one, such as {smaller}, or a server "
            "(openai:<model> with OPENAI_BASE_URL, docs/vllm.md)."
        )
    return need <= gpu


def _start(path: Path, model: LocalModel, key: str) -> Any:
    import xllamacpp

    size = get_gguf(model.asset).size if model.asset in GGUFS else path.stat().st_size
    gpu = _gpu_memory(xllamacpp.get_device_info())
    on_gpu = check_memory(model.asset, size, free_memory(), gpu)

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = model.context
    params.n_parallel = 1
    params.n_gpu_layers = 999 if on_gpu else -1 if gpu else 0  # all; as many as llama.cpp finds room for; none
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = model.threads or os.cpu_count() or 1
    params.fit_params = gpu > 0  # which layers fit: a question that takes 0.3 s, and has one answer without a GPU
    params.cache_ram_mib = 0
    params.verbosity = -1  # llama.cpp's chatter stays out of notebooks
    params.api_keys = [key]
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise LLMError(f"llama.cpp could not load {path}: {error}") from error


def local(model: str) -> LocalLLM:
    """`local:<name>`: a model of MODELS, fetched when first asked; or the path of a GGUF file. Raises UnknownName."""
    if _is_file(model):
        path = Path(model).expanduser()
        check_gguf(path)
        full = LocalModel(str(path.absolute()), 8192, "names", "full", "free", chat=True, temperature=1.0, threads=0)
        return LocalLLM(model, full)
    return LocalLLM(model, look_up("local model", MODELS, model))
