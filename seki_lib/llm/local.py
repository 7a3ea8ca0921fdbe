"""A GGUF model in this process, through llama.cpp (the package xllamacpp): no key, no network, no GPU needed.

`local:<name>` is one of MODELS: the embedded SmolLM2 or the ladder of Qwen2.5-Instruct (`gguf.py`); a path names any
GGUF file: `local:/models/mine.gguf`. Where llama.cpp finds a GPU, the layers go there. `local:<name>,temperature=0.3`
samples at that temperature.

SmolLM2-135M-Instruct on one thread of a 2-core machine: about 0.4 s to load, 6 ms a prompt token, 13 ms a reply token.

One thread and no prompt cache: the same seed and messages then give the same reply in any order of calls
(benchmarks/determinism.py). llama.cpp promises no such thing with the cache or with more threads. What may be kept is
the system message: its state is computed once, saved, and restored before each call, so that a call finds the same
state whatever was asked before it.

A file of a model that thinks, by its chat template, is asked in two steps: it thinks until it closes its thought or has
used its room (`thinking.py`), then it answers in the form that is wanted. A grammar would leave it no thoughts else.
"""

import os
import secrets
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.assets import fetch, get_asset
from ..files.errors import LLMError, SettingError, look_up
from ..files.user_input import real_number
from ..spaces.base import ReplySchema, grouped
from .base import LLM, Completion, Message, Question
from .gguf import GGUFS, fetch_gguf, gigabytes
from .response import error_words, read_reply
from .thinking import FIRST, Room


@dataclass(frozen=True)
class LocalModel:
    """A model of the registry and how it likes to be asked (docs/embedded_llm.md)."""

    asset: str  # a name of seki_lib.files.assets.ASSETS or of GGUFS, or the path of a file
    context: int = 8192  # tokens
    notation: str = "names"  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str = "full"  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str = "free"  # how OS_i is answered, see SearchConfig.strategy
    chat: bool = True  # through the chat template, or as plain text to continue
    temperature: float = 1.0
    threads: int = 0  # 0: one a core, for models too slow otherwise; then only the transcript makes a run repeatable
    keeps_system: bool = False  # whether the state after the system message is restored, not computed in each call

    @property
    def is_file(self) -> bool:
        """Whether it is named by the path of its file."""
        return self.asset.lower().endswith(".gguf")


SMALL = LocalModel("", 4096, "edges", "short", "reasoned", temperature=0.7, threads=1, keeps_system=True)
"""How models of 0.5 to 1.5 B parameters are asked (docs/llms.md)."""
MODELS: dict[str, LocalModel] = {
    "smollm2-135m": LocalModel("smollm2-135m", 2048, "words", "compact", "edit", chat=False, threads=1),
    **{name: LocalModel(name) for name in GGUFS},
    **{name: replace(SMALL, asset=name) for name in GGUFS if "-coder-" in name},
}
WARMER = ",temperature="  # behind a model's name: what it samples at instead
MARK = "<here>"  # stands for a user's message where only what comes before it is wanted
CLOSING = ("</think>", "[/THINK]")  # ends a thought; the templates of models that think hold one of them
BEGINS = 8  # tokens by which a model has begun a thought, or never will
MARGIN = 1.15  # memory that a loaded model takes, as a multiple of its file: its context and llama.cpp's buffers


