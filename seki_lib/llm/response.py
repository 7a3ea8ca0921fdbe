"""What servers send: one function reads any provider's reply, others find what an error says and what it is about.

Every field is checked where it is read: a server of one's own may leave out, rename or nest anything. A new server's
form is a new row in tests/llm/test_forms.py, a new error one in test_refusals.py beside it.
"""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from .question import Completion, tidy

FINISHES = {
    "end_turn": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
}
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details")  # fields of a message
WORDS = ("text", "thinking", "reasoning", "summary", "content", "refusal", "value")  # fields of a part of a message
SAID = (  # fields of an error body that hold words
    "error", "errors", "message", "msg", "detail", "details", "reason", "description", "error_description", "error_msg",
    "title", "metadata", "raw",
)  # fmt: skip
NAMED = ("param", "parameter", "loc", "field", "path")  # fields of an error body that name a parameter
SCHEMA = (
    r"response_format|output_config|output_format|json.?schema|\bschema\b|guided|grammar|structured.?output"
    r"|additionalProperties|json_object|json.?mode|json_validate_failed|generate JSON"
)
OPTIONAL = {  # parameters and roles that a request can do without, and how servers speak of them
    "response_format": SCHEMA,
    "output_config": SCHEMA,
    "seed": r"\bseed\b",
    "max_tokens": r"\bmax_tokens\b",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "system": r"\bsystem\b.{0,3} (?:role|message|prompt|instruction)|role.{0,20}\bsystem\b|developer instruction"
    r"|roles must alternate|only user and assistant roles|valid role|messages.{0,9}role|\bbody.system\b|cache_control"
    r"|\bsystem\b.{0,40}(?:not permitted|not supported|unsupported|valid string|str type|be a string)",
}
TOO_LONG = re.compile(  # a refusal of a number of tokens, not of the parameter
    r"too (?:large|long|many)|at most|maximum (?:allowed|value|context|number)|less than or equal|valid range|exceed"
    r"|context (?:length|window|size)|out of range",
    re.IGNORECASE,
)
HOPELESS = re.compile(  # trying again brings nothing
    r"insufficient.?(?:quota|balance|credit|fund)|billing_|exceeded_current_quota|credit balance|account_deactivated"
    r"|out of credit|payment required",
    re.IGNORECASE,
)
PASSING = re.compile(  # the server is at fault, and may not be a moment later
    r"overload|rate.?limit|too.many.requests|server.?error|unavailable|timed?.?out|internal.error|bad.gateway",
    re.IGNORECASE,
)
DEPTH = 8  # levels of a body that are looked into


def parsed(content: str | bytes) -> Any:
    """A text as JSON, None if it is none. Comments before an object and a stream's mark behind it are left out."""
    with suppress(ValueError, RecursionError):
        return json.loads(content)
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    for rest in (text.lstrip("\ufeff \t\r\n"), text[text.find("\n{") + 1 :]):
        with suppress(ValueError, RecursionError):
            value, end = json.JSONDecoder().raw_decode(rest)
            return value if rest[end:].strip() in ("", "[DONE]", "data: [DONE]") else None  # more is a stream of parts
    return None


def read_reply(body: dict[str, Any]) -> Completion:
    """The reply in a body of OpenAI's or Anthropic's form, or of one like them; seconds and request id are not in it.

    A body that holds no reply gives an empty text. Whatever has another type than it should counts as missing.
    """
    choice = _choice(body)
    message = choice.get("message")
    said = message if isinstance(message, dict) else choice or body
    text, thoughts = _texts(said.get("content") or said.get("text"))
    text = text if text.strip() else _arguments(said)
    refusal = said.get("refusal")
    refused = isinstance(refusal, str) and bool(refusal) and not text.strip()
    stop = choice.get("finish_reason") or body.get("stop_reason")
    finish = FINISHES.get(stop.lower(), stop.lower()) if isinstance(stop, str) else ""
    fields = [_all_text(said[name]) for name in THOUGHTS if said.get(name)]
    model = body.get("model")
    return tidy(
        Completion(
            str(refusal) if refused else text,
            _usage(body.get("usage")),
            model=model if isinstance(model, str) else "",
            finish="refusal" if refused else finish,
            thoughts="\n".join(dict.fromkeys(filter(None, [*fields, thoughts]))),
        )
    )


def error_in(body: Any) -> dict[str, Any] | None:
    """The part of a body of status 2xx that is an error in truth: it says something, and holds no reply.

    Routers put the error of the server behind them into the choice, beside what had come of the reply.
    """
    if not isinstance(body, dict):
        return None
    if body.get("error"):
        return body
    choice = _choice(body)
    if choice.get("error") or choice.get("finish_reason") == "error":
        return choice if error_words(choice) else choice | {"message": "the server broke the reply off: overloaded"}
    empty = not body.get("choices") and not body.get("content")
    return body if empty and error_words(body) else None


