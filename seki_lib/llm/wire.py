"""What the official SDKs share: one watched HTTP client, one total time limit, one kind of error.

The SDKs do the transport and the retrying (`max_retries`, back-off, `retry-after`). Their HTTP client is theirs too,
with `send` watched: each request is announced before and, if it brought no reply, reported after; a reply that is no
reply (not JSON, cut off, empty) is treated like a broken connection, so that it is asked for again. When the time is
up, the budget spent, or an error is one that no repetition mends, the SDK is told by its own header not to retry.
"""

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from ..files.errors import LLMError
from .base import Attempt, Completion, Watch
from .reply import error_in, error_words, is_hopeless, read_reply, refused_parameters
from .secrets import LogFilter, redact

RETRIES = 12  # of the SDK, with its own back-off; the time limit usually ends it earlier
EMPTY_REPLIES = 3  # in a row, after which the model is taken to have nothing to say
TIME_LIMIT = 600.0  # seconds for one reply, all retries and waiting included
TIMEOUT = 120.0  # seconds for one request of up to TIMEOUT_TOKENS tokens, in proportion for longer ones
TIMEOUT_TOKENS = 2560
CLIP = 300  # characters of an error text that are kept
LATER = "Nothing that was answered is lost: give the same command later and it goes on from here."


class Refused(Exception):
    """The server refused the request for good. status: of HTTP; words: the server's own; body: JSON, None if none."""

    def __init__(self, status: int, url: str, words: str, body: Any):
        super().__init__(words)
        self.status, self.url, self.words, self.body = status, url, words, body


@dataclass(frozen=True)
class Sent:
    """A request on its way: where to, since when, and how the provider names it."""

    url: str
    started: float
    status: int | None = None
    identity: str = ""


