"""What is left of the jobs that `seki_lib/paper` declares: work of GPUs, rounds to ask LLMs for, data to fetch.

Each job counts once, with the first table that needs it. What is finished under the results folder is subtracted,
half-done trainings and searches in part.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...datasets.at_hand import assets_at_hand
from ...files.assets import ASSETS, locate
from ...files.jsonl import read_lines
from ...paper import Edition, Need, Search, Supernet, Training, needs_of
from ...paper.found import training_spec
from ...paper.settings import longest
from ...spaces.darts import PUBLIC_GENOTYPES
from ...training.protocol import SupernetSpec, get_protocol, named_architecture
from .work import (
    SEARCH,
    Asking,
    Protocols,
    Work,
    classifier_work,
    imagenet_work,
    language_multiply_adds,
    language_work,
    path_multiply_adds,
    supernet_work,
)

TABLES = {
    1: "CIFAR-10/100, DARTS space", 2: "ImageNet-1K", 3: "NAS-Bench-201", 4: "TransNAS-Bench-101",
    5: "ablation of λ", 6: "ablation of k, ξ", 7: "one LLM beside another", 8: "Penn Treebank",
}  # fmt: skip
SPACES = {3: "nas201", 4: "trans101", 8: "darts_rnn"}  # that a table's searches are of, where not darts


def jobs(edition: Edition) -> dict[Need, int]:
    """Every job of an edition -> the first table that needs it; what notebook 01 alone needs counts with Table 1."""
    tables = {
        need: [int(name[5:]) for name in names if name.startswith("table")] for need, names in needs_of(edition).items()
    }
    return {need: min(numbers, default=1) for need, numbers in tables.items() if need.until is None}


def works(edition: Edition, results: Path, p: Protocols) -> Iterator[Work]:
    """Every job of a GPU, with what is left of it."""
    for need, table in jobs(edition).items():
        if isinstance(need, Supernet):
            yield from _supernet(need, table, edition, results, p)
        elif isinstance(need, Training):
            yield _training(need, table, edition, results, p)
        elif isinstance(need, Search) and need.space.startswith("darts"):
            cells = sum(rounds_left(need, edition, results))
            yield replace(_scoring(need, p), table=table, tested=cells * _scoring(need, p).tested)


def _supernet(need: Supernet, table: int, edition: Edition, results: Path, p: Protocols) -> Iterator[Work]:
    if need.space == "nas201":  # minutes: notebook 01 looks with it how far f can be trusted
        return
    config = need.spec(edition).config
    if need.space == "darts_rnn":
        job = language_work(p, search=True)
    elif need.dataset == "imagenet":
        job = supernet_work(config, p.imagenet_search_images, "imagenet")
    else:
        half = (config.train_images or 50_000) // 2
        job = supernet_work(config, (half, half))
    yield replace(job, table=table, left=_left(need.spec(edition).folder(results), config.epochs))


def _scoring(need: Search, p: Protocols) -> Work:
    """One cell scored by a supernet."""
    if need.space == "darts_rnn":
        single = language_multiply_adds(p.language_search_embedding, p.vocabulary)
        return Work(8, "f", "language_model", SEARCH, single, 0, p.tokens[1])
    if need.task == "imagenet":
        config = p.imagenet_search
        return Work(2, "f", "imagenet_supernet", SEARCH, path_multiply_adds(config, "imagenet"), 0, config.score_images)
    config = SupernetSpec("darts", "cifar10", "paper").config
    return Work(1, "f", "supernet", SEARCH, path_multiply_adds(config), 0, config.score_images)


def _training(need: Training, table: int, edition: Edition, results: Path, p: Protocols) -> Work:
    """A final training. A cell that no search has found yet is counted as DARTS_V2."""
    folder = results / edition.name / need.folder(edition)
    what = f"{need.cell} on {need.dataset}, seed {need.seed}"
    text = PUBLIC_GENOTYPES["DARTS_V2"]
    if need.searched:
        spec = training_spec(need, edition, results)
        folder = spec.folder(results) if spec else folder.with_name("not found yet")
        text = spec.architecture if spec else text
    elif need.space == "darts":
        text = named_architecture(need.cell)[1]
    if need.space == "darts_rnn":
        return replace(language_work(p), table=table, what=what, left=_left(folder, p.language_epochs))
    if need.dataset == "imagenet":
        return replace(imagenet_work(p, text), table=table, what=what, left=_left(folder, p.imagenet_epochs))
    config = get_protocol(edition.name)
    return replace(
        classifier_work(config, text, need.dataset), table=table, what=what, left=_left(folder, config.epochs)
    )


def _left(folder: Path, epochs: int) -> float:
    """The share of a training that is not done."""
    if (folder / "result.json").is_file():
        return 0.0
    return max(0.0, 1 - len(list(read_lines(folder / "metrics.jsonl"))) / epochs)


def rounds_left(need: Search, edition: Edition, results: Path) -> tuple[int, int]:
    """Rounds of self-evolution and of inspiration that are left; a fork has no self-evolution of its own."""
    profile = edition.profile
    done = max(0, len(list(read_lines(need.spec(edition).folder(results) / "history.jsonl"))) - 1)
    lam = need.setting.lam if need.setting else profile.lam
    forks = need.setting is not None and need.setting != longest(edition.grid(need.seed))
    return 0 if forks else max(0, lam - done), profile.rounds - max(done, lam)


def askings(edition: Edition, results: Path) -> list[Asking]:
    """What the LLM is still to be asked, table by table."""
    left = {table: [0, 0] for table in TABLES}
    for need, table in jobs(edition).items():
        if isinstance(need, Search):
            evolve, inspire = rounds_left(need, edition, results)
            left[table][0] += evolve
            left[table][1] += inspire
    return [Asking(table, SPACES.get(table, "darts"), *rounds) for table, rounds in left.items()]


def data_bytes(table: int) -> int:
    """What is still to be fetched for a table. ImageNet's 155 GB are the user's own and stand beside the plan."""
    if table == 8:
        names = [name for name in ASSETS if name.startswith("ptb")]
        return 0 if names and all(map(locate, names)) else 5_951_345
    sizes = {"cifar10": 170_498_071, "cifar100": 169_001_437} if table == 1 else {}
    return sum(size for name, size in sizes.items() if not assets_at_hand(name))
