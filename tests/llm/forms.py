"""Bodies of both providers' forms, and a server that answers with them."""

from loopback import Loopback

MESSAGES = [{"role": "system", "content": "Space Ω"}, {"role": "user", "content": "Design a cell."}]
CHOICE = {"type": "string", "enum": ["a b", "a c"]}
USED = {"prompt_tokens": 10, "completion_tokens": 5}


class Server(Loopback):
    """Answers each request with what a function of its body and its number returns: (status, body)."""

    def __init__(self, protocol, form):
        self.form_of = form
        super().__init__(protocol)

    def answer(self, handler, body):
        status, reply = self.form_of(body, len(self.requests))
        self.send(handler, status, reply)


def ask(llm, **options):
    return llm.complete(MESSAGES, seed=1, max_tokens=400, **options)


def openai(content="the answer", finish="stop", usage=None, message=None, **fields):
    said = {"role": "assistant", "content": content} | (message or {})
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} if usage is None else usage
    choice = {"index": 0, "message": said, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage} | fields


def anthropic(content="the answer", finish="end_turn", **fields):
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {
        "id": "m",
        "type": "message",
        "model": "m",
        "content": content,
        "stop_reason": finish,
        "usage": usage,
    } | fields


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


def good(protocol, text="the answer"):
    """A plain reply in the form of a provider."""
    return openai(text) if protocol == "openai" else anthropic(text)


THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "the answer"}]
