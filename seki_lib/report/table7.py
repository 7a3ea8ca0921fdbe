"""Table 7: different LLMs. The paper's rows beside ours, for every LLM that a finished search is there for.

The paper's columns are DARTS cells trained from scratch: ours stand in them in the profile `paper` only, and in a short
protocol's column of their own elsewhere. Beside the accuracy of the NAS-Bench-201 searches stands what the LLM's
replies were like and what a search took.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from statistics import fmean
from typing import Any

from ..baseline_runs import arm_runs, baseline_runs
from ..evaluators import get_evaluator
from ..evaluators.surrogate import NOT_AN_ACCURACY
from ..evaluators.tabular import Tabular
from ..files.errors import InvalidArchitecture, RunError
from ..files.run_folder import read_config, read_rounds
from ..llm.gguf import GGUFS, gigabytes
from ..llm.local import MARGIN
from ..llm.prices import as_of, price_of
from ..llm.transcript import recorded_calls, totals
from ..profiles import Profile
from ..results import Home, SearchResult, by_llm, with_kept
from ..search.baselines import BASELINES
from ..spaces import get_space
from ..training.protocol import dataset_at_hand, get_protocol, named_architecture
from .critiques import carries_out, named_change, read_reply
from .how import how_notes, words
from .statistics import interval_text, mean_std
from .tables import Cell, Table, listed, not_run, where_from

PAPER_COLUMNS = {
    "cifar10_test": "CIFAR-10 (DARTS)",
    "cifar100_test": "CIFAR-100 (DARTS)",
    "imagenet_test": "ImageNet-1K (DARTS)",
}
SHORT = "short: DARTS, test"  # the same cells by the short protocol of a profile that is not `paper`
SHOWN = ("llm", "repaired", "resampled", "edited", "fallback")  # keys of HOW, a column each
FINALS = {"nas201": "cifar10_test", "cifar100": "cifar100_test", "imagenet16": "imagenet16_test"}
OURS = {
    "nas201": "NAS-Bench-201: CIFAR-10 test",
    "cifar100": "CIFAR-100 test",
    "imagenet16": "ImageNet16-120 test",
    "surrogate": "DARTS, by the surrogate",
    "trans101": "TransNAS-Bench-101: average rank ↓",
    "first_valid": "valid at first try",
    "obeyed": "strategy obeyed",
    "unreadable": "unreadable replies",
    "known": "known cells",
    **{name: name for name in (*SHOWN, "calls", "tokens", "seconds", "dollars")},
}
Finals = Mapping[int, float]  # seed -> CIFAR-10 test accuracy of the final cell
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
EXPECTED = ("local:qwen2.5-32b", "openai:gpt-4o-mini", "anthropic:claude-haiku-5-5", *(
    f"local:{name}" for name in reversed(GGUFS) if name != "qwen2.5-32b"
))  # fmt: skip
"""LLMs that stand in the table even without a search: the paper's two first."""


def reply_counts(folder: Path) -> dict[str, float]:
    """What the LLM's architecture replies of a run were like.

    first_valid: share of rounds whose first reply could be read, in %; unreadable: replies that could not; known:
    readable ones of a class that was evaluated in an earlier round. obeyed: of the strategies that name one change,
    the share that the first reply to prompt D carried out, in %; NaN where none does. Then the rounds by how their cell
    came about, in the words of HOW.
    """
    config = read_config(folder)
    space, notation = get_space(config["run"]["space"]), config["search"]["notation"]
    history = list(read_rounds(folder))
    counts: Counter[str] = Counter()
    strategy = ""
    for call in recorded_calls(folder / "transcript.jsonl"):
        if call["stage"] == "critique":
            strategy = call["reply"]
        if call["stage"] not in ("refine", "inspire"):
            continue
        number = call["round"] or 0
        if not 1 <= number <= len(history):
            raise RunError(f"{folder} is damaged: its transcript has a round {number}, its history {len(history) - 1}.")
        seen = {record["canonical"] for record in history[:number]}
        try:
            before = history[number - 1].get("architecture")
            parent: Any = space.parse(before) if before else None
            arch = read_reply(space, config["search"], parent, call["stage"], call["reply"])
        except InvalidArchitecture:
            counts["unreadable"] += 1
            continue
        counts["first"] += call["attempt"] == 0
        if strategy and call["stage"] == "refine" and call["attempt"] == 0:
            wanted = named_change(strategy, space.edits(parent, notation))
            counts["strategies"] += wanted is not None
            counts["obeyed"] += wanted is not None and carries_out(arch, parent, wanted)
        counts["known"] += space.format(space.canonical(arch)) in seen
    first = 100 * counts["first"] / max(1, len(history) - 1)
    came = Counter(how for _, how in words(folder))
    replies = {"first_valid": first, "unreadable": counts["unreadable"], "known": counts["known"]}
    replies["obeyed"] = 100 * counts["obeyed"] / counts["strategies"] if counts["strategies"] else nan
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


