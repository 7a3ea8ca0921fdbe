"""What a thinking model wrote, parted into its thoughts and its reply."""

import re

_NAMES = r"think|thinking|thought|thoughts|reason|reasoning|reflection|analysis|scratchpad|seed:think"
_OPEN = rf"<(?:{_NAMES})(?:\s[^<>]{{0,200}})?>|\[THINK\]|◁think▷|<\|begin_of_thought\|>"
_CLOSE = rf"</(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>"
_CHANNEL = r"<\|channel\|>analysis<\|message\|>"  # its end mark also ends replies, so it closes nothing else
_CHANNEL_END = r"<\|end\|>|<\|start\|>assistant|<\|channel\|>final<\|message\|>"
_TAG = re.compile(rf"(?P<open>{_OPEN}|{_CHANNEL})|(?P<close>{_CLOSE})|(?P<channel_end>{_CHANNEL_END})", re.IGNORECASE)


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
        elif tag["channel_end"]:
            reply.append(part)
        else:  # all that stands before was thought
            thoughts += [*reply, part]
            reply = []
    (thoughts if depth else reply).append(text[position:])
    if not thoughts and not position:
        return text, ""
    return "".join(reply).strip(), "\n".join(filter(None, (thought.strip() for thought in thoughts)))
