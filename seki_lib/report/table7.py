"""Table 7: different LLMs. The paper's rows beside ours, for every LLM that a finished search is there for.

The paper's columns are DARTS cells trained from scratch: ours stand in them in the profile `paper` only, and in a short
protocol's column of their own elsewhere. Beside the accuracy of the NAS-Bench-201 searches stands what the LLM's
replies were like and what a search took.
"""

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files.errors import InvalidArchitecture
from ..files.jsonl import read_lines
from ..llm.gguf import GGUFS, gigabytes
from ..llm.local import MARGIN
from ..llm.prices import as_of, price_of
from ..llm.transcript import recorded_calls, totals
from ..results import Home, by_llm
from ..spaces import get_space
from ..training.protocol import TrainingSpec, dataset_at_hand, get_protocol, named_architecture
from .how import how_notes, words
from .paper import paper_table
from .tables import Cell, Table, mean_std

PAPER_COLUMNS = {"cifar10_test": "CIFAR-10", "cifar100_test": "CIFAR-100", "imagenet_test": "ImageNet-1K"}
SHOWN = ("llm", "repaired", "resampled", "edited", "fallback")  # keys of HOW, a column each
OURS = (
    "NAS-Bench-201: CIFAR-10 test", "valid at first try", "unreadable replies", "known cells", *SHOWN, "calls",
    "tokens", "seconds", "dollars",
)  # fmt: skip
SHORT = "short: DARTS, test"  # the same cells by the short protocol of a profile that is not `paper`
DATASETS = {"cifar10_test": "cifar10", "cifar100_test": "cifar100", "imagenet_test": "imagenet"}
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
EXPECTED = ("local:qwen2.5-32b", "openai:gpt-4o-mini", "anthropic:claude-haiku-5-5", *(
    f"local:{name}" for name in reversed(GGUFS) if name != "qwen2.5-32b"
))  # fmt: skip
"""LLMs that stand in the table even without a search: the paper's two first."""


def searched_by_llm(results: Path, profile: str, space: str = "nas201") -> dict[str, list[Path]]:
    """The folders of finished searches with default settings, by the name of their LLM."""
    found = by_llm(Home(results, profile).finished_searches(space, "cifar10"))
    return {llm: [search.folder for search in searches] for llm, searches in found.items()}


def reply_counts(folder: Path) -> dict[str, float]:
    """What the LLM's architecture replies of a run were like.

    first_valid: share of rounds whose first reply could be read, in %; unreadable: replies that could not; known:
    readable ones of a class that was evaluated in an earlier round. Then the rounds by how their cell came about, in
    the words of HOW.
    """
    config = _config(folder)
    space, notation = get_space(config["run"]["space"]), config["search"]["notation"]
    history = list(read_lines(folder / "history.jsonl"))
    counts: Counter[str] = Counter()
    for call in recorded_calls(folder / "transcript.jsonl"):
        if call["stage"] not in ("refine", "inspire"):
            continue
        seen = {record["canonical"] for record in history[: call["round"]]}
        try:
            arch = space.read(call["reply"], notation)
        except InvalidArchitecture:
            counts["unreadable"] += 1
            continue
        counts["first"] += call["attempt"] == 0
        counts["known"] += space.format(space.canonical(arch)) in seen
    first = 100 * counts["first"] / (len(history) - 1)
    came = Counter(how for _, how in words(folder))
    replies = {"first_valid": first, "unreadable": counts["unreadable"], "known": counts["known"]}
    return replies | {how: came[how] for how in SHOWN}


def what_it_takes(llm: str, tokens: dict[str, float] | None = None) -> str:
    """What a search with this LLM needs that is not there. tokens: of a measured search, for a price."""
    provider, _, model = llm.partition(":")
    if model in GGUFS:
        size = GGUFS[model].size
        return f"{gigabytes(size)} to download, {gigabytes(size * MARGIN)} of memory"
    price = price_of(llm)
    if price and tokens:
        dollars = price.dollars({kind: round(count) for kind, count in tokens.items()})
        return f"{KEYS[provider]}, about ${dollars:.3f} a search"
    return f"{KEYS[provider]}, see docs/cost.md" if provider in KEYS else "an LLM that answers"