def status_in(error: dict[str, Any]) -> int:
    """The HTTP status that an error of a body of status 2xx stands for: the one that it names, 200 if it names none."""
    inner = error.get("error")
    fields = inner if isinstance(inner, dict) else {}
    said = [str(part.get(name, "")) for part in (fields, error) for name in ("code", "status", "status_code", "type")]
    if named := next(filter(partial(re.fullmatch, "4[0-9][0-9]|5(?!00)[0-9][0-9]"), said), ""):  # 500 says nothing
        return int(named)
    return 503 if any(map(PASSING.search, [*said, error_words(error)])) else 200


def _choice(body: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a body of OpenAI's form, empty if there is none."""
    choices = body.get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def error_words(body: Any) -> str:
    """What a provider says about an error, in its own words; empty if the body holds none."""
    return "; ".join(dict.fromkeys(text for name, text in _fields(body) if name in SAID or name == "loc"))


def is_hopeless(body: Any) -> bool:
    """Whether an error says that nothing will change: the quota is spent, the account is closed."""
    return bool(HOPELESS.search(json.dumps(body)))


def refused_parameters(body: Any, sent: Collection[str]) -> set[str]:
    """The optional parameters among `sent`, keys of OPTIONAL, that an error body complains of.

    A body that names a field by itself is believed; else the words are searched.
    """
    fields = list(_fields(body))
    for texts in ([text for name, text in fields if name in NAMED], [text for _, text in fields]):
        said = " ".join(texts)
        if found := {name for name in sent if re.search(OPTIONAL[name], said, re.IGNORECASE | re.DOTALL)}:
            return found
    return set()


def _fields(body: Any, name: str = "", depth: int = DEPTH) -> Iterator[tuple[str, str]]:
    """(name, text) of all that an error body says, names or has as a code. A text that is JSON is read as JSON."""
    if isinstance(body, str) and body.strip():
        inner = parsed(body) if depth and body.lstrip().startswith(("{", "[")) else None
        yield from list(_fields(inner, name, depth - 1)) or [(name, body.strip())]
    elif isinstance(body, list) and depth:
        for item in body:
            yield from _fields(item, name, depth - 1)
    elif isinstance(body, dict) and depth:
        for field, value in body.items():
            if field in SAID:
                yield from _fields(value, field, depth - 1)
            elif field in NAMED and isinstance(value, str | list):
                yield field, value if isinstance(value, str) else ".".join(map(str, value))
            elif field == "code":
                yield field, str(value)


def _texts(content: Any) -> tuple[str, str]:
    """(text, thoughts) of a message's content: a text, or parts of which some are thoughts."""
    if isinstance(content, dict) and not {"text", "type"} & content.keys():
        return json.dumps(content), ""  # the answer itself, as JSON that the server has parsed already
    text: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else ""
        if kind == "tool_use" and isinstance(part.get("input"), dict):
            part = json.dumps(part["input"])
        thinks = isinstance(kind, str) and ("think" in kind or "reason" in kind)
        (thoughts if thinks else text).append(_all_text(part))
    return "".join(text), "\n".join(filter(None, thoughts))


def _arguments(message: dict[str, Any]) -> str:
    """What a message calls a tool with, empty if it calls none: some servers put an answer in a schema's form there."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) and calls else [message]:
        function = (call.get("function") or call.get("function_call")) if isinstance(call, dict) else None
        given = function.get("arguments") if isinstance(function, dict) else None
        if text := json.dumps(given) if isinstance(given, dict) else given if isinstance(given, str) else "":
            return text
    return ""


def _all_text(part: Any, depth: int = DEPTH) -> str:
    """The words of a part of a message, wherever it keeps them."""
    if isinstance(part, str):
        return part
    if isinstance(part, list) and depth:
        return "".join(_all_text(item, depth - 1) for item in part)
    if isinstance(part, dict) and depth:
        return _all_text(next((part[name] for name in WORDS if part.get(name)), ""), depth - 1)
    return ""


def _usage(usage: Any) -> dict[str, int]:
    """Tokens as Completion.usage counts them; empty where the provider did not say, so that the worst case is kept.

    OpenAI's `prompt_tokens` hold the cached ones already; Anthropic counts them beside `input_tokens`.
    """
    if not isinstance(usage, dict):
        return {}
    prompt = _count(usage, "prompt_tokens")
    reply = _count(usage, "completion_tokens", "output_tokens")
    if not prompt and "input_tokens" in usage:
        read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
        cached = {"cached_tokens": read, "cache_write_tokens": written}
        prompt = _count(usage, "input_tokens") + read + written
    else:
        details = usage.get("prompt_tokens_details")
        known = usage | details if isinstance(details, dict) else usage
        read = _count(known, "cached_tokens", "prompt_cache_hit_tokens")
        cached = {"cached_tokens": read, "cache_write_tokens": _count(known, "cache_write_tokens")}
        cached = {kind: count for kind, count in cached.items() if count}
        if reply:  # some servers leave thoughts out of the reply's tokens, but not out of the sum
            reply = max(reply, _count(usage, "total_tokens") - prompt)
    if not prompt or not reply:
        return {}
    counts = {"prompt_tokens": prompt, "completion_tokens": reply}
    return counts | (cached if sum(cached.values()) <= prompt else {})


def _count(usage: dict[str, Any], *names: str) -> int:
    """The first of these fields that is a number of tokens, 0 if none is."""
    for name in names:
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12:
            return int(value)
    return 0
