"""What servers send. One function reads any provider's reply, one finds what a refusal is about.

Every field is checked where it is read: a server of one's own may leave out, rename or nest anything. A new server's
form is a new row in tests/llm/test_forms.py.
"""

import json
import re
from collections.abc import Collection
from typing import Any

from .base import Completion, Message, tidy

FINISHES = {
    "end_turn": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
}
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details")  # fields of a message
CACHED = {  # of Completion.usage, and the fields that servers of OpenAI's form count them in
    "cached_tokens": ("cached_tokens", "prompt_cache_hit_tokens"),
    "cache_write_tokens": ("cache_write_tokens",),
}
SAID = (  # fields of an error body that hold words
    "error", "errors", "message", "msg", "detail", "details", "reason", "description", "error_description", "error_msg",
    "title", "metadata", "raw",
)  # fmt: skip
NAMED = ("param", "parameter", "loc", "field", "path")  # fields of an error body that name a parameter
OPTIONAL = {  # what a request can do without, and how servers speak of it
    "schema": r"response_format|output_config|output_format|json.?schema|\bschema\b|guided|grammar|structured.?output"
    r"|additionalProperties|json_object|json.?mode|json_validate_failed|generate JSON",
    "seed": r"\bseed\b",
    "max_tokens": r"\bmax_tokens\b",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "cache_control": r"cache_control|\bsystem\b.{0,40}(?:valid string|str type|be a string)",
    "system": r"\bsystem\b.{0,3} (?:role|message|prompt|instruction)|role.{0,20}\bsystem\b|developer instruction"
    r"|roles must alternate|only user and assistant roles|valid role|messages.{0,9}role|'body', 'system'\]"
    r"|\bsystem\b.{0,40}(?:not permitted|not supported|unsupported)",
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
DEPTH = 8  # levels of a body that are looked into


def read_reply(body: dict[str, Any]) -> Completion:
    """The reply in a body of OpenAI's or Anthropic's form, or of one like them; seconds and request id are not in it.

    A body that holds no reply gives an empty text. Whatever has another type than it should counts as missing.
    """
    choice = _first(body.get("choices"))
    message = choice.get("message")
    said = message if isinstance(message, dict) else choice if choice else body
    content = _field(said, "content", "text")
    text, thoughts = _texts(content)
    refusal = said.get("refusal")
    refused = isinstance(refusal, str) and bool(refusal) and not text.strip()
    stop = _field(choice, "finish_reason") or body.get("stop_reason")
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


def error_in(body: dict[str, Any]) -> bool:
    """Whether a body of status 2xx is an error in truth: it says something, and holds no reply."""
    return not body.get("choices") and not body.get("content") and bool(body.get("error") or error_words(body))


def error_words(body: Any) -> str:
    """What a provider says about an error, in its own words; empty if the body holds none."""
    return "; ".join(dict.fromkeys(_said(body, DEPTH)))


def is_hopeless(body: Any) -> bool:
    """Whether an error says that nothing will change: the quota is spent, the account is closed."""
    return bool(HOPELESS.search(json.dumps(body)))


def refused_parameters(body: Any, sent: Collection[str]) -> set[str]:
    """The optional parameters among `sent`, keys of OPTIONAL, that an error body complains of.

    A body that names a field by itself is believed; else the words are searched.
    """

    def named_in(text: str) -> set[str]:
        return {name for name in sent if re.search(OPTIONAL[name], text, re.IGNORECASE | re.DOTALL)}

    return named_in(" ".join(_named(body, DEPTH))) or named_in(f"{error_words(body)} {_codes(body)}")


def in_words(messages: list[Message], schema: dict[str, Any]) -> list[Message]:
    """The same messages, with what the schema asks for said in words: for whoever takes no schema."""
    choices = schema.get("enum")
    form = (
        "one of these, word for word:\n" + "\n".join(choices) if choices else f"JSON of this form: {json.dumps(schema)}"
    )
    *before, last = messages
    return [*before, last | {"content": f"{last['content']}\n\nReply with {form}"}]


def as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or one of an object whose `reply` follows it: providers want an object at the root."""
    if schema.get("type") == "object":
        return dict(schema)
    return {
        "type": "object",
        "properties": {"reply": dict(schema)},
        "required": ["reply"],
        "additionalProperties": False,
    }


def unwrap(text: str, schema: dict[str, Any] | None) -> str:
    """The reply to a schema that `as_object` had to wrap, fenced or not; any other text as it is."""
    if schema is None or schema.get("type") == "object":
        return text
    try:
        reply = json.loads(text[text.find("{") : text.rfind("}") + 1])["reply"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return text
    return reply if isinstance(reply, str) else json.dumps(reply)


def _first(choices: Any) -> dict[str, Any]:
    """The first of a list of choices, empty if there is none."""
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _field(holder: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is there and holds something."""
    return next((holder[name] for name in names if holder.get(name)), None)


def _texts(content: Any) -> tuple[str, str]:
    """(text, thoughts) of a message's content: a text, or parts of which some are thoughts."""
    if isinstance(content, dict) and not {"text", "type"} & content.keys():
        return json.dumps(content), ""  # the answer itself, as JSON that the server has parsed already
    if not isinstance(content, list):
        content = [content]
    text: list[str] = []
    thoughts: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else ""
        thinks = isinstance(kind, str) and ("think" in kind or "reason" in kind)
        (thoughts if thinks else text).append(_all_text(part))
    return "".join(text), "\n".join(filter(None, thoughts))


def _all_text(part: Any, depth: int = DEPTH) -> str:
    """The words of a part of a message, wherever it keeps them."""
    if isinstance(part, str):
        return part
    if isinstance(part, list) and depth:
        return "".join(_all_text(item, depth - 1) for item in part)
    if isinstance(part, dict) and depth:
        names = ("text", "thinking", "reasoning", "summary", "content", "refusal", "value")
        return _all_text(_field(part, *names), depth - 1)
    return ""


def _usage(usage: Any) -> dict[str, int]:
    """Tokens as Completion.usage counts them; empty where the provider did not say, so that the worst case is kept.

    OpenAI's `prompt_tokens` hold the cached ones already; Anthropic counts them beside `input_tokens`.
    """
    if not isinstance(usage, dict):
        return {}
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    prompt = _count(usage, "prompt_tokens")
    reply = max(_count(usage, "completion_tokens", "output_tokens"), 0)
    if not prompt and (sent := _count(usage, "input_tokens") + read + written):
        cached = {"cached_tokens": read, "cache_write_tokens": written}
        prompt = sent
    else:
        details = usage.get("prompt_tokens_details")
        known = {**usage, **details} if isinstance(details, dict) else usage
        cached = {
            name: _count(known, *fields)
            for name, fields in CACHED.items()
            if any(known.get(field) is not None for field in fields)
        }
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


def _said(body: Any, depth: int) -> list[str]:
    """The words of an error body, outermost first. A text that is JSON itself is read as JSON."""
    if isinstance(body, str):
        try:
            inner = json.loads(body) if body.lstrip()[:1] in ("{", "[") else None
        except (ValueError, RecursionError):
            inner = None
        said = _said(inner, depth - 1) if inner and depth else []
        return said or ([body.strip()] if body.strip() else [])
    if not depth:
        return []
    if isinstance(body, list):
        return [words for item in body for words in _said(item, depth - 1)]
    if not isinstance(body, dict):
        return []
    words = [word for name in SAID if name in body for word in _said(body[name], depth - 1)]
    place = body.get("loc")
    return [f"{'.'.join(map(str, place))}: {word}" for word in words] if isinstance(place, list) else words


def _named(body: Any, depth: int) -> list[str]:
    """What an error body names in fields of their own, such as `param` or `loc`."""
    if not depth or not isinstance(body, list | dict):
        return []
    if isinstance(body, list):
        return [name for item in body for name in _named(item, depth - 1)]
    here = [str(body[name]) for name in NAMED if isinstance(body.get(name), str | list)]
    return here + [name for key in SAID if key in body for name in _named(body[key], depth - 1)]


def _codes(body: Any) -> str:
    """The codes of an error body."""
    error = body.get("error") if isinstance(body, dict) else None
    return " ".join(str(holder.get("code", "")) for holder in (body, error) if isinstance(holder, dict))