def table7(
    results: Path,
    profile: str,
    without_llm: Mapping[str, Finals] | None = None,
    *,
    surrogate: str = "surrogate",
    trans101: Mapping[str, Tabular] | None = None,
) -> Table:
    """The table of a profile's finished searches, and of kept ones of LLMs and seeds that were not run here.

    without_llm: label -> final cells by seed, at the same budget and from the same starts, for the differences below
    the table. surrogate: what scored searches of DARTS cells, as `get_evaluator` takes it. trans101: the benchmark's
    tables by task, empty where they are not on this machine.
    """
    home = Home(results, profile)
    nas201, darts = by_llm(with_kept(home, "nas201")), by_llm(home.finished_searches("darts", "cifar10"))
    predicted = by_llm(with_kept(home, "darts", variant=f"evaluator={surrogate}"))
    ranked = average_ranks(home, trans101 or {})
    trained = dict(zip(PAPER_COLUMNS, ("cifar10", "cifar100", "imagenet"), strict=True))
    short = {} if profile == "paper" else {"short": SHORT}
    if short:
        trained = {"short": dataset_at_hand("cifar10", get_protocol(profile))}
    title = f"Different LLMs, top-1 test accuracy (%), profile {profile}"
    table = Table.beside_paper(7, title, PAPER_COLUMNS, short | OURS)
    unpaid = not_run("600 epochs on a GPU: make reproduce PROFILE=paper")
    asked_in_full = [found for found in nas201.values() if found[0].config["llm"]["templates"] == "full"]
    tokens = _tokens(asked_in_full[0]) if asked_in_full else None  # hosted LLMs are asked so
    darts_notes = []
    for llm in dict.fromkeys([*nas201, *darts, *predicted, *EXPECTED]):
        found, found_darts = nas201.get(llm, []), darts.get(llm, [])
        cells = dict.fromkeys(PAPER_COLUMNS, unpaid)
        cells |= {column: _trained(results, profile, llm, dataset) for column, dataset in trained.items()}
        if found:
            cells |= _measured(found)
        elif found_darts:
            cells |= dict.fromkeys(OURS, not_run(f"seki search --llm {llm} --profile {profile}"))
        else:
            needs = what_it_takes(llm, tokens)
            cells["nas201"] = Cell(f"not run ({needs})", "not run", needs)
        if llm in predicted:
            cells["surrogate"] = _predicted(predicted[llm])
        if llm in ranked:
            cells["trans101"] = ranked[llm]
        behind = [search.result for search in [*found, *found_darts]]
        table.add(f"SEKI, ours, {llm}", cells, len(found or found_darts) or None, behind)
        if best := home.best_search("darts", "cifar10", llm):
            seed, n = best.folder.name, len(found_darts)
            darts_notes.append(f"DARTS, {llm}: the cell of {seed}, the best f(α) of {n} finished search(es).")
        darts_notes += [f"To train it: {c.detail}" for c in cells.values() if c.detail.startswith("seki train")]
    if short:
        size = get_protocol(profile)
        darts_notes.append(
            f"{SHORT}: a short protocol ({size.channels} channels, {size.layers} cells, {size.epochs} epochs) "
            "that compares with itself only, never with the paper's columns."
        )
    table.notes = _notes(nas201, darts_notes, bool(predicted), without_llm or {})
    return table


