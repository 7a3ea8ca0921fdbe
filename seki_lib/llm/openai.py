"""`openai:<model>`: OpenAI, and whatever speaks its protocol at OPENAI_BASE_URL: vLLM, Ollama, llama.cpp's server.

The key is read from OPENAI_API_KEY; an endpoint of your own may need none. What a server does not take (a JSON schema,
a seed) it says, and is then asked without it.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from ..errors import LLMError
from .base import Completion, Message
from .secrets import redact
from .wire import RETRIES, HostedLLM, as_object, in_words, unwrap

THINKING = 2048  # tokens above max_tokens for OpenAI's own models: those that think first count thoughts as reply
KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
OPTIONAL = ("response_format", "seed", "max_completion_tokens")  # may be dropped when the server says so


class OpenAILLM(HostedLLM):
    """One model behind one endpoint. The SDK is imported, and the key looked for, when it is first asked."""

    def __init__(self, model: str, *, base_url: str | None = None, **limits: Any) -> None:
        self._base_url = base_url or os.environ.get(BASE_URL) or "https://api.openai.com/v1"
        self.hosted = urlsplit(self._base_url).hostname == "api.openai.com"
        self.headroom = THINKING if self.hosted else 0
        # not the address: a server moves between nodes, and the run it answers is the same run
        settings = {"api": "chat completions", "endpoint": "OpenAI" if self.hosted else "own"}
        super().__init__(f"openai:{model}", settings, _complain, **limits)
        self._refused: set[str] = set()  # optional parameters that the server does not take

    def complete(
        self,
        messages: list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply. Raises LLMError."""
        import openai

        client = self._connect()
        request = self._request(messages, schema, seed, max_tokens)
        try:
            reply = self._wire.ask(lambda: client.chat.completions.create(**request))
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if named := [p for p in OPTIONAL if p in request and _names(error, p)]:
                self._refused.update(named)
                return self.complete(messages, schema=schema, seed=seed, max_tokens=max_tokens)
            raise LLMError(f"{self.name}: {redact(str(error))}") from None
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise LLMError(f"{self.name}: the key in {KEY} was refused: {redact(str(error))}") from None
        except openai.NotFoundError:
            where = "" if self.hosted else f" at {redact(self._base_url)}"
            raise LLMError(f"{self.name}: there is no model {self._model!r}{where} (or not for this key).") from None
        except openai.OpenAIError as error:
            raise LLMError(f"{self.name}: {type(error).__name__}: {redact(str(error))}") from None
        choice = reply.choices[0]
        refusal = getattr(choice.message, "refusal", None)
        text = choice.message.content or refusal or ""
        return Completion(
            unwrap(text, schema) if "response_format" in request else text,
            _usage(reply.usage),
            self._wire.clock() - self._wire.sent,
            model=reply.model or "",
            request_id=reply._request_id or reply.id or "",
            finish="refusal" if refusal else choice.finish_reason or "",
        )

    def _request(
        self, messages: list[Message], schema: dict[str, Any] | None, seed: int | None, max_tokens: int
    ) -> dict[str, Any]:
        if schema is not None and "response_format" in self._refused:
            messages = in_words(messages, schema)
        request: dict[str, Any] = {"model": self._model, "messages": messages}
        long_name = self.hosted and "max_completion_tokens" not in self._refused
        request["max_completion_tokens" if long_name else "max_tokens"] = max_tokens + self.headroom
        if seed is not None:
            request["seed"] = int(seed)
        if schema is not None:
            form = {"name": "reply", "strict": True, "schema": as_object(schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        return {name: value for name, value in request.items() if name not in self._refused}

    def _connect(self) -> Any:
        if self._client is None:
            import openai

            if self.hosted and not os.environ.get(KEY):
                raise LLMError(
                    f"{self.name} needs a key: set {KEY} (https://platform.openai.com/api-keys), or {BASE_URL} to a "
                    "server of your own (docs/vllm.md)."
                )
            self._client = openai.OpenAI(
                api_key=os.environ.get(KEY) or "none",
                base_url=self._base_url,
                max_retries=RETRIES,
                http_client=self._wire.client(openai.DefaultHttpxClient),
            )
        return self._client


def _names(error: Any, parameter: str) -> bool:
    """Whether a refusal is about this parameter, by its `param` field or its words."""
    words = {"response_format": ("response_format", "json_schema", "schema")}.get(parameter, (parameter,))
    return any(word in f"{getattr(error, 'param', '')} {error}" for word in words)


def _complain(body: dict[str, Any]) -> str:
    """A reply without text is asked for again, unless the model refused or had no tokens left for it."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return "the reply has no choices"
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return "the reply has no message"
    empty = not (message.get("content") or message.get("refusal"))
    return "the reply is empty" if empty and choices[0].get("finish_reason") not in ("length", "content_filter") else ""


def _usage(usage: Any) -> dict[str, int]:
    """prompt_tokens holds the cached ones already; they are named apart where the server counts them."""
    if usage is None:
        return {}
    counts = {"prompt_tokens": usage.prompt_tokens or 0, "completion_tokens": usage.completion_tokens or 0}
    details = usage.prompt_tokens_details
    for name, key in (("cached_tokens", "cached_tokens"), ("cache_write_tokens", "cache_write_tokens")):
        if details is not None and getattr(details, name, None) is not None:
            counts[key] = getattr(details, name)
    return counts


def openai(model: str, **options: Any) -> OpenAILLM:
    """`openai:<model>`, such as `openai:gpt-4o-mini`. base_url: the endpoint, else OPENAI_BASE_URL, else OpenAI."""
    return OpenAILLM(model, **options)
