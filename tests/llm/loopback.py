"""A loopback HTTP server that speaks a provider's protocol, and can be told to fail in every way that providers do.

It is a fake LLM: its replies are random cells, drawn from the words of the request alone, so that a search through it
has one history whatever happens on the way.
"""

import contextlib
import hashlib
import json
import random
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from seki_lib.spaces import get_space

KEY = "sk-ant-planted-0123456789abcdef"


def random_reply(messages, schema):
    """A cell if a schema asks for one, one of the texts if it is a choice, else words."""
    rng = random.Random(hashlib.sha256(json.dumps(messages).encode()).digest())
    space = get_space("nas201")
    if not schema:
        return f"Change edge {rng.randrange(6)}, it holds the gradient back."
    if "reply" in schema["properties"]:
        return json.dumps({"reply": rng.choice(schema["properties"]["reply"]["enum"])})
    cell = space.random(rng)
    return json.dumps(dict(zip(schema["properties"], cell.edges, strict=True)))


class Loopback:
    """protocol: `anthropic` or `openai`. faults: taken one a request, oldest first; then every request is answered."""

    def __init__(self, protocol, reply=random_reply):
        self.protocol, self.reply = protocol, reply
        self.faults, self.requests, self.paths = [], [], []
        self.released = threading.Event()  # lets go of requests that were kept waiting
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}" + ("/v1" if protocol == "openai" else "")
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(outer):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer._lock:
                    outer.requests.append((dict(self.headers), body))
                    outer.paths.append(self.path)
                    fault = outer.faults.pop(0) if outer.faults else None
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    fault(outer, self, body) if fault else outer.answer(self, body)

        return Handler

    def answer(self, handler, body, text=None, finish=None, **fields):
        """A good reply in the provider's own form."""
        system = body.get("system") or []
        messages = [{"role": "system", "content": block["text"]} for block in system] + body["messages"]
        schema = (
            body.get("output_config", {}).get("format", {}).get("schema")
            if self.protocol == "anthropic"
            else body.get("response_format", {}).get("json_schema", {}).get("schema")
        )
        text = self.reply(messages, schema) if text is None else text
        self.send(handler, 200, self.form(body, text, finish) | fields)

    def form(self, body, text, finish=None):
        sent = len(json.dumps(body["messages"])) // 4
        if self.protocol == "anthropic":
            return {
                "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"] + "-20260101",
                "content": [{"type": "text", "text": text}] if text else [],
                "stop_reason": finish or "end_turn", "stop_sequence": None,
                "usage": {"input_tokens": sent, "output_tokens": 9, "cache_read_input_tokens": 40,
                          "cache_creation_input_tokens": 2},
            }  # fmt: skip
        refusal = text if finish == "refusal" else None
        message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"] + "-2026-01-01",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop" if refusal else finish or "stop"}],
            "usage": {"prompt_tokens": sent + 40, "completion_tokens": 9, "total_tokens": sent + 49,
                      "prompt_tokens_details": {"cached_tokens": 40}},
        }  # fmt: skip

    def send(self, handler, status, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("request-id" if self.protocol == "anthropic" else "x-request-id", "req_42")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def status(code, message="try later", **headers):
    def fault(server, handler, body):
        server.send(handler, code, {"type": "error", "error": {"type": "some_error", "message": message}}, **headers)

    return fault


def reset(server, handler, body):
    """Close the connection so that the client sees a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    handler.wfile = handler.rfile


def silence(server, handler, body):
    """Say nothing until the client has given up."""
    server.released.wait()
    handler.close_connection = True


def truncated_json(server, handler, body):
    server.send(handler, 200, json.dumps(server.form(body, "a reply")).encode()[:-30])


def empty_content(server, handler, body):
    server.answer(handler, body, text="")


def wrong_content_type(server, handler, body):
    server.send(handler, 200, b"<html>Please log in</html>", kind="text/html")


def refusal(server, handler, body):
    server.answer(handler, body, text="I cannot help with that.", finish="refusal")


def max_tokens_reached(server, handler, body):
    text = random_reply(
        body["messages"], {"properties": dict.fromkeys(["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"])}
    )
    finish = "max_tokens" if server.protocol == "anthropic" else "length"
    server.answer(handler, body, text=text[: len(text) // 2], finish=finish)
