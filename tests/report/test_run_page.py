"""A search as one page: what an LLM wrote cannot become markup, and every round is there."""

import re
from pathlib import Path

import pytest
from fakes import FakeLLM

from seki_lib import runs
from seki_lib.files.errors import RunError
from seki_lib.profiles import Profile
from seki_lib.report.run_page import run_page
from seki_lib.runs import RunSpec, search_run

KEPT = Path(__file__).parents[2] / "results" / "reference" / "searches"
PROFILE = Profile("test", rounds=4, lam=3, k=3, xi=2)
EVIL = "</pre><script>alert(1)</script>"


def made(tmp_path, monkeypatch, llm, space="nas201", task="cifar10"):
    monkeypatch.setattr(runs, "get_llm", lambda name: llm)
    return search_run(RunSpec(space, task, "fake:llm", "test", 0), PROFILE, tmp_path)


def test_the_page_of_a_search_holds_every_round_prompt_reply_and_cell(tmp_path, monkeypatch, table):
    page = run_page(made(tmp_path, monkeypatch, FakeLLM()))
    assert re.findall(r"<summary[^>]*>Round (\d)", page) == ["0", "1", "2", "3", "4"]
    assert page.count("data:image/png;base64,") == 5
    assert "To raise the accuracy, change" in page and "self-evolution" in page and "knowledge inspiration" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)  # it loads nothing


def test_what_an_llm_wrote_is_text_and_never_markup(tmp_path, monkeypatch, table):
    page = run_page(made(tmp_path, monkeypatch, FakeLLM(EVIL)), drawn=False)
    assert "<script" not in page and "&lt;/pre&gt;&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("space", ["trans101/jigsaw", "darts_rnn/ptb", "nas201/cifar10"])
def test_kept_searches_of_other_spaces_have_a_page(space):
    folder = KEPT / space / "local-smollm2-135m" / "default" / "seed=8"
    assert run_page(folder, drawn=False).count("<details") >= 31


def test_a_fork_says_where_its_first_rounds_are():
    (folder, *_) = sorted(path.parent for path in KEPT.glob("darts/**/fork.json"))
    assert "This run goes on from round" in run_page(folder, drawn=False)


def test_a_folder_without_a_search_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(RunError, match="holds no search"):
        run_page(tmp_path)
