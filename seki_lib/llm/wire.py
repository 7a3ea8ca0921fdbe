"""What the official SDKs share: one watched HTTP client, one total time limit, one kind of error.

The SDKs do the retrying (`max_retries`, back-off, `retry-after`). Their HTTP client is theirs too, with `send` watched:
each request is announced before and, if it brought no reply, reported after; a reply that is no reply (not JSON, cut
off, empty) is treated like a broken connection, so that it is asked for again; and when the time is up or the budget
spent, the SDK is told by its own header not to retry.
"""

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import LLMError
from .base import Attempt, Message, Watch
from .secrets import LogFilter, redact

RETRIES = 12  # of the SDK, with its own back-off; the time limit usually ends it earlier
TIME_LIMIT = 600.0  # seconds for one reply, all retries and waiting included
TIMEOUT = 120.0  # seconds for one request
CLIP = 300  # characters of an error text that are kept


class Wire:
    """The requests of one call. `send` stands in the SDK's HTTP client; `ask` runs the SDK's call through it."""

    def __init__(
        self,
        name: str,
        *,
        complain: Callable[[dict[str, Any]], str] = lambda body: "",  # what is wrong with a reply's body, if anything
        time_limit: float = TIME_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.name = name
        self.time_limit, self.clock = time_limit, clock
        self.watch: Watch | None = None
        self.complain = complain
        self.failed = 0  # requests of this call that brought no reply
        self.sent = 0.0  # when the last request was sent
        self._deadline = 0.0
        self._stop: LLMError | None = None
        self._last = ""

    def client(self, base: type, **options: Any) -> Any:
        """The SDK's own HTTP client class, watched."""
        wire = self
        LogFilter.install()

        class Watched(base):  # type: ignore[misc]
            def send(self, request: Any, **kwargs: Any) -> Any:
                return wire.send(request, lambda: super(Watched, self).send(request, **kwargs))

        return Watched(**options)

    def ask(self, call: Callable[[], Any]) -> Any:
        """What the SDK's call returns. Raises LLMError in one sentence, or the SDK's own error on a status 4xx."""
        self._deadline, self._stop, self._last, self.failed = self.clock() + self.time_limit, None, "", 0
        try:
            return call()
        except Exception as error:
            if self._stop is not None:
                raise self._stop from None
            status = getattr(error, "status_code", None)
            if status is not None and status < 500 and status not in (408, 409, 429):
                raise
            if not self._last:
                raise
            raise LLMError(
                f"{self.name}: no reply after {self.failed} requests; the last one: {self._last}. Nothing that was "
                "answered is lost: give the same command later and it goes on from here."
            ) from None

    def send(self, request: Any, forward: Callable[[], Any]) -> Any:
        """One request, watched. Returns the response; a synthetic one that stops the SDK if nothing may be sent."""
        import httpx2

        left = self._deadline - self.clock()
        try:
            if left <= 0:
                raise LLMError(
                    f"{self.name}: no reply within {self.time_limit:.0f} s and {self.failed} requests"
                    f"{f'; the last one: {self._last}' if self._last else ''}. Nothing that was answered is lost: give "
                    "the same command later and it goes on from here."
                )
            if self.watch:
                self.watch.before()
        except LLMError as stop:
            self._stop = stop
            return httpx2.Response(400, headers={"x-should-retry": "false"}, json={}, request=request)
        timeout = min(TIMEOUT, left)
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        started = self.sent = self.clock()
        try:
            response = forward()
            response.read()
        except httpx2.TransportError as error:
            never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._failed(started, what, None, "", billed=not never_sent)
            raise
        identity = response.headers.get("request-id") or response.headers.get("x-request-id") or ""
        if response.is_success:
            if trouble := self._trouble(response):
                self._failed(started, trouble, response.status_code, identity, billed=True)
                raise httpx2.RemoteProtocolError(trouble, request=request)
        else:
            text = f"HTTP {response.status_code}: {_error_text(response)}"
            self._failed(started, text, response.status_code, identity, billed=False)
            wait = _retry_after(response.headers)
            if wait > self._deadline - self.clock():
                self._stop = LLMError(
                    f"{self.name}: {self._last}. It asks to wait {wait:.0f} s, longer than this call may take. Nothing "
                    "that was answered is lost: give the same command later and it goes on from here."
                )
                response.headers["x-should-retry"] = "false"
        return response

    def _trouble(self, response: Any) -> str:
        """Why a response of status 2xx is no reply, or nothing."""
        kind = response.headers.get("content-type", "")
        if "json" not in kind:
            return f"the reply is not JSON but {kind or 'of no stated type'}: {response.text[:80]!r}"
        try:
            body = json.loads(response.content)
        except ValueError:
            return f"the reply is damaged JSON of {len(response.content)} bytes"
        return self.complain(body) if isinstance(body, dict) else "the reply is not a JSON object"

    def _failed(self, started: float, what: str, status: int | None, identity: str, *, billed: bool) -> None:
        self.failed += 1
        self._last = redact(what)[:CLIP]
        if self.watch:
            self.watch.failed(Attempt(self._last, self.clock() - started, status, identity, billed))


class HostedLLM:
    """What LLMs behind an official SDK share: how they like to be asked, and that somebody watches their requests."""

    notation, templates, strategy = "names", "full", "free"

    def __init__(self, name: str, settings: dict[str, Any], complain: Callable[[dict[str, Any]], str], **limits: Any):
        """name: as `provider:model`. settings: what else decides replies. limits: `time_limit`, `clock` of Wire."""
        self.name, self.settings = name, settings
        self._model = name.partition(":")[2]
        self._wire = Wire(name, complain=complain, **limits)
        self._client: Any = None  # made when the first reply is asked for

    @property
    def watch(self) -> Watch | None:
        """Who is told of each request."""
        return self._wire.watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._wire.watch = watch


def _error_text(response: Any) -> str:
    """What a provider says about an error: its message where it has one, else the start of what it sent."""
    try:
        error = response.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (KeyError, TypeError, ValueError):
        return str(response.text.strip()[:CLIP] or response.reason_phrase)


def _retry_after(headers: Any) -> float:
    """Seconds that a provider asks to wait, 0 if it does not."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            return float(text) / unit
        except ValueError:
            try:
                return parsedate_to_datetime(text).timestamp() - time.time()
            except ValueError:
                continue
    return 0.0


def in_words(messages: list[Message], schema: dict[str, Any]) -> list[Message]:
    """The same messages, with what the schema asks for said in words: for whoever takes no schema."""
    choices = schema.get("enum")
    form = (
        "one of these, word for word:\n" + "\n".join(choices) if choices else f"JSON of this form: {json.dumps(schema)}"
    )
    *before, last = messages
    return [*before, last | {"content": f"{last['content']}\n\nReply with {form}"}]


def is_object(schema: dict[str, Any]) -> bool:
    """Whether a schema describes a JSON object, as providers want it at the root."""
    return schema.get("type") == "object"


def as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or one of an object whose `reply` follows it."""
    if is_object(schema):
        return dict(schema)
    return {
        "type": "object",
        "properties": {"reply": dict(schema)},
        "required": ["reply"],
        "additionalProperties": False,
    }


def unwrap(text: str, schema: dict[str, Any] | None) -> str:
    """The reply to a schema that `as_object` had to wrap; any other text as it is."""
    if schema is None or is_object(schema):
        return text
    try:
        reply = json.loads(text)["reply"]
    except (KeyError, TypeError, ValueError):
        return text
    return reply if isinstance(reply, str) else json.dumps(reply)