def table7(results: Path, profile: str) -> Table:
    """The table of a profile's finished searches."""
    searches, darts_searches = (searched_by_llm(results, profile, space) for space in ("nas201", "darts"))
    short = [] if profile == "paper" else [SHORT]
    columns = [*(f"{name} (DARTS)" for name in PAPER_COLUMNS.values()), *short, *OURS]
    table = Table("table7", f"Table 7. Different LLMs, top-1 test accuracy (%), profile {profile}", columns)
    for row in paper_table(7):
        cells = [Cell(row[column], "paper") for column in PAPER_COLUMNS]
        table.add(f"{row['base_model']}", cells + [Cell("", "paper", "the paper does not say")] * len([*short, *OURS]))
    measured: dict[str, float] | None = None
    for llm in [*searches, *(name for name in darts_searches if name not in searches)]:
        found = darts_searches.get(llm, [])
        if not (folders := searches.get(llm, [])):
            missing = Cell("not run", "not run", f"seki search --llm {llm} --profile {profile}")
            cells = [*darts_cells(results, profile, llm, found), *[missing] * len(OURS)]
            table.add(f"SEKI, ours, {llm}", cells, len(found), _results(found))
            continue
        cells = darts_cells(results, profile, llm, found) + _measured(llm, folders)
        table.add(f"SEKI, ours, {llm}", cells, len(folders), _results([*folders, *found]))
        if _config(folders[0])["llm"]["templates"] == "full":  # as hosted LLMs are asked
            measured = measured or _tokens(folders)
    for llm in EXPECTED:
        if llm not in searches and llm not in darts_searches:
            needs = what_it_takes(llm, measured)
            rest = [Cell("", "not run", needs)] * (len(OURS) - 1)
            table.add(
                f"SEKI, ours, {llm}",
                [*darts_cells(results, profile, llm, []), Cell(f"not run ({needs})", "not run", needs), *rest],
            )
    table.notes = [
        "The columns marked DARTS are cells of that space, trained from scratch. Those from NAS-Bench-201 on are of "
        "our searches there: the final cell of each, chosen by CIFAR-10 validation. The two cannot be compared.",
        *darts_notes(results, profile, darts_searches),
        "Per search: share of rounds whose first architecture could be read; replies that could not be read; replies "
        "that could, but whose cell was evaluated in an earlier round.",
        *how_notes([folder for folders in searches.values() for folder in folders]),
        f"Dollars by the prices of {as_of()}. What a search would cost elsewhere is taken from the tokens of a search "
        "here that was asked with the same templates, if there is one; docs/cost.md has such a measurement.",
        *(_note(llm, folders) for llm, folders in searches.items()),
    ]
    return table


def darts_cells(results: Path, profile: str, llm: str, searches: Sequence[Path]) -> list[Cell]:
    """One LLM's columns of the DARTS space: the cell of its best search there, by the final training.

    searches: its finished ones. The paper's columns are filled in the profile `paper`; in another one its short
    protocol fills a column of its own.
    """
    short = profile != "paper"
    paper = "600 epochs on a GPU: make reproduce PROFILE=paper"
    cells = [
        Cell("not run", "not run", paper) if short else _trained(results, profile, llm, searches, DATASETS[key])
        for key in PAPER_COLUMNS
    ]
    if short:
        at_hand = dataset_at_hand("cifar10", get_protocol(profile))
        cells.append(_trained(results, profile, llm, searches, at_hand))
    return cells


