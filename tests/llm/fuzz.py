"""Replies that LLMs give and ones that they should not, for any space, from a seed."""

import json
import random
from pathlib import Path

REAL = json.loads((Path(__file__).parent / "real_replies.json").read_text())  # of the embedded LLM, over HTTP
PLAIN = ["~", "|", "+", "{", "}", "[", "]", ":", ",", "->", '"', "\\", "\r\n"]
ODD = [*PLAIN, "\x00", "\ud800", "١->٢", "０", "\u202e", "🧠"]


def example(schema, rng):
    """A value that follows a JSON schema of the kind that spaces make."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema.get("type") == "object":
        return {name: example(of, rng) for name, of in schema["properties"].items()}
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema["items"]] * schema.get("minItems", 2)
        return [example(of, rng) for of in items]
    return {"integer": rng.randrange(9), "number": rng.random()}.get(schema.get("type"), "word")


def good_reply(space, rng):
    """A reply that a well-behaved LLM could give."""
    notation = rng.choice(sorted(space.notations))
    kind = rng.randrange(4)
    if kind == 0:
        return json.dumps(example(space.reply_schema(notation), rng), indent=rng.choice([None, 1, 4]))
    if kind == 1:
        return rng.choice(REAL)
    if kind == 2:
        return rng.choice(sorted(space.edits(space.random(rng), notation)))
    return space.show(space.random(rng), notation)


def mutated(text, rng, space):
    """The reply with one thing wrong, or said in another way."""
    at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    other = good_reply(space, rng)
    return rng.choice(
        [
            lambda: text[:at],
            lambda: text[:at] + text[to:],
            lambda: text[:at] + rng.choice(ODD) + text[at:],
            lambda: text[:at] + rng.choice(ODD) * rng.randrange(1, 300) + text[to:],
            lambda: f"Sure! Here it is:\n```json\n{text}\n```\nIt has **fewer** pools.",
            lambda: f"{text}\n\nI hope this helps. Another idea would be {other[: len(other) // 2]}",
            lambda: f"1. {other}\n2. {text}\n3. {other}",
            lambda: "[" * rng.randrange(60) + text + "]" * rng.randrange(60),
            lambda: json.dumps({"reply": [[text]], "why": [other]}),
            lambda: text.replace('"', "'").replace("1", "１"),
            lambda: "".join(rng.sample(text, len(text))),
            lambda: text.upper(),
            lambda: " ".join(text),
            lambda: text.replace(rng.choice(text or " "), ""),
            lambda: rng.randbytes(200).decode("utf-16", "surrogatepass" if rng.random() < 0.01 else "replace"),
            lambda: "",
        ]
    )()


def fuzzed_replies(space, count, seed=0):
    """Pairs of a reply and a notation to read it in; every 400th is one megabyte long."""
    rng = random.Random(seed)
    for i in range(count):
        text = good_reply(space, rng)
        for _ in range(rng.randrange(4)):
            text = mutated(text, rng, space)
        if i % 400 == 399:
            filler = rng.choice([text or " ", " ", "|", '"0->1"', "large ", "~0|", ": ", "[", "(1, ", "1"])
            text = (filler * (1_000_000 // len(filler) + 1))[:1_000_000] + rng.choice(["", text])
        yield text, rng.choice(sorted(space.notations))
