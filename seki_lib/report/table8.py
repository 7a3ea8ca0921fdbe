"""Table 8: language models on the Penn Treebank, the paper's rows beside ours.

Only the profile `paper` trains as DARTS does. In every other profile ours are *short protocol* rows, in columns of
their own, with the unigram model's perplexity beside them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..paper import Edition
from ..paper import table8 as declared
from ..spaces import get_space
from ..training.language_protocol import LanguageModelConfig, language_protocol
from ..training.protocol import SupernetSpec, TrainingSpec
from .ours import BLANK, Row, found_rows, known_rows, notes_on
from .paper import paper_table
from .tables import Cell, Table

COLUMNS = ("valid", "test", "params_m", "search_method")
HEADINGS = ("Validation perplexity", "Test perplexity", "Params (M)", "Search method")
SHORT_HEADINGS = (
    "short: validation perplexity",
    "short: test perplexity",
    "short: test perplexity of the unigram model",
    "short: Params (M)",
)
PAPER_PARAMS_M = {8: 22.96, 11: 27.295}  # by nodes, at 850 units and 10,000 words; tests/nn/test_rnn.py counts them


def trainings(edition: Edition, results: Path) -> list[Row]:
    """Every training of Table 8; the cells that LLMs found come first."""
    return [*found_rows(declared.found, edition, results), *known_rows(declared.known(edition), edition)]


def table8(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """The table. rows and results: finished trainings of one profile, in the same order."""
    full, config = profile == "paper", language_protocol(profile)
    title = f"Table 8. Language models on the Penn Treebank, profile {profile}"
    table = Table("table8", title, HEADINGS if full else (*HEADINGS, *SHORT_HEADINGS))
    for printed in paper_table(8):
        cells = [Cell(printed[column], "paper") for column in COLUMNS]
        table.add(printed["architecture"], cells + ([] if full else [Cell("", "paper")] * 4))
    if not any(row.label.startswith("SEKI") for row in rows):
        missing = Cell("not run", "not run", f"no search of recurrent cells has finished; {_how_to_search(profile)}")
        table.add("SEKI, ours", [missing] * 3 + [Cell("LLM", "not run")] + ([] if full else [missing] * 4))
    for row, result in zip(rows, results, strict=True):
        cells = _full(result) if full else _unpaid(row.spec) + _short(result, config)
        table.add(
            row.label, [*cells[:3], Cell("LLM", "measured") if row.search else BLANK, *cells[4:]], 1, row.searched
        )
    table.notes = [*_notes(results[0], config, profile), *notes_on(rows, results)]
    return table


def _how_to_search(profile: str) -> str:
    supernet = SupernetSpec("darts_rnn", "ptb", profile).command()
    return f"it takes: {supernet}, then: seki search --space darts_rnn --task ptb --profile {profile}"


def _detail(result: dict[str, Any]) -> str:
    return f"{result['data']}; {result['train_words']:,} training words, {result['epochs']} epochs; the best epoch's"


def _full(result: dict[str, Any]) -> list[Cell]:
    valid, test = (
        Cell(f"{result[f'{part}_perplexity']:.2f}", "measured", _detail(result)) for part in ("valid", "test")
    )
    return [
        valid,
        test,
        Cell(f"{result['params_m']:.2f}", "measured", "encoder and decoder share their weights"),
        BLANK,
    ]


def _unpaid(spec: TrainingSpec) -> list[Cell]:
    """The paper's columns in a short profile: the parameters are known, the perplexities would take a GPU and days."""
    missing = Cell("not run", "not run", "8,000 epochs on a GPU: make reproduce PROFILE=paper")
    params = PAPER_PARAMS_M[len(get_space(spec.space).parse(spec.architecture).recurrent)]
    return [missing, missing, Cell(f"{params:.2f}", "measured", "counted at the paper's size, 850 units"), BLANK]


def _short(result: dict[str, Any], config: LanguageModelConfig) -> list[Cell]:
    unigram = "counts of the whole training text, the same test words"
    return [
        Cell(f"{result['valid_perplexity']:.1f}", "measured", _detail(result)),
        Cell(f"{result['test_perplexity']:.1f}", "measured", _detail(result)),
        Cell(f"{result['unigram_test_perplexity']:.1f}", "measured", unigram),
        Cell(f"{result['params_m']:.3f}", "measured", f"{config.hidden} units"),
    ]


def _notes(result: dict[str, Any], config: LanguageModelConfig, profile: str) -> list[str]:
    notes = [
        f"Ours: {result['data']}; {result['train_words']:,} training, {result['valid_words']:,} validation and "
        f"{result['test_words']:,} test words. Test values are of the epoch that is best on the validation text.",
        "The paper heads its columns \"Perplexity(%)\" and one row \"DARTS(2st)\"; a perplexity is no percentage. "
        "22 M parameters, as it prints for SEKI, are fewer than any cell of 8 nodes has at 850 units (22.96 M).",
    ]  # fmt: skip
    if profile != "paper":
        notes.append(
            f"Short protocol: {config.hidden} units, {config.epochs} epoch{'s' * (config.epochs > 1)}, batch "
            f"{config.batch}. These perplexities compare with each other and with the unigram model's only, never with "
            "the paper's columns."
        )
    return notes
