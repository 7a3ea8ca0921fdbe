"""What LLMs behind an official SDK share. A provider says how a request looks and which SDK sends it.

Here: keys and addresses are checked before anything is sent; the response is read; a damaged or empty one, and an error
that may pass, are asked for again; optional parameters that the server refuses are left out from then on. The SDKs'
own retries are off: each request is counted and recorded (`LLM.ask`), and theirs could not be.
"""

import math
import os
import re
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

from ..files.assets import without_credentials
from ..files.errors import LLMError
from .base import LATER, LLM, TIME_LIMIT, Completion, Message, NoReply, Question
from .redaction import LogFilter, redact, trimmed
from .response import TOO_LONG, error_in, error_words, is_hopeless, parsed, read_reply, refused_parameters, status_in
from .schemas import in_words, unwrap
from .thinking import FIRST, Room

TIMEOUT = 120.0  # seconds for one request of up to TIMEOUT_TOKENS tokens, in proportion for longer ones
TIMEOUT_TOKENS = 2560
EMPTY_REPLIES = 3  # in a row, after which the model is taken to have nothing to say
CLIP = 300  # characters of an error text that are kept
ENDPOINTS = ("/chat/completions", "/completions", "/responses", "/messages", "/models")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


class HostedLLM(LLM):
    """One model behind one endpoint. The SDK is imported, and the key looked for, when it is first asked."""

    sdk: str  # the package, whose client is named `client`
    client: str
    keys: Mapping[str, str]  # variables that may hold a key, and the client's parameter for each
    key_advice: str  # where a key comes from
    url_variable: str
    default_url: str
    example_url: str  # what a base URL looks like
    schema_parameter: str  # of its requests
    optional: frozenset[str]  # parameters and roles of its requests that can be left out, keys of response.OPTIONAL

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "",
        thinking: int | None = None,
        time_limit: float = TIME_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ):
        """base_url: in place of the variable's. thinking: tokens for thoughts, in place of SEKI_THINKING."""
        self._base_url = trimmed(base_url or os.environ.get(self.url_variable)) or self.default_url
        self.hosted = self._is_the_providers()
        self.room = Room(FIRST if self.hosted else 0, thinking)
        self.name, self._model = f"{self.sdk}:{model}", model
        self.time_limit, self.clock = time_limit, clock
        self._refused: set[str] = set()  # what the server does not take, of `optional`
        self._empty = self._others = 0  # empty replies, and bodies of another kind than a reply, in a row
        self._sdk: Any = None
        self._client: Any = None

    @abstractmethod
    def _request(self, question: Question) -> dict[str, Any]:
        """The parameters of a request; those that the server refused are taken out of it."""

    @abstractmethod
    def _send(self, request: dict[str, Any]) -> Any:
        """The SDK's raw response to a request."""

    def _is_the_providers(self) -> bool:
        """Whether the provider itself answers at this address."""
        return True

    def load(self) -> None:
        """Check key and address, and make the SDK's client. Raises LLMError."""
        if self._client:
            return
        given = {parameter: key for variable, parameter in self.keys.items() if (key := checked_key(variable))}
        if not given and self.hosted:
            raise LLMError(f"{self.name} needs a key: {self.key_advice}.")
        parameter, key = next(iter(given.items()), ("api_key", "none"))
        url = checked_url(self._base_url, self.url_variable, self.example_url)
        self._sdk = import_module(self.sdk)
        LogFilter.install()
        make = getattr(self._sdk, self.client)
        url, _, query = url.partition("?")  # the SDKs add paths to a base URL, and would lose what stands behind it
        options = {"base_url": url, "default_query": dict(parse_qsl(query, keep_blank_values=True)), parameter: key}
        self._client = make(http_client=self._http_client(), max_retries=0, **options)

    def answer(self, question: Question) -> Completion:
        """What one request brought. Raises NoReply where that is nothing."""
        messages = question.messages
        if question.schema is not None and self.schema_parameter in self._refused:
            messages = in_words(messages, question.schema)
        if "system" in self._refused:
            messages = without_system(messages)
        request = self._request(replace(question, messages=messages))
        request = {name: value for name, value in request.items() if name not in self._refused}
        allowed = question.max_tokens + self.headroom
        timeout = TIMEOUT * max(1.0, allowed / TIMEOUT_TOKENS)
        try:
            response = self._send(request | {"timeout": timeout}).http_response
        except self._sdk.APIStatusError as error:
            raise self._refusal(error.response, request) from None
        except self._sdk.APIConnectionError as error:
            raise self._broken(error) from None
        except Exception as error:
            raise LLMError(redact(f"{self.name}: {type(error).__name__}: {error}")[: 2 * CLIP]) from None
        body = parsed(response.content)
        if failed := error_in(body):
            raise self._refusal(response, request, failed)
        reply = self._reply(response, body, allowed)
        return replace(reply, text=unwrap(reply.text, question.schema))

    def _reply(self, response: Any, body: Any, allowed: int) -> Completion:
        """The reply in a response of status 2xx; allowed: most tokens that it may take. Raises NoReply."""
        identity, kind = _identity(response), response.headers.get("content-type", "")
        if not isinstance(body, dict):
            damaged = "damaged JSON" if body is None else f"a JSON {type(body).__name__} and no object,"
            trouble = f"the reply is {damaged} of {len(response.content)} bytes"
            if "json" not in kind:
                what = f"not JSON but {kind or 'of no stated type'}: {redact(response.text)[:80]!r}"
                trouble = f"the reply of {_address(response.request)} is {what}"
            whole = body is not None or "html" in kind or "event-stream" in kind  # of a login page, a stream, a list
            self._others = self._others % EMPTY_REPLIES + 1 if whole else 0
            advice = "Turn streaming off at the server." if "event-stream" in kind else self._look_at_url()
            stop = f"{self.name}: {trouble}. {advice}" if self._others == EMPTY_REPLIES else ""
            raise NoReply(redact(trouble), response.status_code, identity, billed=True, stop=redact(stop))
        reply = replace(read_reply(body), request_id=identity)
        if not reply.text and reply.usage.get("completion_tokens", 0) >= allowed:
            reply = replace(reply, finish="length")  # some servers call that `stop`
        if reply.text or reply.finish in ("length", "content_filter", "refusal"):
            self._empty = self._others = 0
            return reply
        self._empty = self._empty % EMPTY_REPLIES + 1
        thought = " (it only thought)" if reply.thoughts else ""
        enough = f"{self.name}: the reply was empty {EMPTY_REPLIES} times in a row{thought}. Try another model."
        raise NoReply(
            "the reply is empty", response.status_code, identity, billed=True, usage=reply.usage,
            stop=enough if self._empty == EMPTY_REPLIES else "",
        )  # fmt: skip

    def _broken(self, error: Any) -> NoReply:
        """What a request comes to that brought no response. error: the SDK's, which names its HTTP client's."""
        import httpx2

        cause = error.__cause__ or error
        never_sent = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        wrong = isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | httpx2.TooManyRedirects)
        wrong = wrong or any(word in str(cause) for word in ("WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED"))
        what = redact(f"{type(cause).__name__}: {cause}".removesuffix(": "))[:CLIP]
        cannot = f"{self.name}: the request cannot be sent to {_address(error.request)}: {what.rstrip('.')}"
        stop = f"{cannot}. {self._look_at_url()}" if wrong else ""
        return NoReply(what, billed=not never_sent and not wrong, stop=stop)

    def _refusal(self, response: Any, request: dict[str, Any], error: dict[str, Any] | None = None) -> NoReply:
        """What a request comes to that was refused: it is sent again later, at once in another form, or never.

        error: what a body of status 2xx says of it.
        """
        body, url = error or parsed(response.content), _address(response.request)
        status = status_in(error) if error else response.status_code
        words = redact(error_words(body) or response.text.strip() or response.reason_phrase)[:CLIP]
        failure = NoReply(words if status < 300 else f"HTTP {status}: {words}", status, _identity(response))
        sent = request.keys() | {message["role"] for message in request["messages"]}
        named = refused_parameters(body, self.optional & sent - self._refused)
        passing = (status in (408, 409, 429) or (status >= 500 and status != 501)) and not is_hopeless(body)
        if passing and not (status >= 500 and named) and response.headers.get("x-should-retry") != "false":
            failure.wait = retry_after(response.headers)
        elif status not in (401, 402, 403, 404, 405, 429) and self._adapts(named, words):
            failure.wait = 0
        elif is_hopeless(body):
            failure.stop = f"{self.name}: {words.rstrip('.')}. {LATER}"
        else:
            failure.stop = f"{self.name}: {self._meaning(status, words, url)}"
        return failure

    def _adapts(self, named: set[str], words: str) -> bool:
        """Leave out what the server refused, or take less room for thoughts; False if there is nothing to change."""
        if TOO_LONG.search(words):
            named -= {"max_tokens", "max_completion_tokens"}
            if not named:
                return self.room.shrinks()
        self._refused |= named
        return bool(named)

    def _meaning(self, status: int, words: str, url: str) -> str:
        """What a refusal means and what to do."""
        said = f"HTTP {status}: {words}"
        key = next((name for name in self.keys if os.environ.get(name)), next(iter(self.keys)))
        if status == 401:
            return f"the key in {key} was refused: {said}"
        if status == 402:
            return f"{url} wants to be paid before it answers. Next: look at the account of the key in {key}. {said}"
        if status == 413:
            return f"{url} takes no request of this size. Next: fewer cells shown (--xi), or another server. {said}"
        if status == 403:
            return f"{url} forbids this, perhaps to the key in {key}, or to this place or model: {said}"
        if status in (404, 405) and "model" in words.lower():
            return f"there is no model {self._model!r} at {url} (or not for this key): {said}"
        if status in (404, 405) or status < 300:
            said = f"{url} answered with an error: {words.rstrip('.')}" if status < 300 else f"{said} ({url})"
            return f"{said}. {self._look_at_url()}"
        return said

    def _look_at_url(self) -> str:
        return f"Look at {self.url_variable}: a base URL looks like {self.example_url}."

    def _http_client(self) -> Any:
        """The SDK's own HTTP client. Raises LLMError for a proxy that it cannot use, such as SOCKS without socksio."""
        try:
            return self._sdk.DefaultHttpxClient()
        except (ImportError, ValueError) as error:
            given = [name for upper in PROXIES for name in (upper, upper.lower()) if os.environ.get(name)]
            raise LLMError(
                f"{self.name}: the proxy in {' or '.join(given)} cannot be used: {redact(str(error)).rstrip('.')}. "
                "Or unset the variable, or name the server in NO_PROXY."
            ) from None


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
    raise LLMError(f"{source}={without_credentials(redact(url))} {wrong}: a base URL looks like {example}.")


def without_system(messages: list[Message]) -> list[Message]:
    """The same messages for a model that knows no system role: its text begins the first message of the user."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    first, *rest = [message for message in messages if message["role"] != "system"]
    return [first | {"content": "\n\n".join([*system, first["content"]])}, *rest]


def retry_after(headers: Any) -> float | None:
    """Seconds that a provider asks to wait, in a number or by a date; None if it does not say, or that it is over.

    A clock that lags names a time in the past; at once, all tries would be gone before the provider recovers.
    """
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _identity(response: Any) -> str:
    """How the provider names a request."""
    return response.headers.get("request-id") or response.headers.get("x-request-id") or ""


def _address(request: Any) -> str:
    """Where a request went, without what may be secret."""
    return redact(str(request.url.copy_with(query=None)))
