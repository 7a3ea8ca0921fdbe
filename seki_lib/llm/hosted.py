"""What LLMs behind an official SDK share: how they are asked, and what happens when a server refuses a part of it.

A provider says how a request looks and which SDK sends it. Here: keys and addresses are checked before anything is
sent; optional parameters that the server refuses are left out from then on; a model that was cut off while it thought
gets more room.
"""

import os
import re
from abc import abstractmethod
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ..files.errors import LLMError
from .base import LLM, Completion, Message, Question, Watch
from .reply import TOO_LONG, in_words, is_hopeless, refused_parameters, unwrap
from .secrets import redact
from .thinking import Room
from .wire import LATER, RETRIES, TIMEOUT, Refused, Wire

QUOTES = "\"'“”„‘’‚«»`"
ENDPOINTS = ("/chat/completions", "/completions", "/responses", "/messages", "/models")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


class HostedLLM(LLM):
    """One model behind one endpoint. The SDK is imported, and the key looked for, when it is first asked."""

    tells = True
    key_variables: tuple[str, ...]
    url_variable: str
    example_url: str  # what a base URL looks like
    settings: dict[str, Any]

    def __init__(self, name: str, *, room: Room, **limits: Any):
        """name: as `provider:model`. room: for thoughts. limits: `time_limit`, `clock` of Wire."""
        self.name = name
        self._model = name.partition(":")[2]
        self._wire = Wire(name, **limits)
        self._room = room
        self._refused: set[str] = set()  # optional parameters that the server does not take, keys of reply.OPTIONAL
        self._client: Any = None  # made when the first reply is asked for

    @property
    def headroom(self) -> int:  # type: ignore[override]
        """Tokens above max_tokens that a reply may take for thoughts, as far as is known by now."""
        return self._room.tokens

    @property
    def watch(self) -> Watch | None:
        """Who is told of each request."""
        return self._wire.watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._wire.watch = watch

    @abstractmethod
    def _connect(self) -> Any:
        """The SDK's client. Raises LLMError if a key is missing."""

    @abstractmethod
    def _request(self, question: Question, messages: list[Message]) -> tuple[dict[str, Any], Collection[str]]:
        """The body of a request, and which optional parameters it holds. messages: the question's, or reworded."""

    @abstractmethod
    def _send(self, client: Any, request: dict[str, Any]) -> None:
        """Have the SDK send a request; the wire reads what comes back."""

    def answer(self, question: Question) -> Completion:
        """The reply. Raises LLMError."""
        if self._client is None:
            self._client = self._connect()
        while True:
            messages = question.messages
            if question.schema is not None and "schema" in self._refused:
                messages = in_words(messages, question.schema)
            if "system" in self._refused:
                messages = without_system(messages)
            request, optional = self._request(question, messages)
            allowed = question.max_tokens + self._room.tokens
            try:
                reply = self._wire.ask(lambda: self._send(self._client, request), allowed, optional)  # noqa: B023
            except Refused as refusal:
                self._adapt(refusal, optional)
                continue
            again = self._room.grows_after(reply)
            if again or reply.cut_off:
                self._wire.rejected(f"all {allowed} tokens of the reply were used up by thoughts")
            if not again:
                text = unwrap(reply.text, question.schema)
                return replace(reply, text=text, seconds=self._wire.seconds, request_id=self._wire.identity)

    def _adapt(self, refusal: Refused, optional: Collection[str]) -> None:
        """Leave out what the server refused. Raises LLMError if it refused something else."""
        named = refused_parameters(refusal.body, optional)
        if TOO_LONG.search(refusal.words):
            named -= {"max_tokens", "max_completion_tokens"}
            if not named and self._room.shrinks():
                return
        if refusal.status in (401, 402, 403, 404, 405, 429) or not named:
            raise LLMError(self._sentence(refusal)) from None
        self._refused |= named

    def _sentence(self, refusal: Refused) -> str:
        """What a refusal means and what to do."""
        status, said = refusal.status, f"HTTP {refusal.status}: {refusal.words}"
        if status < 300:
            said = f"{refusal.url} answered with an error: {refusal.words.rstrip('.')}"
        if is_hopeless(refusal.body):
            return f"{self.name}: {refusal.words.rstrip('.')}. {LATER}"
        if status in (401, 403):
            return f"{self.name}: the key in {self._key_variable()} was refused: {said}"
        if status in (404, 405) and "model" in refusal.words.lower():
            return f"{self.name}: there is no model {self._model!r} at {refusal.url} (or not for this key): {said}"
        if status in (404, 405) or status < 300:
            said = f"{said} ({refusal.url})" if status >= 300 else said
            return f"{self.name}: {said}. Look at {self.url_variable}: a base URL looks like {self.example_url}."
        return f"{self.name}: {said}"

    def _key_variable(self) -> str:
        return next((name for name in self.key_variables if os.environ.get(name)), self.key_variables[0])

    def _make(self, sdk: Any, client: str, **options: Any) -> Any:
        """The SDK's client over the watched HTTP client. Raises LLMError for a proxy that it cannot use."""
        try:
            http = self._wire.client(sdk.DefaultHttpxClient)
        except (ImportError, ValueError) as error:
            names = (name for upper in PROXIES for name in (upper, upper.lower()) if os.environ.get(name))
            variable = next((name for name in names if os.environ[name].lower().startswith("socks")), None)
            if isinstance(error, ImportError) and variable:
                raise LLMError(
                    f"{self.name}: {variable} names a SOCKS proxy, which needs the package socksio. Install it "
                    f"(pip install socksio), unset {variable}, or name the server in NO_PROXY."
                ) from None
            raise LLMError(
                f"{self.name}: the proxy in {' or '.join(PROXIES)} cannot be used: {redact(str(error))}"
            ) from None
        return getattr(sdk, client)(http_client=http, max_retries=RETRIES, timeout=TIMEOUT, **options)


def trimmed(text: str | None) -> str:
    """A setting as it was meant: without blanks, newlines and quotes around it."""
    return (text or "").strip().strip(QUOTES).strip()


def checked_key(variable: str) -> str | None:
    """The key in a variable, None if there is none. Raises LLMError if no header can carry it."""
    key = trimmed(os.environ.get(variable))
    if wrong := next((letter for letter in key if not "!" <= letter <= "~"), None):
        raise LLMError(f"{variable} holds {wrong!r}, which no key has: copy the key again.")
    return key or None


def checked_url(text: str, source: str, example: str) -> str:
    """A base URL that can be asked. Raises LLMError, which names where it comes from and what one looks like."""
    url = trimmed(text)
    path = url.partition("?")[0].rstrip("/")
    if not re.fullmatch(
        r"https?://(?:[^\s/?#@]*@)?(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:[/?][!-~]*)?", url
    ):
        wrong = "is no web address"
    elif end := next((end for end in ENDPOINTS if path.endswith(end)), None):
        wrong = f"ends in {end}, which is added to a base URL"
    else:
        return url
    raise LLMError(f"{source}={redact(url)} {wrong}: a base URL looks like {example}.")


def without_system(messages: list[Message]) -> list[Message]:
    """The same messages for a model that knows no system role: its text begins the first message of the user."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    first, *rest = [message for message in messages if message["role"] != "system"]
    return [first | {"content": "\n\n".join([*system, first["content"]])}, *rest]
