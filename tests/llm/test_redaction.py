"""Keys are planted everywhere, and looked for in everything that a run writes and says."""

import base64
import logging

import pytest
from loopback import KEY, status

from seki_lib.files.errors import LLMError
from seki_lib.llm import get_llm, redaction
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=3, lam=2, k=3, xi=2)
PLANTED = {
    "in the URL": "hunter2-planted-in-the-url",
    "in the query": "query-planted-9f8e7d6c",
    "in a header": "header-planted-5a4b3c2d",
    "elsewhere in the environment": "env/planted+secret=0001",
}


def echo_everything(server, handler, body):
    """An error that hands back what it was sent, headers and path included, as some gateways do."""
    server.send(handler, 500, {"error": {"message": f"bad gateway for {handler.path} with {dict(handler.headers)}"}})


def plant(server, monkeypatch):
    address = server.url.replace("http://", f"http://user:{PLANTED['in the URL']}@")
    monkeypatch.setenv(f"{server.protocol.upper()}_BASE_URL", f"{address}?key={PLANTED['in the query']}")
    monkeypatch.setenv(f"{server.protocol.upper()}_CUSTOM_HEADERS", f"X-Gateway: {PLANTED['in a header']}")
    monkeypatch.setenv("SOME_SECRET_TOKEN", PLANTED["elsewhere in the environment"])


def leaked(text):
    encoded = base64.b64encode(f"user:{PLANTED['in the URL']}".encode()).decode()
    return [name for name, key in {"key": KEY, "basic": encoded, **PLANTED}.items() if key in text]


