"""A real server: the embedded model behind its own OpenAI-compatible endpoint, driven by `openai:` over HTTP."""

import json

import pytest

from seki_lib import get_space
from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import get_llm
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=2, lam=1, k=2, xi=2)


@pytest.fixture
def endpoint(embedded, monkeypatch):
    url, key = f"{embedded._server.listening_address}/v1", embedded._key
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    return key


def run(llm, results, **changes):
    return search_run(RunSpec("nas201", "cifar10", llm, "test", 0), PROFILE, results, **changes)


def test_a_search_over_http_is_equal_in_form_to_one_in_process(endpoint, table, tmp_path):
    over_http = run("openai:smollm2-135m", tmp_path, critique_tokens=8, samples=1)
    in_process = run("local:smollm2-135m", tmp_path)
    space = get_space("nas201")
    for name in ("history.jsonl", "transcript.jsonl"):
        theirs, ours = (list(read_lines(folder / name)) for folder in (over_http, in_process))
        assert set(theirs[-1]) - {"request_id"} == set(ours[-1])
    assert [line["round"] for line in read_lines(over_http / "history.jsonl")] == [0, 1, 2]
    assert all(space.parse(line["architecture"]) for line in read_lines(over_http / "history.jsonl"))
    results = [json.loads((folder / "result.json").read_text()) for folder in (over_http, in_process)]
    assert set(results[0]) == set(results[1]) and results[0]["failed"] == 0
    assert results[0]["dollars"] is None and results[1]["dollars"] == 0
    assert set(results[0]["tokens"]) >= set(results[1]["tokens"])
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert endpoint not in written


def test_a_real_server_with_another_key_refuses_and_is_asked_once(endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-the-key")
    with pytest.raises(LLMError, match=r"the key in OPENAI_API_KEY was refused: .*Invalid API Key"):
        get_llm("openai:smollm2-135m").complete([{"role": "user", "content": "Hello"}])
