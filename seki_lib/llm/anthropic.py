"""`anthropic:<model>`: Claude, through Anthropic's own SDK. The key is read from ANTHROPIC_API_KEY.

What the SDK takes is passed, and nothing else: no temperature, no seed. System messages carry a cache mark: what they
hold (who the LLM is, the task T, the space Ω) is the same in every round, and a provider's cache may keep it.
"""

import os
from collections.abc import Collection
from typing import Any

from ..files.errors import LLMError
from .base import Message, Question
from .hosted import HostedLLM, checked_key, checked_url, trimmed
from .reply import as_object
from .thinking import FIRST, Room

KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
BASE_URL = "ANTHROPIC_BASE_URL"


class AnthropicLLM(HostedLLM):
    """One Claude model."""

    key_variables, url_variable, example_url = KEYS, BASE_URL, "https://api.anthropic.com (without /v1)"

    def __init__(self, model: str, *, thinking: int | None = None, **limits: Any) -> None:
        self.settings = {"api": "messages"}
        super().__init__(f"anthropic:{model}", room=Room(FIRST, thinking), **limits)

    def _request(self, question: Question, messages: list[Message]) -> tuple[dict[str, Any], Collection[str]]:
        request: dict[str, Any] = {
            "model": self._model,
            "max_tokens": question.max_tokens + self.headroom,
            "messages": [message for message in messages if message["role"] != "system"],
        }
        optional: list[str] = []
        if system := [message["content"] for message in messages if message["role"] == "system"]:
            blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in system]
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
            plain = "cache_control" in self._refused
            request["system"] = "\n\n".join(system) if plain else blocks
            optional += ["system"] if plain else ["system", "cache_control"]
        if question.schema is not None and "schema" not in self._refused:
            request["output_config"] = {"format": {"type": "json_schema", "schema": as_object(question.schema)}}
            optional.append("schema")
        return request, optional

    def _send(self, client: Any, request: dict[str, Any]) -> None:
        client.messages.with_raw_response.create(**request)

    def _connect(self) -> Any:
        keys = {name: checked_key(name) for name in KEYS}
        if not any(keys.values()):
            raise LLMError(f"{self.name} needs a key: set {KEYS[0]} (https://console.anthropic.com/settings/keys).")
        address = trimmed(os.environ.get(BASE_URL)) or "https://api.anthropic.com"
        url = checked_url(address, BASE_URL, self.example_url)
        import anthropic

        credential = {"api_key": keys[KEYS[0]]} if keys[KEYS[0]] else {"auth_token": keys[KEYS[1]]}
        return self._make(anthropic, "Anthropic", base_url=url, **credential)


def anthropic(model: str, **options: Any) -> AnthropicLLM:
    """`anthropic:<model>`, such as `anthropic:claude-haiku-4-5`. Whether the model exists is seen when it is asked.

    thinking: tokens for thoughts, else SEKI_THINKING.
    """
    return AnthropicLLM(model, **options)