class Wire:
    """The requests of one call. `send` stands in the SDK's HTTP client; `ask` runs the SDK's call through it."""

    def __init__(self, name: str, *, time_limit: float = TIME_LIMIT, clock: Callable[[], float] = time.monotonic):
        self.name = name
        self.time_limit, self.clock = time_limit, clock
        self.watch: Watch | None = None
        self.failed = 0  # requests of this call that brought no reply
        self._optional: Collection[str] = ()
        self._tokens = 0
        self._empty = 0
        self._deadline = 0.0
        self._stop: LLMError | Refused | None = None
        self._last = ""
        self._sent = Sent("", 0.0)
        self._reply: Completion | None = None

    def client(self, base: type, **options: Any) -> Any:
        """The SDK's own HTTP client class, watched."""
        wire = self
        LogFilter.install()

        class Watched(base):  # type: ignore[misc]
            def send(self, request: Any, **kwargs: Any) -> Any:
                return wire.send(request, lambda: super(Watched, self).send(request, **kwargs))

        return Watched(**options)

    def ask(self, call: Callable[[], Any], tokens: int, optional: Collection[str] = ()) -> Completion:
        """The reply that the SDK's call brings; the call itself may return anything.

        tokens: most that the reply may take. optional: parameters of the request that can be left out, see
        reply.OPTIONAL. Raises LLMError in one sentence, or Refused.
        """
        self._begin(tokens, optional)
        try:
            call()
        except Exception as error:
            if self._stop is not None:
                raise self._stop from None
            if not self._last:
                raise LLMError(redact(f"{self.name}: {type(error).__name__}: {error}"[: 2 * CLIP])) from None
            raise LLMError(
                f"{self.name}: no reply after {self.failed} requests; the last one: {self._last}. {LATER}"
            ) from None
        assert self._reply is not None  # noqa: S101 - a call that ends well had one
        return self._reply

    def _begin(self, tokens: int, optional: Collection[str]) -> None:
        self._deadline, self._stop, self._last, self.failed = self.clock() + self.time_limit, None, "", 0
        self._tokens, self._optional, self._empty, self._reply = tokens, optional, 0, None

    def send(self, request: Any, forward: Callable[[], Any]) -> Any:
        """One request, watched. Returns the response; a synthetic one that stops the SDK if nothing may be sent."""
        import httpx2

        left = self._deadline - self.clock()
        try:
            if left <= 0:
                raise LLMError(
                    f"{self.name}: no reply within {self.time_limit:.0f} s and {self.failed} requests"
                    f"{f'; the last one: {self._last}' if self._last else ''}. {LATER}"
                )
            if self.watch:
                self.watch.before(self._tokens)
        except LLMError as stop:
            return self._halt(request, stop)
        timeout = min(TIMEOUT * max(1.0, self._tokens / TIMEOUT_TOKENS), left)
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        self._sent = Sent(redact(str(request.url.copy_with(query=None))), self.clock())
        try:
            response = forward()
            response.read()
        except httpx2.TransportError as error:
            return self._broken(request, error)
        identity = response.headers.get("request-id") or response.headers.get("x-request-id") or ""
        self._sent = Sent(self._sent.url, self._sent.started, response.status_code, identity)
        return self._received(request, response) if response.is_success else self._declined(request, response)

    def rejected(self, why: str) -> None:
        """Report the last reply, which came whole, as one that is of no use."""
        self._failed(why, billed=True, usage=self._reply.usage if self._reply else {})

    def _broken(self, request: Any, error: Any) -> Any:
        """A request that brought no response: the SDK tries again, unless it can never be sent."""
        import httpx2

        never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        wrong = isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self._failed(what, billed=not never_sent and not wrong)
        if not wrong:
            raise error
        return self._halt(
            request, LLMError(f"{self.name}: the request cannot be sent to {self._sent.url}: {self._last}")
        )

    def _received(self, request: Any, response: Any) -> Any:
        """A response of status 2xx: a reply, an error in its clothes, or one to be asked for again."""
        import httpx2

        kind, body, trouble = response.headers.get("content-type", ""), _json(response), ""
        if not isinstance(body, dict):
            damaged = f"the reply is damaged JSON of {len(response.content)} bytes"
            other = (
                f"the reply of {self._sent.url} is not JSON but {kind or 'of no stated type'}: {response.text[:80]!r}"
            )
            trouble = damaged if "json" in kind else other
        elif error_in(body):
            words = redact(error_words(body) or response.text.strip())[:CLIP]
            self._failed(words, billed=False)
            return self._halt(request, Refused(response.status_code, self._sent.url, words, body))
        else:
            self._reply = read_reply(body)
            if not self._reply.text and self._reply.usage.get("completion_tokens", 0) >= self._tokens:
                self._reply = replace(self._reply, finish="length")  # some servers call that `stop`
            if not self._reply.text and self._reply.finish not in ("length", "content_filter", "refusal"):
                trouble = "the reply is empty"
                self._empty += 1
        if not trouble:
            return response
        self._failed(trouble, billed=True, usage=self._reply.usage if self._reply else {})
        if self._empty == EMPTY_REPLIES:
            thought = " (it only thought)" if self._reply and self._reply.thoughts else ""
            stop = LLMError(
                f"{self.name}: the reply was empty {EMPTY_REPLIES} times in a row{thought}. Try another model."
            )
            return self._halt(request, stop)
        self._reply = None
        raise httpx2.RemoteProtocolError(trouble, request=request)

    def _declined(self, request: Any, response: Any) -> Any:
        """A response of another status: the SDK tries again where that may help."""
        status, body = response.status_code, _json(response)
        words = redact(error_words(body) or response.text.strip() or response.reason_phrase)[:CLIP]
        self._failed(f"HTTP {status}: {words}", billed=False)
        again = status in (408, 409, 429) or (status >= 500 and status != 501)
        if not again or is_hopeless(body) or (status >= 500 and refused_parameters(body, self._optional)):
            return self._halt(request, Refused(status, self._sent.url, words, body))
        wait = _retry_after(response.headers)
        if wait > self._deadline - self.clock():
            asks = f"It asks to wait {wait:.0f} s, longer than this call may take."
            return self._halt(request, LLMError(f"{self.name}: {self._last}. {asks} {LATER}"))
        return response

    def _halt(self, request: Any, stop: LLMError | Refused) -> Any:
        """A response after which the SDK tries no more; `ask` raises `stop`."""
        import httpx2

        self._stop = stop
        return httpx2.Response(400, headers={"x-should-retry": "false"}, json={}, request=request)

    def _failed(self, what: str, *, billed: bool, usage: dict[str, int] | None = None) -> None:
        self.failed += 1
        self._last = redact(what)[:CLIP]
        if self.watch:
            sent, seconds = self._sent, self.seconds
            self.watch.failed(Attempt(self._last, seconds, sent.status, sent.identity, billed, usage or {}))

    @property
    def seconds(self) -> float:
        """How long the last request took until now."""
        return self.clock() - self._sent.started

    @property
    def identity(self) -> str:
        """How the provider names the last request."""
        return self._sent.identity


def _json(response: Any) -> Any:
    """The body of a response as JSON, None if it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


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
