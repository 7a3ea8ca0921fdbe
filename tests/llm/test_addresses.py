"""Keys, addresses and proxies of servers: what is wrong with one is said before anything is sent."""

import pytest
from forms import ask, good
from loopback import KEY

from seki_lib.files.errors import LLMError


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("around", ["{} ", "\n{}\n", "“{}”", "'{}'", '"{}"'])
def test_blanks_and_quotes_around_a_key_and_an_address_are_taken_off(protocol, around, serve, monkeypatch):
    server, llm = serve(protocol, lambda asked, count: (200, good(protocol)), address=around)
    monkeypatch.setenv(f"{protocol.upper()}_API_KEY", around.format(KEY))
    assert ask(llm).text == "the answer"
    headers = {name.lower(): value for name, value in server.requests[0][0].items()}
    assert headers.get("x-api-key", headers.get("authorization", "").removeprefix("Bearer ")) == KEY


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_what_a_gateway_wants_behind_the_path_is_sent_with_every_request(protocol, serve):
    server, llm = serve(protocol, lambda asked, count: (200, good(protocol)), address="{}?api-version=2&team=")
    assert ask(llm).text == "the answer"
    assert server.paths[0].endswith(("/chat/completions?api-version=2&team=", "/v1/messages?api-version=2&team="))


ADDRESSES = ["127.0.0.1:8000/v1", "localhost/v1", "http//host/v1", "http://a b/v1", "http://[::1/v1", "ftp://host/v1",
             "http://host:port/v1", "http://host/v1/chat/completions", "http://host/v1/chat/completions/", "http://",
             "http://host/v1/messages", "http://h“ost/v1"]  # fmt: skip


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_wrong_address_is_named_before_anything_is_sent(protocol, address, serve, clock):
    _, llm = serve(protocol, None, address=address)
    with pytest.raises(LLMError, match=rf"{protocol.upper()}_BASE_URL=.*: a base URL looks like http"):
        ask(llm)
    assert clock.waits == []


def test_a_key_that_no_header_carries_is_named_and_not_shown(serve, monkeypatch):
    _, llm = serve("openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secretsecret…secretsecret")
    with pytest.raises(LLMError, match="OPENAI_API_KEY holds '…', which no key has") as error:
        ask(llm)
    assert "secretsecret" not in str(error.value)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_socks_proxy_is_one_sentence_that_names_the_variable_and_the_package(variable, protocol, serve, monkeypatch):
    _, llm = serve(protocol, None)
    monkeypatch.setenv(variable, "socks5://127.0.0.1:1080")
    with pytest.raises(
        LLMError, match=rf"the proxy in {variable} cannot be used: .*'socksio' package is not installed"
    ):
        ask(llm)
    monkeypatch.setenv(variable, "nonsense://127.0.0.1:1080")
    with pytest.raises(LLMError, match=rf"the proxy in {variable} cannot be used: Unknown scheme"):
        ask(llm)
