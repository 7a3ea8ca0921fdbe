"""What every space shares when it reads a reply: thoughts are taken out first."""

import re

_NAMES = r"think|thinking|thought|thoughts|reasoning|reflection"
_OPEN = rf"<(?:{_NAMES})(?:\s[^<>]{{0,200}})?>|\[THINK\]|◁think▷|<\|channel\|>analysis<\|message\|>"
_CLOSE = rf"</(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷|<\|end\|>"
_TAG = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)


def split_thoughts(text: str) -> tuple[str, str]:
    """(reply, thoughts) of what a thinking model wrote.

    A block that is never closed was cut off: all of it is thought. A closing tag without an opening one ends a thought
    that began with the text, since some chat templates write the opening tag into the prompt.
    """
    reply: list[str] = []
    thoughts: list[str] = []
    depth = position = 0
    for tag in _TAG.finditer(text):
        part = text[position : tag.start()]
        position = tag.end()
        if tag["open"]:
            (thoughts if depth else reply).append(part)
            depth += 1
        elif depth:
            thoughts.append(part)
            depth -= 1
        else:  # all that stands before was thought
            thoughts = [*thoughts, *reply, part]
            reply = []
    (thoughts if depth else reply).append(text[position:])
    if not thoughts and not position:
        return text, ""
    return "".join(reply).strip(), "\n".join(filter(None, (thought.strip() for thought in thoughts)))
