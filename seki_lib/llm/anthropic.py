"""`anthropic:<model>`: Claude, through Anthropic's own SDK. The key is read from ANTHROPIC_API_KEY.

What the SDK takes is passed, and nothing else: no temperature, no seed. System messages carry a cache mark: what they
hold (who the LLM is, the task T, the space Ω) is the same in every round, and a provider's cache may keep it.
"""

import os
from typing import Any

from ..errors import LLMError
from .base import Completion, Message
from .secrets import redact
from .wire import RETRIES, HostedLLM, as_object, in_words, unwrap

THINKING = 2048  # tokens above max_tokens: models that think first count their thoughts as reply
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class AnthropicLLM(HostedLLM):
    """One Claude model. The SDK is imported and the key is looked for when the first reply is asked for."""

    headroom = THINKING

    def __init__(self, model: str, **limits: Any) -> None:
        super().__init__(f"anthropic:{model}", {"api": "messages"}, _complain, **limits)
        self._structured = True  # until the API says that this model takes no output format

    def complete(
        self,
        messages: list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply. seed is not passed: this API takes none. Raises LLMError."""
        import anthropic

        client = self._connect()
        if schema is not None and not self._structured:
            messages = in_words(messages, schema)
        request: dict[str, Any] = {
            "model": self._model,
            "max_tokens": max_tokens + THINKING,
            "messages": [message for message in messages if message["role"] != "system"],
        }
        if system := [m["content"] for m in messages if m["role"] == "system"]:
            blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in system]
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
            request["system"] = blocks
        if schema is not None and self._structured:
            request["output_config"] = {"format": {"type": "json_schema", "schema": as_object(schema)}}
        try:
            reply = self._wire.ask(lambda: client.messages.create(**request))
        except anthropic.BadRequestError as error:
            if "output_config" in request and any(
                w in str(error) for w in ("output_config", "output_format", "schema")
            ):
                self._structured = False
                return self.complete(messages, schema=schema, seed=seed, max_tokens=max_tokens)
            raise LLMError(f"{self.name}: {redact(str(error))}") from None
        except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
            raise LLMError(f"{self.name}: the key in {self._variable()} was refused: {redact(str(error))}") from None
        except anthropic.NotFoundError:
            raise LLMError(f"{self.name}: there is no model {self._model!r} (or not for this key).") from None
        except anthropic.AnthropicError as error:
            raise LLMError(f"{self.name}: {type(error).__name__}: {redact(str(error))}") from None
        text = "".join(block.text for block in reply.content if block.type == "text")
        return Completion(
            unwrap(text, schema) if "output_config" in request else text,
            _usage(reply.usage),
            self._wire.clock() - self._wire.sent,
            model=reply.model,
            request_id=reply._request_id or "",
            finish={"end_turn": "stop", "max_tokens": "length"}.get(reply.stop_reason or "", reply.stop_reason or ""),
        )

    def _variable(self) -> str:
        return next((name for name in KEYS if os.environ.get(name)), KEYS[0])

    def _connect(self) -> Any:
        if self._client is None:
            import anthropic

            if not any(os.environ.get(name) for name in KEYS):
                raise LLMError(f"{self.name} needs a key: set {KEYS[0]} (https://console.anthropic.com/settings/keys).")
            http = self._wire.client(anthropic.DefaultHttpxClient)
            self._client = anthropic.Anthropic(max_retries=RETRIES, http_client=http)
        return self._client


def _complain(body: dict[str, Any]) -> str:
    """A reply without text is asked for again, unless the model refused or had no tokens left for it."""
    texts = [b.get("text") for b in body.get("content") or [] if isinstance(b, dict) and b.get("type") == "text"]
    empty = not any(texts) and body.get("stop_reason") not in ("refusal", "max_tokens")
    return "the reply is empty" if empty else ""


def _usage(usage: Any) -> dict[str, int]:
    """The API counts cached tokens beside `input_tokens`; here they are part of `prompt_tokens`."""
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    counts = {"prompt_tokens": usage.input_tokens + read + written, "completion_tokens": usage.output_tokens}
    return counts | {"cached_tokens": read, "cache_write_tokens": written}


def anthropic(model: str, **options: Any) -> AnthropicLLM:
    """`anthropic:<model>`, such as `anthropic:claude-haiku-4-5`. Whether the model exists is seen when it is asked."""
    return AnthropicLLM(model, **options)