def _notes(
    nas201: Mapping[str, list[SearchResult]],
    darts_notes: Sequence[str],
    predicted: bool,
    without_llm: Mapping[str, Finals],
) -> list[str]:
    """What stands below the table."""
    return [
        "The columns marked DARTS are cells of that space, trained from scratch. Those from NAS-Bench-201 on are of "
        "our searches there: the final cell of each, chosen by CIFAR-10 validation. The two cannot be compared.",
        *darts_notes,
        "Per search: share of rounds whose first architecture could be read; replies that could not be read; replies "
        "that could, but whose cell was evaluated in an earlier round.",
        *how_notes([search.folder for found in nas201.values() for search in found]),
        f"Dollars by the prices of {as_of()}. What a search would cost elsewhere is taken from the tokens of a search "
        "here that was asked with the same templates, if there is one; docs/cost.md has such a measurement.",
        *[f"DARTS, by the surrogate: mean over seeds ± half of its 95 % interval; {NOT_AN_ACCURACY}."] * predicted,
        *map(_note, nas201.values()),
        *(_differences(found, without_llm) for found in nas201.values() if without_llm),
    ]


def found_without_llm(profile: Profile, results: Path) -> dict[str, dict[int, float]]:
    """CIFAR-10 test accuracy of final cells by seed, at the profile's budget: of each baseline, and of chance.

    Chance stands in the LLM's place in Algorithm 1 (the null proposer). Empty where the table has no test values.
    """
    baselines = baseline_runs("nas201", "cifar10", profile, results, evaluations=profile.rounds + 1)
    runs = {name.replace("_", " "): (name, baselines) for name in BASELINES}
    runs["the null proposer"] = ("null", arm_runs("null", profile, results))
    column = FINALS["nas201"]
    return {
        label: {seed: final[column] for seed, final in enumerate(found.finals(name))}
        for label, (name, found) in runs.items()
        if column in found.columns
    }


def average_ranks(home: Home, tables: Mapping[str, Tabular]) -> dict[str, Cell]:
    """By LLM, the rank of the final cells averaged over the tasks of Table 4; of the seeds that all tasks have."""
    by_task = {task: by_llm(with_kept(home, "trans101", task)) for task in tables}
    found = {}
    for llm in set.intersection(*map(set, by_task.values())) if by_task else ():
        runs = {task: {search.seed: search for search in searches[llm]} for task, searches in by_task.items()}
        seeds = sorted(set.intersection(*map(set, runs.values())))
        ranks = [fmean(tables[task].rank(searches[seed].score) for task, searches in runs.items()) for seed in seeds]
        if ranks:
            behind = [searches[seed] for searches in runs.values() for seed in seeds]
            found[llm] = Cell(f"{mean_std(ranks, 1)} (n = {len(seeds)})", *where_from(behind, f"seeds {listed(seeds)}"))
    return found


def _predicted(searches: Sequence[SearchResult]) -> Cell:
    """Mean of what the surrogate says of the final cells."""
    text = interval_text([search.score for search in searches])
    seeds = listed(search.seed for search in searches)
    return Cell(f"{text} (n = {len(searches)})", *where_from(searches, f"seeds {seeds}; {NOT_AN_ACCURACY}"))