def test_no_planted_key_is_in_anything_that_a_run_writes_or_says(
    server, clock, table, tmp_path, monkeypatch, capfd, caplog
):
    plant(server, monkeypatch)
    caplog.set_level(logging.DEBUG)
    secret = PLANTED["elsewhere in the environment"]
    answer = server.reply
    server.reply = lambda messages, schema: answer(messages, schema) if schema else f"Use {KEY} and {secret}."
    server.faults = [echo_everything, None, echo_everything]
    folder = search_run(RunSpec("nas201", "cifar10", server.name, "test", 0), PROFILE, tmp_path, on_step=print)
    server.faults = [echo_everything] * 100
    with pytest.raises(LLMError) as error:
        get_llm(server.name, clock=clock, time_limit=5).complete([{"role": "user", "content": "?"}])
    server.faults = [status(401, f"Incorrect API key provided: {KEY}")]
    with pytest.raises(LLMError) as refused:
        get_llm(server.name, clock=clock).complete([{"role": "user", "content": "?"}])
    written = {str(path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    said = dict(zip(("stdout", "stderr"), capfd.readouterr(), strict=True))
    said |= {"log": caplog.text, "error": str(error.value), "refused": str(refused.value)}
    assert "HTTP Request" in said["log"]
    assert {name: leaked(text) for name, text in (written | said).items() if leaked(text)} == {}
    assert redaction.HIDDEN in (folder / "transcript.jsonl").read_text()
    assert error.value.__suppress_context__ and refused.value.__suppress_context__


def test_a_reply_that_holds_a_key_reads_the_same_before_and_after_a_restart(server, clock, tmp_path):
    from seki_lib.llm.transcript import Recorder

    server.reply = lambda messages, schema: f"the key is {KEY}"
    path, question = tmp_path / "transcript.jsonl", [{"role": "user", "content": "?"}]
    first = Recorder(path, get_llm(server.name, clock=clock)).complete(question, seed=1)
    assert first.text == f"the key is {redaction.HIDDEN}"
    assert Recorder(path, None).complete(question, seed=1) == first


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghij0123456789",
        "https://me:password1@host/v1",
        "https://host/v1?api_key=abcdefgh",
        "sk-proj-abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_key_is_hidden_whoever_it_belongs_to(text):
    assert redaction.HIDDEN in redaction.redact(text)
    assert not any(word in redaction.redact(text) for word in ("abcdefgh", "password1"))


def test_ordinary_words_are_left_alone(monkeypatch):
    monkeypatch.setenv("MAX_TOKENS", "100000000")
    text = "Replace edge 3, skip_connect, by nor_conv_3x3: 100000000 tokens, a basic idea, task-oriented"
    assert redaction.redact({"a": [text]}) == {"a": [text]}


WORDS = [
    "build a basic convolutional path",
    "bearer of information",
    "the bearer representations, a basic regularization-by-noise3x3",
    "sk-connect-everything",
    "sk-skip-connect-3x3-then-pool",
    "sk_connect_everything, hf_model_of_convolutions, r8_residual_connections",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|",
    "results/laptop/searches/nas201/cifar10/openai-gpt-4o-mini-2026-01-01/default",
    "authorization: who may write here",
    "an api-key: none",
    "Genotype(normal=[('sep_conv_3x3', 0), ('dil_conv_5x5', 1)], normal_concat=[2, 3, 4, 5])",
    "a basic overparameterization, basic DownsamplingThenUpsampling",
]


@pytest.mark.parametrize("text", WORDS)
def test_what_somebody_wrote_stays_as_it_is(text):
    assert redaction.redact(text) == text


KEYS = {
    "OpenAI": "sk-proj-Zk3vJ8xQ2mW9_aB4cD5eF6gH7iJ8kL9mN0oP1qR2sT3",
    "OpenAI, old": "sk-" + "a1B2c3D4" * 6,
    "Anthropic": "sk-ant-api03-Xy7Kp2Lm9Qr4St6Uv8Wx0Yz1Ab3Cd5Ef-Gh7Ij9Kl1AA",
    "OpenRouter": "sk-or-v1-" + "0f3a" * 16,
    "Hugging Face": "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
    "Google": "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS, secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "GitHub": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "GitHub, fine": "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789abcdefghijklmnop",
    "Groq": "gsk_9Zt3Qw7Lk2Jh5Gf8Ds1Ap4Mn6Bv0Cx3Zl7Kj2Hg",
    "a web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "Bearer": "Bearer 9f86d081884c7d659a2feaa0c55ad015",
    "Basic": "Basic dXNlcjpwYXNz",
    "header": "{'x-api-key': 'abcdefghijk'}",
    "URL": "https://someone:pa55word@host/v1",
    "query": "http://host/v1?key=abcdefghij",
}


@pytest.mark.parametrize("name", KEYS)
def test_what_is_as_long_and_random_as_a_key_is_hidden(name):
    said = redaction.redact(f"It was refused: {KEYS[name]}, sorry.")
    assert redaction.HIDDEN in said and said.startswith("It was refused: ") and said.endswith("sorry.")
    assert not any(piece in said for piece in KEYS[name].replace("'", " ").replace("/", " ").split() if len(piece) > 9)


def test_a_variable_that_holds_words_hides_none(monkeypatch):
    monkeypatch.setenv("MY_KEY", "skip_connect")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Convolution 3x3")
    monkeypatch.setenv("KEYBOARD_LAYOUT", "nor_conv_3x3")
    monkeypatch.setenv("DEPLOY_TOKEN", "Tr0ub4dor&3xyz")
    assert (
        redaction.redact("skip_connect, Convolution 3x3, nor_conv_3x3") == "skip_connect, Convolution 3x3, nor_conv_3x3"
    )
    assert redaction.redact("Tr0ub4dor&3xyz") == redaction.HIDDEN


@pytest.mark.parametrize("value", ['"topsecretvalue-one"', "“topsecretvalue-one”", " topsecretvalue-one\n"])
def test_a_key_is_hidden_as_it_is_sent(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert "topsecret" not in redaction.redact("Incorrect API key provided: topsecretvalue-one")
    monkeypatch.setenv("OPENAI_API_KEY", "123456789012")
    assert redaction.redact("key 123456789012") == "key [secret]"
    monkeypatch.setenv("OPENAI_API_KEY", "none")  # what servers of one's own are given
    assert redaction.redact("none, skip") == "none, skip"


@pytest.mark.parametrize("before", [0, 39, 60, 75])
def test_a_key_is_hidden_before_a_text_is_cut(before, server, clock):
    def login_page(loopback, handler, body):
        page = ("<html>" + "x" * before + KEY + "</html>").encode()
        handler.send_response(200)
        handler.send_header("content-type", "text/html")
        handler.send_header("content-length", str(len(page)))
        handler.end_headers()
        handler.wfile.write(page)

    server.faults = [login_page] * 5
    with pytest.raises(LLMError) as caught:
        get_llm(server.name, clock=clock).complete([{"role": "user", "content": "x"}])
    assert not [length for length in range(8, len(KEY) + 1) if KEY[:length] in str(caught.value)]