class LocalLLM(LLM):
    """llama.cpp's server in this process. Its loopback port is closed to others by a random key."""

    def __init__(self, name: str, model: LocalModel):
        self.name = f"local:{name}"
        self.notation, self.templates, self.strategy = model.notation, model.templates, model.strategy
        kept = {"keeps_system": True} if model.keeps_system else {}
        self.settings = {"chat": model.chat, "temperature": model.temperature, **kept, **_identity(model)}
        self.room = Room() if model.is_file else Room(most=0)  # none of the registry's models thinks
        self._model = model
        self._key = secrets.token_urlsafe(32)
        self._states: dict[str, str] = {}  # system message -> the file of llama.cpp's state after it

    @cached_property
    def _scratch(self) -> Path:
        """A folder for states; it goes with the process."""
        self._folder = tempfile.TemporaryDirectory(prefix="seki-")
        return Path(self._folder.name)

    @cached_property
    def _server(self) -> Any:
        """Started when first asked: a run that is replayed or finished needs no model."""
        return _start(self._file(), self._model, self._key, self._scratch if self._model.keeps_system else None)

    def load(self) -> None:
        """Fetch the model and start the server, before a request is counted. Raises LLMError or AssetError."""
        _ = self._server
        if self._closing:
            self.room.reaches(FIRST)

    @cached_property
    def _closing(self) -> str:
        """What ends this model's thoughts, as its chat template has it; empty where it has none."""
        if not self._model.is_file:
            return ""  # none of the registry's models thinks
        template = str(self._asked("GET", "/props").get("chat_template", ""))
        return next((mark for mark in CLOSING if mark in template), "")

    def _file(self) -> Path:
        asset = self._model.asset
        if self._model.is_file:
            return Path(asset)
        return fetch_gguf(GGUFS[asset]) if asset in GGUFS else fetch(asset)

    def count_tokens(self, messages: list[Message]) -> int:
        """The prompt's length in this model's own tokens, the chat format included."""
        return len(self._post("/tokenize", {"content": self._prompt(messages), "add_special": True})["tokens"])

    def _prompt(self, messages: list[Message]) -> str:
        """The messages as the text that the model goes on from."""
        chat = self._model.chat
        return str(self._post("/apply-template", {"messages": messages})["prompt"]) if chat else _plain(messages)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._asked("POST", path, body)

    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        import httpx2

        headers = {"Authorization": f"Bearer {self._key}"}
        address = self._server.listening_address + path
        return httpx2.request(method, address, json=body, headers=headers, timeout=None, trust_env=False).json()

    def _restore(self, system: str) -> None:
        """Bring llama.cpp into its state after a system message, which is computed once and read back every time."""
        if system not in self._states:
            messages = [_said("system", system), _said("user", MARK)]
            before, _, _ = self._prompt(messages).partition(MARK)
            request = {"prompt": before, "n_predict": 0, "cache_prompt": False}
            self._slot(f"state{len(self._states)}", "save", request)
            self._states[system] = f"state{len(self._states)}"
        self._slot(self._states[system], "restore")

    def _slot(self, filename: str, action: str, request: dict[str, Any] | None = None) -> None:
        """Save or restore the state of the only slot. Raises LLMError if llama.cpp does not."""
        answers = [self._post("/completion", request)] if request else []
        answers.append(self._post(f"/slots/0?action={action}", {"filename": filename}))
        for answer in answers:
            if "error" in answer:
                raise LLMError(f"{self.name}: {error_words(answer)}")

    def answer(self, question: Question) -> Completion:
        """The reply. A schema with a grammar constrains decoding to it. Raises LLMError when llama.cpp refuses."""
        request = self._request(question)
        first = question.messages[0]
        if self._model.keeps_system and first["role"] == "system":
            self._restore(first["content"])
            request["cache_prompt"] = True
        if self._closing and (reply := self._after_a_thought(question, request)):
            return reply
        try:
            if self._model.chat:
                body = self._server.handle_chat_completions(request | {"messages": question.messages})
            else:
                body = self._server.handle_completions(request | {"prompt": _plain(question.messages)})
        except RuntimeError as error:  # such as a lone surrogate in a template
            raise LLMError(f"{self.name}: llama.cpp cannot read this question: {str(error)[:200]}") from None
        reply = read_reply(self._whole(body))
        text = reply.text if question.schema is None else reply.text.strip()
        return replace(reply, text=text, model=Path(reply.model).name)

    def _request(self, question: Question) -> dict[str, Any]:
        """All of a request but its prompt."""
        schema = question.schema
        request: dict[str, Any] = {
            "temperature": self._model.temperature,
            "cache_prompt": False,
            "max_tokens": question.max_tokens + self.headroom,
        }
        if question.seed is not None:
            request["seed"] = int(question.seed)
        if schema is not None:
            given = schema.grammar if isinstance(schema, ReplySchema) else None
            grammar = grouped(schema["enum"]) if "enum" in schema else given
            request |= {"grammar": after_space(grammar)} if grammar else {"json_schema": dict(schema)}
        return request

    def _after_a_thought(self, question: Question, request: dict[str, Any]) -> Completion | None:
        """The reply of a model that thinks first, its thought apart; None where it does not begin one.

        The thought is free, and is closed for the model where its room or the context ends.
        """
        prompt, opening = self._prompt(question.messages), self._closing.replace("/", "")
        free = {key: request[key] for key in ("temperature", "cache_prompt", "seed") if key in request}
        prompt_tokens = self.count_tokens(question.messages) or 0
        room = min(self.headroom, self._model.context - prompt_tokens - question.max_tokens - BEGINS)
        if not prompt.rstrip().endswith(opening):
            if room > 0:
                start = self._post("/completion", free | {"prompt": prompt, "n_predict": BEGINS})
                if opening not in self._whole(start)["content"]:
                    return None
            prompt += f"{opening}\n"
        thought, spent = "", 0
        if room > 0:
            body = self._post("/completion", free | {"prompt": prompt, "n_predict": room, "stop": [self._closing]})
            thought, spent = self._whole(body)["content"].strip(), body["tokens_predicted"]
        limit = {"prompt": f"{prompt}{thought}\n{self._closing}\n\n", "n_predict": question.max_tokens}
        body = self._whole(self._post("/completion", {**request, **limit, "max_tokens": question.max_tokens}))
        return Completion(
            body["content"].strip(),
            {"prompt_tokens": prompt_tokens, "completion_tokens": spent + body["tokens_predicted"]},
            model=Path(self._model.asset).name,
            finish="length" if body["stop_type"] == "limit" else "stop",
            thoughts=thought,
        )

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body of llama.cpp that is no error. Raises LLMError."""
        if "error" in body:
            raise LLMError(f"{self.name}: {error_words(body)}")
        return body


def after_space(grammar: str) -> str:
    """The same replies, with or without a space before: most words of the model are tokens that begin with one."""
    return 'root ::= " "? reply\nreply' + grammar.removeprefix("root")


def _said(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _plain(messages: list[Message]) -> str:
    """The messages as one text to continue."""
    return "\n\n".join(message["content"] for message in messages)


def _identity(model: LocalModel) -> dict[str, Any]:
    """What tells one model from another in a run's config, without reading gigabytes."""
    if model.is_file:
        return {"file": Path(model.asset).name, "bytes": Path(model.asset).stat().st_size}
    if model.asset in GGUFS:
        return {"sha256": [part.sha256 for part in GGUFS[model.asset].parts]}
    return {"sha256": get_asset(model.asset).sha256}


