"""The one page: what it holds, that nothing an LLM said becomes part of it, and that it is sound without a browser."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from kept import rounds_and_calls
from PIL import Image

from seki_lib.files.errors import RunError
from seki_lib.report import page as module
from seki_lib.report.page import LIMIT, page, write_page
from seki_lib.report.tables import REMARK, Cell, Table, not_run
from seki_lib.report.verdicts import beside_paper, machines, verdict

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
EVIL = '<script>alert("1")</script><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "input", "link", "br"}


class Read(HTMLParser):
    """A page as its tags: those that are open stand on a stack, so that one that is never closed is seen."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]

    def all(self, attribute):
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def search(folder, variant="default", reply="large", rounds=3, fork=None):
    """A finished search, as a run leaves it."""
    run = folder / "searches" / "nas201" / "cifar10" / "fake-llm" / variant / "seed=8"
    run.mkdir(parents=True)
    described = {"space": "nas201", "task": "cifar10", "llm": "fake:llm", "variant": variant, "seed": 8}
    config = {"run": described, "llm": {"name": "fake:llm"}, "data": {"sentence": "a table"}, "version": "9"}
    (run / "config.json").write_text(json.dumps(config))
    result = {"architecture": "|cell|", "round": 1, "score": 90.5, "evaluations": rounds + 1}
    (run / "result.json").write_text(json.dumps(result))
    history, calls = [], []
    for number in range(rounds + 1):
        stage = "self_evolution" if number else "alpha0"
        how = "llm" if number else "alpha0"
        history.append({"round": number, "stage": stage, "architecture": "|cell|", "score": 90.5 - number, "how": how})
        if number:
            asked = [{"role": "user", "content": f"prompt {number} {EVIL}"}]
            place = {"round": number, "stage": "refine", "attempt": 0, "key": str(number), "messages": asked}
            used = {"usage": {"prompt_tokens": 7, "completion_tokens": 2}, "seconds": 0.5, "dollars": 0.25}
            calls.append(place | used | {"reply": f"{reply} {number}"})
    rounds_and_calls(run, history, calls)
    if fork:
        (run / "fork.json").write_text(json.dumps(fork))
    return run


@pytest.fixture
def folder(tmp_path):
    """A profile's folder with a table, a figure and a search."""
    home = tmp_path / "laptop"
    table = Table("table3", "Table 3. A title", {"a": "CIFAR-10 test", "b": "b & c"}, notes=["a <note>"])
    table.add("SEKI", {"a": Cell("94.34±0.35", "paper"), "b": Cell("1.0", "paper")})
    table.add("SEKI, ours, fake:llm", {"a": Cell("93.84±0.34", "measured", "4 seeds"), "b": not_run("a GPU")}, n=4)
    table.write(home / "tables")
    (home / "figures").mkdir()
    Image.new("RGBA", (40, 30), "white").save(home / "figures" / "figure1.png")
    search(home)
    return home


def test_whatever_an_llm_said_is_text(folder):
    search(folder, "evil", reply=EVIL)
    read = Read(page(folder))
    assert sum(tag == "script" for tag, _ in read.tags) == 1
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)
    assert sum(EVIL in words for words in read.words) == 9  # three prompts of each search and three replies


def test_the_page_holds_prompts_replies_cells_scores_and_how_each_cell_came_about(folder):
    text = " ".join(" ".join(Read(page(folder)).words).split())
    assert "Round 2, self-evolution: 88.50 (-1.00), best so far 90.50 (llm)" in text
    assert "How it came about: the first reply was read, and its cell was new. The cell: |cell|" in text
    assert "prompt 2" in text and "large 2" in text
    assert "fake:llm 1 3 21 6 2 0.7500" in text  # searches, calls, tokens, seconds, dollars
    assert "arXiv:2502.20422" in text and "Not run: a GPU." in text
    assert "CIFAR-10 test 94.34±0.35 93.84±0.34 [M] -0.50 SEKI, ours, fake:llm measured: 4 seeds" in text


def test_a_fork_shows_its_own_rounds_and_leads_to_those_that_it_shares(folder):
    fork = {"of": "laptop/searches/nas201/cifar10/fake-llm/default/seed=8", "round": 2}
    search(folder, "lam=2", reply="other", fork=fork)
    read = Read(page(folder))
    assert sum(word.startswith("other") for word in read.words) == 1
    assert {"href": "#searches-nas201-cifar10-fake-llm-default-seed-8"} in read.of("a")
    assert "fake:llm 2 4 28 8 2 1.0000" in " ".join(" ".join(read.words).split())  # shared calls count once


def test_what_finds_no_room_is_left_out_and_said(folder, monkeypatch):
    whole = page(folder)
    search(folder, "long", reply="x" * 40_000)
    monkeypatch.setattr(module, "LIMIT", len(whole) + 30_000)
    monkeypatch.setattr(module, "FIGURES", 10)
    smaller = page(folder)
    assert len(smaller.encode()) <= module.LIMIT
    assert "large 2" in smaller and "xxxx" not in smaller and "data:image" not in smaller
    assert smaller.count("this page would be too large with") == 2


