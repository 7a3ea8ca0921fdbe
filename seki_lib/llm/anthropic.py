"""`anthropic:<model>`: Claude, through Anthropic's own SDK, such as `anthropic:claude-haiku-4-5`.

What the SDK takes is passed, and nothing else: no temperature, no seed. System messages carry a cache mark: what they
hold (who the LLM is, the task T, the space Ω) is the same in every round, and a provider's cache may keep it.
"""

from collections.abc import Mapping
from typing import Any

from .base import Question
from .hosted import HostedLLM
from .schemas import as_object


class AnthropicLLM(HostedLLM):
    """One Claude model."""

    sdk, client = "anthropic", "Anthropic"
    keys: Mapping[str, str] = {"ANTHROPIC_API_KEY": "api_key", "ANTHROPIC_AUTH_TOKEN": "auth_token"}
    key_advice = "set ANTHROPIC_API_KEY (https://console.anthropic.com/settings/keys)"
    url_variable, default_url = "ANTHROPIC_BASE_URL", "https://api.anthropic.com"
    example_url = "https://api.anthropic.com (without /v1)"
    schema_parameter = "output_config"
    optional = frozenset({"system", "output_config"})
    settings: Mapping[str, Any] = {"api": "messages"}

    def _request(self, question: Question) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._model,
            "max_tokens": question.max_tokens + self.headroom,
            "messages": [message for message in question.messages if message["role"] != "system"],
        }
        if system := [message["content"] for message in question.messages if message["role"] == "system"]:
            request["system"] = [{"type": "text", "text": text} for text in system]
            request["system"][-1]["cache_control"] = {"type": "ephemeral"}
        if question.schema is not None:
            request["output_config"] = {"format": {"type": "json_schema", "schema": as_object(question.schema)}}
        return request

    def _send(self, request: dict[str, Any]) -> Any:
        return self._client.messages.with_raw_response.create(**request)
