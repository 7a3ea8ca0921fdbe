"""Table 8: typed as printed, short trainings in columns of their own, and what a missing row takes."""

from kept import searched

from seki_lib.nn import build_language_model
from seki_lib.nn.count import parameters
from seki_lib.paper import Edition
from seki_lib.paper.table8 import CELLS
from seki_lib.profiles import get_profile
from seki_lib.report.tables import paper_table
from seki_lib.report.training_tables import PAPER_PARAMS_M, SHORT_LANGUAGE, table8, trainings
from seki_lib.spaces.darts_rnn import PUBLIC_GENOTYPES

RESULT = {
    "data": "Penn Treebank, 10,000 words", "train_words": 80_000, "valid_words": 6_000, "test_words": 6_000,
    "epochs": 1, "valid_perplexity": 429.53, "test_perplexity": 398.2, "unigram_test_perplexity": 671.26,
    "params_m": 0.732,
}  # fmt: skip


def made(tmp_path, profile):
    rows = trainings("table8", Edition(get_profile(profile), "a:1", (8,), (8,)), tmp_path)
    return table8(rows, [RESULT] * len(rows), profile)


def test_the_paper_rows_are_typed_as_printed():
    rows = paper_table(8)
    assert len(rows) == 10 and sum(value == "-" for row in rows for value in row.values()) == 1
    assert list(rows[-1].values()) == ["SEKI", "58.1", "55.69", "22", "LLM"]
    assert [row["search_method"] for row in rows] == ["manual", "RL", "RL", *["GD"] * 6, "LLM"]


def test_short_perplexities_stand_beside_the_unigram_models_and_never_in_the_papers_columns(tmp_path):
    table = made(tmp_path, "laptop")
    (row,) = [cells for label, _, cells in table.rows if label == "DARTS_V2, ours"]
    assert [cell.text for cell in row] == ["not run", "not run", "22.96", "", "429.5", "398.2", "671.3", "0.732"]
    assert list(table.columns)[4:] == list(SHORT_LANGUAGE)
    assert any("never with the paper's columns" in note for note in table.notes)


def test_the_paper_profile_has_the_papers_columns_only(tmp_path):
    table = made(tmp_path, "paper")
    assert list(table.columns) == ["valid", "test", "params_m", "search_method"]
    assert [label for label, n, _ in table.rows if n] == [f"{name}, ours" for name in CELLS["paper"]]


def test_without_a_search_the_row_says_what_it_takes_and_with_one_its_cell_is_trained(tmp_path):
    (row,) = [cells for label, _, cells in made(tmp_path, "laptop").rows if label == "SEKI, ours"]
    assert row[0].text == "not run" and "seki supernet --space darts_rnn --dataset ptb" in row[0].detail
    assert "seki search --space darts_rnn --task ptb --profile laptop" in row[0].detail
    searched(tmp_path, "laptop", "darts_rnn", "ptb", "a:1", 8, PUBLIC_GENOTYPES["DARTS_V1"], -500.0)
    rows = trainings("table8", Edition(get_profile("laptop"), "a:1", (8,), (8,)), tmp_path)
    assert rows[0].spec.name.startswith("searched-") and rows[0].spec.architecture == PUBLIC_GENOTYPES["DARTS_V1"]
    table = made(tmp_path, "laptop")
    assert [label for label, n, _ in table.rows if n] == ["SEKI, ours, a:1", "DARTS_V2, ours"]
    assert str(next(cells for label, _, cells in table.rows if label == "SEKI, ours, a:1")[3]) == "LLM [M]"


def test_the_parameters_of_the_papers_size_are_counted():
    import torch

    for name, text in PUBLIC_GENOTYPES.items():
        with torch.device("meta"):
            model = build_language_model(text, vocabulary=10_000, embedding=850, hidden=850)
        assert parameters(model) / 1e6 == PAPER_PARAMS_M[11 if name == "ENAS" else 8]
