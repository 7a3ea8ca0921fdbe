"""What is left of each table of the paper: jobs of GPUs, rounds to ask LLMs for, data to fetch.

What is finished under the results folder is subtracted, half-done trainings and searches in part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..assets import ASSETS, locate
from ..jsonl import read_lines
from ..paper.settings import Setting, k_xi_settings, lambda_settings
from ..paper.settings import longest as trunk
from ..profiles import Profile
from ..report.table1 import PLANS, found_cells
from ..runs import RunSpec
from ..spaces.darts import PUBLIC_GENOTYPES
from ..training.protocol import SupernetSpec, TrainingSpec, assets_at_hand, get_protocol, named_architecture
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
    5: "ablation of λ", 6: "ablation of k, ξ", 7: "a second LLM", 8: "Penn Treebank",
}  # fmt: skip


def works(profile: Profile, results: Path, left: dict[int, Asking], p: Protocols) -> Iterator[Work]:
    """Every job of a GPU that the paper's tables take. left: the rounds that are left, by table."""
    config, plan, folder = get_protocol(profile.name), PLANS[profile.name], results / profile.name
    found = found_cells(results, profile.name)[:1]
    ours, genotype = named_architecture(str(found[0])) if found else ("the searched cell", PUBLIC_GENOTYPES["DARTS_V2"])

    def scored(table: int, kind: str, multiply_adds: float, samples: int) -> Work:
        cells = left[table].evolve + left[table].inspire
        return Work(table, "f", kind, SEARCH, multiply_adds, 0, cells * samples)

    def final(table: int, name: str, text: str, dataset: str, seed: int = 0) -> Work:
        job = imagenet_work(p, text) if dataset == "imagenet" else classifier_work(config, text, dataset)
        at = TrainingSpec(name, text, dataset, profile.name, seed).folder(results)
        epochs = p.imagenet_epochs if dataset == "imagenet" else config.epochs
        return replace(job, table=table, what=f"{name} on {dataset}, seed {seed}", left=_left(at, epochs))

    cells = [(ours, genotype), *map(named_architecture, plan.cells)]
    supernet = SupernetSpec("darts", "cifar10", profile.name)
    half = (supernet.config.train_images or 50_000) // 2
    left_over = _left(supernet.folder(results), supernet.config.epochs)
    yield replace(supernet_work(supernet.config, (half, half)), left=left_over)
    for name, text in cells:
        yield from (final(1, name, text, dataset, seed) for dataset in plan.datasets for seed in plan.seeds)
    for table in (1, 5, 6, 7):  # Tables 5, 6 and 7 score on the supernet of Table 1
        yield scored(table, "supernet", path_multiply_adds(supernet.config), supernet.config.score_images)

    large = p.imagenet_search
    left_over = _least_left(folder.glob("supernets/darts/imagenet/*/seed=0"), large.epochs)
    yield replace(supernet_work(large, p.imagenet_search_images, "imagenet"), left=left_over)
    yield scored(2, "imagenet_supernet", path_multiply_adds(large, "imagenet"), large.score_images)
    yield final(2, ours, genotype, "imagenet")
    direct = found_cells(results, profile.name, task="imagenet")[:1]
    named = ("the cell searched on ImageNet", genotype)
    yield final(2, *(named_architecture(str(direct[0])) if direct else named), "imagenet")

    second = "the second LLM's cell"
    yield from (final(7, second, genotype, dataset, seed) for dataset in plan.datasets for seed in plan.seeds)
    yield final(7, second, genotype, "imagenet")

    left_over = _least_left(folder.glob("supernets/darts_rnn/ptb/*/seed=0"), p.language_search_epochs)
    yield replace(language_work(p, search=True), left=left_over)
    single = language_multiply_adds(p.language_search_embedding, p.vocabulary)
    yield scored(8, "language_model", single, p.tokens[1])
    left_over = _least_left(folder.glob("trainings/darts_rnn/ptb/searched-*/seed=0"), p.language_epochs)
    yield replace(language_work(p), left=left_over)


def _least_left(folders: Iterable[Path], epochs: int) -> float:
    return min((_left(folder, epochs) for folder in folders), default=1.0)


def _left(folder: Path, epochs: int) -> float:
    """The share of a training that is not done."""
    if (folder / "result.json").is_file():
        return 0.0
    return max(0.0, 1 - len(list(read_lines(folder / "metrics.jsonl"))) / epochs)


def askings(profile: Profile, results: Path, llm: str) -> list[Asking]:
    """What LLMs are still to be asked, table by table."""
    from ..evaluators.trans101_table import TASKS

    def done(spec: RunSpec) -> int:
        """Rounds that this search has behind it; a fork begins with those that it shares."""
        return max(0, len(list(read_lines(spec.folder(results) / "history.jsonl"))) - 1)

    def searches(table: int, space: str, counts: Iterable[int]) -> Asking:
        counts = list(counts)
        evolve = sum(max(0, profile.lam - count) for count in counts)
        return Asking(table, space, evolve, sum(profile.rounds - max(count, profile.lam) for count in counts))

    def forks(table: int, settings: list[Setting], shared: int) -> Asking:
        """Ablations (`ablations.py`). shared: rounds of self-evolution that are paid for here, and once."""
        evolve = inspire = 0
        for seed in profile.ablation_seeds:
            own = RunSpec("darts", "cifar10", llm, profile.name, seed)
            behind = {setting: done(setting.spec(own, profile)) for setting in settings}
            evolve += max(0, shared - max(min(count, setting.lam) for setting, count in behind.items()))
            inspire += sum(profile.rounds - max(count, setting.lam) for setting, count in behind.items())
        return Asking(table, "darts", evolve, inspire)

    def runs(space: str, tasks: Iterable[str], seeds: Iterable[int]) -> list[RunSpec]:
        return [RunSpec(space, task, llm, profile.name, seed) for task in tasks for seed in seeds]

    table5 = lambda_settings(profile)
    table6 = [setting for setting in k_xi_settings(profile) if setting not in table5]
    return [
        searches(1, "darts", map(done, runs("darts", ["cifar10"], profile.seeds))),
        searches(2, "darts", map(done, runs("darts", ["imagenet"], [0]))),
        searches(3, "nas201", map(done, runs("nas201", ["cifar10"], profile.seeds))),
        searches(4, "trans101", map(done, runs("trans101", TASKS, profile.trans101_seeds))),
        forks(5, table5, trunk(profile).lam),
        forks(6, table6, 0),
        searches(7, "darts", [0] * len(profile.seeds)),  # of an LLM that is not named here
        searches(8, "darts_rnn", map(done, runs("darts_rnn", ["ptb"], [0]))),
    ]


def data_bytes(table: int) -> int:
    """What is still to be fetched for a table. ImageNet's 155 GB are the user's own and stand beside the plan."""
    if table == 8:
        names = [name for name in ASSETS if name.startswith("ptb")]
        return 0 if names and all(map(locate, names)) else 5_951_345
    sizes = {"cifar10": 170_498_071, "cifar100": 169_001_437} if table == 1 else {}
    return sum(size for name, size in sizes.items() if not assets_at_hand(name))