def _differences(searches: Sequence[SearchResult], without_llm: Mapping[str, Finals]) -> str:
    """One LLM's final cells minus those found without an LLM, seed by seed."""
    if searches[0].data != (here := get_evaluator("tabular", space="nas201", task="cifar10").source.name):
        return f"{searches[0].llm} searched on {searches[0].data}, not on {here}: no differences are taken."
    texts = []
    ours = {one.seed: one.result["final"]["cifar10_test"] for one in searches if "cifar10_test" in one.result["final"]}
    for label, finals in without_llm.items():
        gaps = [value - finals[seed] for seed, value in ours.items() if seed in finals]
        if gaps:
            texts.append(f"{interval_text(gaps, sign=True)} against {label} (n = {len(gaps)})")
    return f"{searches[0].llm}, CIFAR-10 test, paired by seed, 95 % intervals: {', '.join(texts) or 'no common seed'}."


def _trained(results: Path, profile: str, llm: str, dataset: str) -> Cell:
    """Accuracy after the last epoch, over the seeds of the training, of the best DARTS cell that an LLM found."""
    home = Home(results, profile)
    best = home.best_search("darts", "cifar10", llm)
    if not best:
        return not_run(
            f"seki supernet --profile {profile}, then seki search --space darts --llm {llm} --profile {profile}"
        )
    name, _ = named_architecture(str(best.folder))
    trained = [training.result for training in home.trainings("darts", dataset, name)]
    if not trained:
        arch = best.folder.relative_to(results).as_posix()
        return not_run(f"seki train --arch <results>/{arch} --dataset {dataset} --profile {profile}")
    detail = f"{len(trained)} training(s) of {name}, {trained[0]['epochs']} epochs, last epoch; {trained[0]['data']}"
    return Cell(mean_std([100 - result["last_test_error"] for result in trained]), "measured", detail)


def _measured(searches: Sequence[SearchResult]) -> dict[str, Cell]:
    """The columns of one LLM's searches on NAS-Bench-201: means over the searches."""
    config, results = searches[0].config, [search.result for search in searches]
    counts = [reply_counts(search.folder) for search in searches]
    took = [totals(search.folder / "transcript.jsonl") for search in searches]
    texts = {kind: f"{fmean(count[kind] for count in counts):.1f}" for kind in ("unreadable", "known", *SHOWN)}
    texts |= {
        **{kind: _percent([count[kind] for count in counts]) for kind in ("first_valid", "obeyed")},
        "calls": f"{fmean(t['calls'] for t in took):.1f}",
        "tokens": f"{sum(_tokens(searches).values()):.0f}",
        "seconds": f"{fmean(t['llm_seconds'] for t in took):.0f}",
    }
    dollars = [t["dollars"] for t in took]
    texts["dollars"] = "price not known" if None in dollars else f"{fmean(dollars):.4f}"
    for column, final in FINALS.items():
        tests = [result["final"].get(final) for result in results]
        if None not in tests:
            texts[column] = mean_std(tests)
    seeds = listed(search.seed for search in searches)
    detail = f"{len(searches)} searches (seeds {seeds}) of {results[0]['evaluations']} evaluations; "
    provenance, detail = where_from(searches, detail + config["data"]["sentence"])
    provenance = "replayed" if searches[0].llm.startswith("replay:") else provenance
    lacking = dict.fromkeys(FINALS, not_run("the table on this machine has no such column"))
    return lacking | {kind: Cell(text, provenance, detail) for kind, text in texts.items()}


def _percent(shares: Sequence[float]) -> str:
    return "–" if any(map(isnan, shares)) else f"{fmean(shares):.0f} %"


def _tokens(searches: Sequence[SearchResult]) -> dict[str, float]:
    """Tokens of a search by kind, the mean over these."""
    took = [totals(search.folder / "transcript.jsonl")["tokens"] for search in searches]
    return {kind: fmean(tokens[kind] for tokens in took) for kind in ("prompt_tokens", "completion_tokens")}


def _note(searches: Sequence[SearchResult]) -> str:
    config, seeds = searches[0].config, listed(search.seed for search in searches)
    return (
        f"{searches[0].llm}: seeds {seeds}, notation {config['search']['notation']}, templates "
        f"{config['llm']['templates']}, strategy {config['search']['strategy']}; {config['data']['sentence']}."
    )
