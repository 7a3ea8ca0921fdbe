"""`openai:<model>`: OpenAI, and whatever speaks its protocol at OPENAI_BASE_URL: vLLM, Ollama, llama.cpp's server.

The key is read from OPENAI_API_KEY; an endpoint of your own may need none. What a server does not take (a JSON schema,
a seed, the name of the token limit, a system message) it says, and is then asked without it.
"""

import os
import re
from collections.abc import Collection
from typing import Any

from ..files.errors import LLMError
from .base import Message, Question
from .hosted import HostedLLM, checked_key, checked_url, trimmed
from .reply import as_object
from .thinking import FIRST, Room

KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
OPENAI = re.compile(r"(?i)https?://([^/?#]*@)?api\.openai\.com(:\d+)?(/|$)")


class OpenAILLM(HostedLLM):
    """One model behind one endpoint."""

    key_variables, url_variable, example_url = (KEY,), BASE_URL, "http://127.0.0.1:8000/v1"

    def __init__(self, model: str, *, base_url: str | None = None, thinking: int | None = None, **limits: Any) -> None:
        self._base_url = trimmed(base_url or os.environ.get(BASE_URL)) or "https://api.openai.com/v1"
        self.hosted = bool(OPENAI.match(self._base_url))
        # not the address: a server moves between nodes, and the run it answers is the same run
        self.settings = {"api": "chat completions", "endpoint": "OpenAI" if self.hosted else "own"}
        super().__init__(f"openai:{model}", room=Room(FIRST if self.hosted else 0, thinking), **limits)

    def _request(self, question: Question, messages: list[Message]) -> tuple[dict[str, Any], Collection[str]]:
        request: dict[str, Any] = {"model": self._model, "messages": messages}
        optional = ["system"] if messages[0]["role"] == "system" else []
        names = ["max_completion_tokens", "max_tokens"] if self.hosted else ["max_tokens", "max_completion_tokens"]
        if limit := next((name for name in names if name not in self._refused), None):
            request[limit] = question.max_tokens + self.headroom
            optional.append(limit)
        if question.seed is not None and "seed" not in self._refused:
            request["seed"] = int(question.seed)
            optional.append("seed")
        if question.schema is not None and "schema" not in self._refused:
            form = {"name": "reply", "strict": True, "schema": as_object(question.schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
            optional.append("schema")
        return request, optional

    def _send(self, client: Any, request: dict[str, Any]) -> None:
        client.chat.completions.with_raw_response.create(**request)

    def _connect(self) -> Any:
        key = checked_key(KEY)
        if self.hosted and not key:
            raise LLMError(
                f"{self.name} needs a key: set {KEY} (https://platform.openai.com/api-keys), or {BASE_URL} to a "
                "server of your own (docs/vllm.md)."
            )
        url = checked_url(self._base_url, BASE_URL, self.example_url)
        import openai

        return self._make(openai, "OpenAI", api_key=key or "none", base_url=url)


def openai(model: str, **options: Any) -> OpenAILLM:
    """`openai:<model>`, such as `openai:gpt-4o-mini`.

    base_url: the endpoint, else OPENAI_BASE_URL, else OpenAI. thinking: tokens for thoughts, else SEKI_THINKING.
    """
    return OpenAILLM(model, **options)
