"""A reply's JSON schema as LLMs take it: in words, or as an object, which providers want at the root."""

import json
from typing import Any

from .question import Message


def in_words(messages: list[Message], schema: dict[str, Any]) -> list[Message]:
    """The same messages, with what the schema asks for said in words: for whoever takes no schema."""
    choices = schema.get("enum")
    form = (
        "one of these, word for word:\n" + "\n".join(choices) if choices else f"JSON of this form: {json.dumps(schema)}"
    )
    *before, last = messages
    return [*before, last | {"content": f"{last['content']}\n\nReply with {form}"}]


def as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or one of an object whose `reply` follows it."""
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
