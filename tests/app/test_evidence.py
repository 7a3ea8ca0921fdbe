"""Numbers in the tables of README.md and docs/ stand in kept files (tools/evidence.py), and a planted one is seen."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from evidence import check, is_among, numbers_in  # noqa: E402

QWEN = "results/reference/searches/nas201/cifar10/local-qwen2.5-coder-0.5b/default"


@pytest.fixture
def copy(tmp_path):
    """README, docs and what they are proved by, to be changed."""
    for name in ("docs", "tools", "benchmarks/results", "results/reference/tables", QWEN):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def plant(path, was, becomes):
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")


def test_every_number_of_the_tables_stands_in_a_kept_file():
    wrong, owed, proved = check()
    assert not wrong, "\n".join(wrong)
    assert proved > 400 and len(owed) < 35


@pytest.mark.parametrize(
    ("page", "was", "becomes"),
    [("README.md", "94.03 ± 0.32", "94.13 ± 0.32"), ("README.md", "93.59 ± 0.65", "93.59 ± 0.56"),
     ("README.md", "rank 65.1", "rank 56.1"), ("README.md", "95.39 ± 0.05", "95.93 ± 0.05"),
     ("README.md", "0.31 [0.23, 0.39]", "0.31 [0.23, 0.93]"),
     ("docs/judges.md", "0.65 [0.62, 0.69]", "0.65 [0.62, 0.96]"),
     ("docs/embedded_llm.md", "| 94.07 ± 0.32 | 91.18", "| 94.70 ± 0.32 | 91.18")],
)  # fmt: skip
def test_a_planted_number_is_found_missing(copy, page, was, becomes):
    plant(copy / page, was, becomes)
    (wrong,) = check(copy)[0]
    assert wrong.startswith(page) and "is not in" in wrong


def test_a_changed_kept_file_is_seen(copy):
    plant(copy / "results" / "reference" / "tables" / "darts_by_surrogate.csv", "95.67 ± 0.19", "95.68 ± 0.19")
    assert [sentence for sentence in check(copy)[0] if sentence.startswith("README.md") and "95.67" in sentence]


def test_a_new_row_of_measurements_needs_an_entry_and_an_entry_needs_a_row(copy):
    with (copy / "docs" / "settings.md").open("a", encoding="utf-8") as page:
        page.write("\n## Speed\n\n| what | takes |\n|---|---|\n| a search | 12.5 s |\n")
    plant(copy / "README.md", "| Does it learn from scores?", "| Does it use its scores?")
    wrong = check(copy)[0]
    assert any("docs/settings.md" in sentence and "no entry" in sentence for sentence in wrong)
    assert any("no table has a row" in sentence and "learn from scores" in sentence for sentence in wrong)


def test_a_kept_file_that_is_gone_or_has_no_such_column_is_said(copy):
    (copy / "benchmarks" / "results" / "judges.md").unlink()
    plant(copy / "results" / "reference" / "tables" / "trust.csv", "Kendall", "Pearson")
    wrong = check(copy)[0]
    assert any(sentence.startswith("docs/judges.md") and "lacks" in sentence for sentence in wrong)
    assert any(sentence.startswith("README.md") and "lacks" in sentence for sentence in wrong)


def test_numbers_are_read_as_they_are_meant():
    assert numbers_in("τ −0.06 [−0.12, 0.00] of 4,096") == ["-0.06", "-0.12", "0.00", "4096"]
    assert numbers_in("seeds 100-129 of NAS-Bench-201, CIFAR-10, α0, 3x3, `k=16`, §5.1.1") == ["100", "129"]
    assert is_among("35.4", [35.35]) and is_among("-0.06", [-0.0649]) and not is_among("35.4", [35.34])