def check_gguf(path: Path) -> None:
    """Raise LLMError unless this is a model's file, judged by its first bytes."""
    if not path.is_file():
        raise LLMError(f"local:{path}: there is no such file.")
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise LLMError(f'local:{path} is a Git LFS pointer, not the model itself: run "git lfs pull" in its folder.')
    if not start.startswith(b"GGUF"):
        raise LLMError(f"local:{path} is no GGUF file: it begins with {start[:16]!r}. Download it again.")


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


def _free_memory() -> int | None:
    """Bytes that programs may still take, None where the system does not say. A container's own limit counts."""
    container = Path("/sys/fs/cgroup")
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
        limit = (container / "memory.max").read_text().strip() if (container / "memory.max").exists() else "max"
        used = int((container / "memory.current").read_text()) if limit != "max" else 0
    except (OSError, KeyError, ValueError):
        return None
    return free if limit == "max" else min(free, int(limit) - used)


def _gpu_memory(devices: list[dict[str, Any]]) -> int:
    """Free bytes of the GPU that has most, 0 without one. devices: of xllamacpp.get_device_info()."""
    return max((int(d["memory_free"]) for d in devices if "GPU" in str(d["type"])), default=0)


def _start(path: Path, model: LocalModel, key: str, states: Path | None) -> Any:
    import xllamacpp

    size = GGUFS[model.asset].size if model.asset in GGUFS else path.stat().st_size
    gpu = _gpu_memory(xllamacpp.get_device_info())
    on_gpu = check_memory(model.asset, size, _free_memory(), gpu)

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = model.context
    params.n_parallel = 1
    params.n_gpu_layers = 999 if on_gpu else -1 if gpu else 0  # all; as many as llama.cpp finds room for; none
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = model.threads or os.cpu_count() or 1
    params.fit_params = gpu > 0  # which layers fit: a question that takes 0.3 s, and has one answer without a GPU
    params.cache_ram_mib = 0
    if states:
        params.slot_save_path = f"{states}/"
    params.verbosity = -1  # llama.cpp's chatter stays out of notebooks
    params.api_keys = [key]
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise LLMError(
            f"llama.cpp could not load {path}: {str(error).rstrip('.')}. The file may be cut short or of a newer kind. "
            "Next: download it again, or try another one."
        ) from error


def local(name: str) -> LocalLLM:
    """`local:<name>`: a model of MODELS, fetched when first asked; or the path of a GGUF file. Raises UnknownName.

    Behind either, `,temperature=<number>` has it sample at another temperature than it does by itself. Raises LLMError.
    """
    plain, _, temperature = name.partition(WARMER)
    model = LocalModel(str(Path(plain).expanduser().absolute()))
    if model.is_file:
        check_gguf(Path(model.asset))
    else:
        model = look_up("local model", MODELS, plain)
    if WARMER in name:
        try:
            model = replace(model, temperature=real_number(temperature, 0, 5))
        except SettingError as error:
            raise LLMError(f"local:{name}: its temperature {error}") from None
    return LocalLLM(name, model)