def check(text):
    """What holds of every page, read without a browser."""
    read = Read(text)
    ids = read.all("id")
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in read.of("a") if link["href"].startswith("#")} <= set(ids)
    assert {label for labels in read.all("aria-labelledby") for label in labels.split()} <= set(ids)
    assert all(image["alt"] and image["src"].startswith("data:image/") for image in read.of("img"))
    assert not read.of("link", "iframe", "object") and all("src" not in script for script in read.of("script"))
    assert {link["href"] for link in read.of("a") if "#" not in link["href"]} == {"https://arxiv.org/abs/2502.20422"}
    assert all(header.get("scope") for header in read.of("th"))
    assert read.of("html")[0]["lang"] == "en" and len(text.encode()) <= LIMIT
    return read


def test_a_small_page_is_sound(folder):
    assert check(write_page(folder).read_text()).of("img")


def test_the_page_of_the_kept_run_is_sound_and_holds_every_value_of_its_tables():
    read = check(page(REFERENCE))
    words = {word.strip() for word in read.words}
    for path in sorted((REFERENCE / "tables").glob("*.csv")):
        table = Table.read(path)
        assert {cell.text for _, _, cells in table.rows for cell in cells if cell.text} <= words
        assert {label for label, *_ in table.rows} <= words
    assert len(read.of("img")) == len(list((REFERENCE / "figures").glob("*.png")))


def test_the_same_files_give_the_same_page(folder):
    assert page(folder) == page(folder)


def test_a_folder_without_tables_says_what_comes_next(tmp_path):
    with pytest.raises(RunError, match="make reproduce"):
        page(tmp_path)


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = Table("t", "A title", {"a": "acc", "l": "loss"}, notes=["a note", "[not a legend] but a note"])
    table.add("theirs", {"a": Cell("1.0", "paper"), "l": Cell("in words", REMARK)})
    table.add("ours", {"a": Cell("2.0", "replayed", "4 seeds: 8"), "l": not_run("a GPU")}, 4, [{"mostly_fallback": 1}])
    read = Table.read(table.write(tmp_path)[0])
    assert (read.name, read.title, read.rows, read.notes) == (table.name, table.title, table.rows, table.notes)
    (tmp_path / "t.csv").write_text("row,n,acc,acc provenance\nours,4,2.0\n")
    with pytest.raises(RunError, match="3 fields, its head has 4"):
        Table.read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("row,n,acc,acc provenance\nours,4,2.0,guessed\n")
    with pytest.raises(RunError, match="says that it is guessed"):
        Table.read(tmp_path / "t.csv")


def table3(ours, random="93.62±0.36", n=30):
    table = Table("table3", "Table 3", {"a": "CIFAR-10 test"})
    table.add("SEKI", {"a": Cell("94.34±0.35", "paper")})
    table.add("SEKI, ours, x", {"a": Cell(ours, "measured")}, n)
    table.add("Random search, ours", {"a": Cell(random, "measured")}, 2000)
    return table


@pytest.mark.parametrize(
    ("ours", "n", "said"),
    [("94.03±0.32", 30, "better"), ("93.66±0.32", 30, "undecided"), ("93.20±0.32", 30, "worse"),
     ("94.30±0.30", 4, "better"), ("94.37±0.00", 4, "no spread"), ("94.30±0.01", 2, "Too few seeds"),
     ("94.30", 1, "Too few seeds to decide")],
)  # fmt: skip
def test_better_than_random_search_is_said_only_beyond_the_interval(ours, n, said):
    assert said in verdict(table3(ours, n=n))[-1]


def test_a_table_beyond_the_paper_says_what_it_says_of_itself():
    table = Table("surrogate", "T", {"a": "a judge, minus random search's of the same seed"})
    table.add("SEKI, ours, x", {"a": Cell("+0.32 ± 0.48 (n = 4)", "measured")}, 4)
    said = "x: a judge, minus random search's of the same seed: +0.32 ± 0.48 (n = 4)."
    assert verdict(table) == [said, "Cells: 1 measured."]
    table.notes = ["On DARTS f orders cells with τ 0.1."]
    assert verdict(table) == table.notes


def test_a_shorter_budget_gives_no_difference_to_the_paper():
    table = table3("94.03±0.32")
    assert verdict(table)[0].startswith("Run with fewer evaluations than the paper's, by x; the paper asks Qwen2.5-32B")
    assert not any("minus" in sentence for sentence in verdict(table))
    table.add("SEKI, ours − the paper's, x", {"a": Cell("-0.31", "measured")}, 30)
    assert (
        verdict(table)[0].startswith("Run with the paper's evaluations, by x")
        and "CIFAR-10 test -0.31" in verdict(table)[2]
    )
    assert [pair.difference for pair in beside_paper(table)] == ["-0.31"]


def test_the_machines_behind_a_table_are_read_off_it():
    notes = ["Trained on A, AVX2, torch 2.1+cpu; B @ 2.2GHz, torch 2.2. Another type rounds otherwise."]
    table = Table("t", "T", {"a": "a"}, notes=notes)
    table.add("row", {"a": Cell("1", "measured", "f; of the batch; supernet of seed 0, trained on C, torch 2.3+cpu")})
    assert machines(table) == {"A, AVX2, torch 2.1+cpu", "B @ 2.2GHz, torch 2.2", "C, torch 2.3+cpu"}
