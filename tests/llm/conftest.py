"""A loopback server for each provider, and LLMs whose waiting takes no time."""

import types

import pytest
from forms import Server
from loopback import KEY, Loopback

from seki_lib import runs
from seki_lib.llm import base, get_llm

MODELS = {"anthropic": "anthropic:claude-haiku-4-5", "openai": "openai:gpt-4o-mini"}


class Clock:
    """Time that passes only by waiting; the waits are kept to be looked at."""

    def __init__(self):
        self.now, self.waits = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """LLMs wait on this clock, those that runs make too."""
    clock = Clock()
    monkeypatch.setattr(base, "time", types.SimpleNamespace(sleep=clock.sleep))
    monkeypatch.setattr(runs, "get_llm", lambda name: get_llm(name, clock=clock))
    return clock


@pytest.fixture(params=["anthropic", "openai"])
def server(request, monkeypatch):
    """The loopback server of one provider, with a key and the address in the variables that its SDK reads."""
    server = Loopback(request.param)
    monkeypatch.setenv(f"{request.param.upper()}_API_KEY", KEY)
    monkeypatch.setenv(f"{request.param.upper()}_BASE_URL", server.url)
    server.name = MODELS[request.param]
    yield server
    server.close()


@pytest.fixture
def serve(monkeypatch, clock):
    """serve(protocol, form) -> (server, LLM): the server answers by `form`, and the LLM asks it."""
    servers = []

    def start(protocol, form, address="{}", **options):
        servers.append(Server(protocol, form))
        monkeypatch.setenv(f"{protocol.upper()}_API_KEY", KEY)
        monkeypatch.setenv(f"{protocol.upper()}_BASE_URL", address.format(servers[-1].url))
        return servers[-1], get_llm(f"{protocol}:some-model", clock=clock, **options)

    yield start
    [server.close() for server in servers]