def darts_notes(results: Path, profile: str, searches: dict[str, list[Path]]) -> list[str]:
    """What a reader must know of the DARTS columns: which search each LLM's cell is of, and by which protocol."""
    notes = [
        f"DARTS, {llm}: the cell of {_best(folders).name}, the best f(α) of {len(folders)} finished search(es)."
        for llm, folders in searches.items()
    ]
    for llm, folders in searches.items():
        needed = [cell.detail for cell in darts_cells(results, profile, llm, folders)]
        notes += [f"To train it: {detail}" for detail in needed if detail.startswith("seki train")]
    if profile != "paper":
        config = get_protocol(profile)
        notes.append(
            f"{SHORT}: a short protocol ({config.channels} channels, {config.layers} cells, {config.epochs} epochs) "
            "that compares with itself only, never with the paper's columns."
        )
    return notes


def _best(searches: Sequence[Path]) -> Path:
    """The search with the highest score, the first by name on ties."""
    return min(searches, key=lambda folder: (-json.loads((folder / "result.json").read_text())["score"], str(folder)))


def _trained(results: Path, profile: str, llm: str, searches: Sequence[Path], dataset: str) -> Cell:
    """Accuracy after the last epoch, over the seeds of the training, of the cell that an LLM found."""
    if not searches:
        needs = f"seki supernet --profile {profile}, then seki search --space darts --llm {llm} --profile {profile}"
        return Cell("not run", "not run", needs)
    best = _best(searches)
    name, text = named_architecture(str(best))
    where = TrainingSpec(name, text, dataset, profile).folder(results).parent
    trained = [json.loads(path.read_text()) for path in sorted(where.glob("seed=*/result.json"))]
    if not trained:
        arch = best.relative_to(results).as_posix()
        needs = f"seki train --arch <results>/{arch} --dataset {dataset} --profile {profile}"
        return Cell("not run", "not run", needs)
    detail = f"{len(trained)} training(s) of {name}, {trained[0]['epochs']} epochs, last epoch; {trained[0]['data']}"
    return Cell(mean_std([100 - result["last_test_error"] for result in trained]), "measured", detail)


def _measured(llm: str, folders: Sequence[Path]) -> list[Cell]:
    results = _results(folders)
    config = _config(folders[0])
    counts = [reply_counts(folder) for folder in folders]
    took = [totals(folder / "transcript.jsonl") for folder in folders]
    provenance = "replayed" if llm.startswith("replay:") else "measured"
    detail = f"{len(folders)} searches of {results[0]['evaluations']} evaluations; {config['data']['sentence']}"

    def mean(values: Sequence[float], digits: int = 1) -> Cell:
        return Cell(f"{statistics.fmean(values):.{digits}f}", provenance, detail)

    tests = [result["final"].get("cifar10_test") for result in results]
    dollars = [t["dollars"] for t in took]
    return [
        Cell("not run", "not run", "the table at hand has no such column")
        if None in tests
        else Cell(mean_std(tests), provenance, detail),
        Cell(f"{statistics.fmean(c['first_valid'] for c in counts):.0f} %", provenance, detail),
        *(mean([c[kind] for c in counts]) for kind in ("unreadable", "known", *SHOWN)),
        mean([t["calls"] for t in took]),
        mean([sum(t["tokens"][kind] for kind in ("prompt_tokens", "completion_tokens")) for t in took], 0),
        mean([t["llm_seconds"] for t in took], 0),
        Cell("price not known", provenance, detail) if None in dollars else mean(dollars, 4),
    ]


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def _results(folders: Sequence[Path]) -> list[dict[str, Any]]:
    return [json.loads((folder / "result.json").read_text()) for folder in folders]


def _tokens(folders: Sequence[Path]) -> dict[str, float]:
    took = [totals(folder / "transcript.jsonl")["tokens"] for folder in folders]
    return {kind: statistics.fmean(t[kind] for t in took) for kind in ("prompt_tokens", "completion_tokens")}


def _note(llm: str, folders: Sequence[Path]) -> str:
    config = _config(folders[0])
    search, seeds = config["search"], [folder.name.partition("=")[2] for folder in folders]
    return (
        f"{llm}: seeds {', '.join(seeds)}, notation {search['notation']}, templates {config['llm']['templates']}, "
        f"strategy {search['strategy']}; {config['data']['sentence']}."
    )
