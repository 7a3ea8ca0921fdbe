"""`openai:<model>`: OpenAI, and whatever speaks its protocol at OPENAI_BASE_URL: vLLM, Ollama, llama.cpp's server.

The key is read from OPENAI_API_KEY; an endpoint of your own may need none. If a server refuses a JSON schema, a seed,
the name of the token limit or a system message, it is asked again without it.
"""

import re
from collections.abc import Mapping
from typing import Any

from .base import Question
from .hosted import HostedLLM
from .schemas import as_object

LIMITS = ("max_completion_tokens", "max_tokens")  # names of the token limit: OpenAI's, and the common one


class OpenAILLM(HostedLLM):
    """One model behind one endpoint."""

    sdk, client = "openai", "OpenAI"
    keys: Mapping[str, str] = {"OPENAI_API_KEY": "api_key"}
    key_advice = (
        "set OPENAI_API_KEY (https://platform.openai.com/api-keys), or OPENAI_BASE_URL to a server of your own "
        "(docs/vllm.md)"
    )
    url_variable, default_url, example_url = "OPENAI_BASE_URL", "https://api.openai.com/v1", "http://127.0.0.1:8000/v1"
    schema_parameter = "response_format"
    optional = frozenset({"system", "seed", "response_format", *LIMITS})

    def __init__(self, model: str, **options: Any) -> None:
        super().__init__(model, **options)
        # not the address: a server moves between nodes, and the run it answers is the same run
        self.settings = {"api": "chat completions", "endpoint": "OpenAI" if self.hosted else "own"}

    def _is_the_providers(self) -> bool:
        return re.match(r"(?i)https?://([^/?#]*@)?api\.openai\.com(:\d+)?(/|$)", self._base_url) is not None

    def _request(self, question: Question) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._model, "messages": question.messages}
        names = [name for name in (LIMITS if self.hosted else reversed(LIMITS)) if name not in self._refused]
        if names:
            request[names[0]] = question.max_tokens + self.headroom
        if question.seed is not None:
            request["seed"] = int(question.seed)
        if question.schema is not None:
            form = {"name": "reply", "strict": True, "schema": as_object(question.schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        return request

    def _send(self, request: dict[str, Any]) -> Any:
        return self._client.chat.completions.with_raw_response.create(**request)
