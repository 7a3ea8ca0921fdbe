"""Every search of NAS-Bench-201 by a model of known size that came with the checkout: what docs/llms.md says of them.

    python benchmarks/ladder.py    # writes benchmarks/results/ladder.md; no model is asked

Searches without an LLM have the same seeds, so the same α0 and the same budget.
"""

import tempfile
from pathlib import Path

from seki_lib import get_evaluator, get_profile
from seki_lib.llm.transcript import totals
from seki_lib.report.critiques import critiques, quality
from seki_lib.report.model_size import by_size, verdict
from seki_lib.report.proposals import proposals
from seki_lib.report.statistics import mean_std, paired
from seki_lib.report.table7 import FINALS, found_without_llm, reply_counts
from seki_lib.report.unfolded import Unfolded
from seki_lib.results import Home, SearchResult, kept_searches

RESULTS = Path(__file__).parent / "results"
HEAD = (
    "model", "seed", "test", "validation", "strategy obeyed (%)", "rounds that raised f", "first replies", "edited",
    "calls", "prompt tokens", "reply tokens",
)  # fmt: skip


def row(search: SearchResult) -> list[str]:
    """One search."""
    counts, took = reply_counts(search.folder), totals(search.folder / "transcript.jsonl")
    rounds = critiques(Unfolded(search.folder, search.folder))
    raised = f"{(rounds['change of f'] > 0).sum()} of {len(rounds)}"
    final, tokens = search.result["final"], took["tokens"]
    return [
        search.llm.removeprefix("local:"), str(search.seed), f"{final['cifar10_test']:.2f}", f"{search.score:.2f}",
        f"{counts['obeyed']:.0f}", raised, str(counts["llm"]), str(counts["edited"]), str(took["calls"]),
        str(tokens["prompt_tokens"]), str(tokens["completion_tokens"]),
    ]  # fmt: skip


def permuted(llm: str) -> list[str]:
    """An LLM's searches with permuted words, and what its own words add to them on the same seeds."""
    column = FINALS["nas201"]
    own, other = (
        {one.seed: one.result["final"][column] for one in kept_searches("laptop", "nas201", "cifar10", llm, variant)}
        for variant in ("default", "arm=permuted")
    )
    seeds = sorted(own.keys() & other.keys())
    gap = paired([own[seed] for seed in seeds], [other[seed] for seed in seeds])
    mean = mean_std([other[seed] for seed in seeds])
    return [llm.removeprefix("local:"), str(len(seeds)), mean, gap.text(sign=True)]


def cooler(llm: str) -> list[str]:
    """An LLM's searches at temperature 0.3 in all prompts, beside those at its own on the same seeds."""
    column, found = FINALS["nas201"], []
    for name in (llm, f"{llm},temperature=0.3"):
        searches = kept_searches("laptop", "nas201", "cifar10", name, "default")
        found.append({one.seed: (one.result["final"][column], reply_counts(one.folder)["obeyed"]) for one in searches})
    own, cool = found
    seeds = sorted(own.keys() & cool.keys())
    (theirs, obeyed), (ours, more) = ([*zip(*(of[seed] for seed in seeds), strict=True)] for of in (own, cool))
    shares = (f"{sum(each) / len(seeds):.0f}" for each in (obeyed, more))
    return [llm.removeprefix("local:"), str(len(seeds)), *shares, mean_std(ours), paired(ours, theirs).text(sign=True)]


def table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (list(head), ["---"] * len(head), *rows)]


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as empty:
        sized = by_size(Home(Path(empty), "laptop"))
        without = found_without_llm(get_profile("laptop"), Path(empty))
    lines = ["# Kept searches of NAS-Bench-201 by models of known size", ""]
    lines += table(HEAD, [row(search) for found in sized.values() for search in found])
    against = []
    for llm, found in sized.items():
        ours = {search.seed: search.result["final"][FINALS["nas201"]] for search in found}
        gaps = [
            paired(list(ours.values()), [finals[seed] for seed in ours]).text(sign=True) for finals in without.values()
        ]
        against.append([llm.removeprefix("local:"), str(len(ours)), mean_std(list(ours.values())), *gaps])
    lines += [
        "",
        "CIFAR-10 test of the final cells (%), and paired differences with 95 % intervals of four or more:",
        "",
    ]
    lines += table(("model", "n", "mean", *(f"minus {label}" for label in without)), against)
    lines += ["", "The same with the meanings of the words permuted, by the seed:", ""]
    lines += table(("model", "n", "mean", "own words minus permuted ones"), [permuted(llm) for llm in sized])
    lines += ["", "The same at temperature 0.3 in all prompts, in place of 0.7:", ""]
    head = ("model", "n", "strategy obeyed (%) at 0.7", "at 0.3", "mean at 0.3", "0.3 minus 0.7")
    lines += table(
        head,
        [
            cooler(llm)
            for llm in sized
            if kept_searches("laptop", "nas201", "cifar10", f"{llm},temperature=0.3", "default")
        ],
    )
    judge = get_evaluator("tabular", space="nas201", task="cifar10")
    right = quality([search for found in sized.values() for search in found], judge)
    lines += ["", "Critiques of self-evolution, in points of validation accuracy:", ""]
    lines += table(
        ("model", *right.columns),
        [[llm.removeprefix("local:"), *map(str, cells)] for llm, *cells in right.itertuples()],
    )
    drawn = proposals([search for found in sized.values() for search in found], judge)
    lines += ["", "Proposals of inspiration, in points of validation accuracy:", ""]
    lines += table(
        ("model", *drawn.columns),
        [[llm.removeprefix("local:"), *map(str, cells)] for llm, *cells in drawn.itertuples()],
    )
    text = "\n".join([*lines, "", verdict(sized), ""])
    (RESULTS / "ladder.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
