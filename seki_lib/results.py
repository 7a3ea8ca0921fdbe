"""The folders under `results/`: where each thing is kept, and what of it is finished.

    home = Home(Path("results"), "laptop")
    home.search("nas201", "cifar10", "local:smollm2-135m", seed=8)    # the folder of one search
    home.best_search("darts")                                         # what its best finished search found

A finished search, training or supernet holds `result.json`. One that other code made is kept beside it as
`<variant>,code=<hash>`.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .files.checkout import RESULTS
from .files.errors import RunError, SettingError
from .files.jsonl import read_json, read_lines
from .files.run_folder import read_config, read_result, read_rounds, result_if_whole
from .profiles import PROFILES
from .spaces import get_space


@dataclass(frozen=True)
class Result:
    """What finished in a folder, read when asked."""

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What decided it. Raises RunError if it is missing or damaged."""
        return read_json(self.folder / "config.json")

    @cached_property
    def result(self) -> dict[str, Any]:
        """What came of it and what it took. Raises RunError if it is missing or damaged."""
        return read_result(self.folder)

    @property
    def seed(self) -> int:
        """Its seed. Raises RunError for a folder that is named after none."""
        if not is_of_seed(self.folder):
            raise RunError(f"{self.folder} is no folder of a seed: its name must be seed=<number>")
        return int(self.folder.name.removeprefix("seed="))

    def copied(self, what: str) -> RunError:
        """The error of a folder that holds what belongs elsewhere: it would be counted twice."""
        said = f"{self.folder} holds a {what}, as its config.json says."
        return RunError(f"{said} Next: move it to its own place, or remove it.")


class SearchResult(Result):
    """A finished search."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """What decided it. Raises RunError if it is missing or damaged, or of a search that was copied here."""
        config = read_config(self.folder)
        profile, searches, space, task, llm, variant, seed = (*7 * ("",), *self.folder.parts)[-7:]
        if searches != "searches":
            return config
        here = {"space": space, "task": task, "llm": llm, "variant": variant.partition(",code=")[0]}
        here |= {"seed": seed.removeprefix("seed=")} | ({"profile": profile} if profile in PROFILES else {})
        said = config.get("run", {})
        said = said | {"llm": folder_name(str(said.get("llm", llm)))}
        if wrong := [name for name, value in here.items() if str(said.get(name, value)) != value]:
            raise self.copied(f"search of another {' and '.join(wrong)}")
        return config

    @property
    def llm(self) -> str:
        """The LLM that was asked."""
        return str(self.config["llm"]["name"])

    @property
    def data(self) -> str:
        """The name of what its scores are from."""
        return str(self.config["data"]["name"])

    @property
    def score(self) -> float:
        """The score f of its best cell."""
        return float(self.result["score"])

    @property
    def is_kept(self) -> bool:
        """Whether it came with the checkout."""
        return self.folder.is_relative_to(KEPT.folder)

    @property
    def scoring_seconds(self) -> float:
        """Seconds that f took for all cells."""
        return float(sum(record["seconds"] for record in read_rounds(self.folder)))


class TrainingResult(Result):
    """A finished training, of a cell or of a supernet."""

    def require_own_place(self) -> None:
        """Raise RunError for a training that was copied here, as its config.json says."""
        there = (self.folder / "config.json").is_file()
        if there and (seed := self.config.get("seed", self.seed)) != self.seed:
            raise self.copied(f"training of seed {seed}")

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """One line an epoch, as `metrics.jsonl` holds them."""
        return list(read_lines(self.folder / "metrics.jsonl"))


@dataclass(frozen=True)
class Home:
    """Where a profile keeps what it makes: `<results>/<profile>/`."""

    results: Path
    profile: str

    @property
    def folder(self) -> Path:
        """The profile's folder."""
        return self.results / self.profile

    @property
    def tables(self) -> Path:
        """Tables, as notebooks write them."""
        return self.folder / "tables"

    @property
    def figures(self) -> Path:
        """Figures, as notebooks write them."""
        return self.folder / "figures"

    @property
    def notebooks(self) -> Path:
        """Executed notebooks."""
        return self.folder / "notebooks"

    @property
    def marks(self) -> Path:
        """The marks of the DAG's jobs that are done, each at the place of its result."""
        return self.folder / "done"

    @property
    def replay_mark(self) -> Path:
        """A file of a folder that replays write, so that no other results are ever replaced."""
        return self.folder / "replay.json"

    def search(self, space: str, task: str, llm: str, variant: str = "default", seed: int = 0) -> Path:
        """`searches/<space>/<task>/<llm>/<variant>/seed=<n>`."""
        return self.folder / "searches" / space / task / folder_name(llm) / variant / f"seed={seed}"

    def supernet(self, space: str, dataset: str, kind: str, seed: int = 0) -> Path:
        """`supernets/<space>/<dataset>/<kind>/seed=<n>`."""
        return self.folder / "supernets" / space / dataset / kind / f"seed={seed}"

    def training(self, space: str, dataset: str, cell: str, seed: int = 0) -> Path:
        """`trainings/<space>/<dataset>/<name of the cell>/seed=<n>`."""
        return self.folder / "trainings" / space / dataset / cell / f"seed={seed}"

    def memory(self, space: str, llm: str) -> Path:
        """`memory/<space>/<llm>/seed=0`."""
        return self.folder / "memory" / space / folder_name(llm) / "seed=0"

    def baselines(self, space: str, task: str) -> Path:
        """`baselines/<space>/<task>`."""
        return self.folder / "baselines" / space / task

    def finished_searches(
        self, space: str, task: str = "", llm: str = "", variant: str = "default"
    ) -> list[SearchResult]:
        """The finished searches of a space, by seed. task, llm: any if empty."""
        place = f"{space or '*'}/{task or '*'}/{folder_name(llm) if llm else '*'}/{variant or '*'}"
        found = (self.folder / "searches").glob(f"{place}/seed=*/result.json")
        folders = [path.parent for path in sorted(found) if is_of_seed(path.parent)]
        searches = [SearchResult(folder) for folder in folders if is_finished(folder)]
        return sorted(searches, key=lambda search: (search.folder.parent, search.seed))

    def best_search(
        self, space: str = "darts", task: str = "", llm: str = "", variant: str = "default"
    ) -> SearchResult | None:
        """The finished search of the highest score among those of one variant, or None.

        Forks of the ablations are left out: together they are many searches, and the best of many is no search's
        result.
        """
        searches = self.finished_searches(space, task or get_space(space).task, llm, variant)
        return min(searches, key=lambda search: (-search.score, str(search.folder)), default=None)

    def require_best_search(self, space: str = "darts", task: str = "", llm: str = "") -> SearchResult:
        """As `best_search`. Raises RunError that names the next steps if none has finished."""
        if found := self.best_search(space, task, llm):
            return found
        task = task or get_space(space).task
        here = f"--profile {self.profile} --results {shlex.quote(str(self.folder.parent))}"
        asked, with_llm = (f" --llm {llm}", f" with {llm}") if llm else ("", "")
        where, search = f"--space {space} --dataset {task} {here}", f"--space {space} --task {task}{asked} {here}"
        raise RunError(
            f"no search of the space {space} on {task} has finished in profile {self.profile}{with_llm}. "
            f'Next: "seki supernet {where}", then "seki search {search}".'
        )

    def trainings(self, space: str, dataset: str, cell: str) -> list[TrainingResult]:
        """The finished trainings of a cell, by seed."""
        return _trained(self.training(space, dataset, cell).parent, "seed=*")

    def all_trainings(self, space: str, datasets: str) -> list[TrainingResult]:
        """The finished trainings of all cells of a space; those of other code too. datasets: a pattern, `cifar10*`."""
        return _trained(self.training(space, "dataset", "cell").parents[2], f"{datasets}/*/seed=*")

    def supernets(self) -> list[TrainingResult]:
        """The finished supernets of all spaces; those of other code too, since searches were scored by them."""
        return _trained(self.supernet("space", "dataset", "kind").parents[3], "*/*/*/seed=*")


def _trained(folder: Path, pattern: str) -> list[TrainingResult]:
    found = [TrainingResult(path.parent) for path in sorted(folder.glob(f"{pattern}/result.json"))]
    found = [one for one in found if is_of_seed(one.folder)]
    for one in found:
        one.require_own_place()
    return found


def is_of_seed(folder: Path) -> bool:
    """Whether a folder is named after a seed: a copy beside it, such as `seed=8 (copy)`, is none of ours."""
    return re.fullmatch("seed=(0|[1-9][0-9]*)", folder.name) is not None


@dataclass(frozen=True)
class RunSpec:
    """What decides a run. Notation and strategy are the LLM's own unless a SearchConfig sets them."""

    space: str
    task: str
    llm: str
    profile: str
    seed: int
    variant: str = "default"
    supernet: str = ""  # kind of supernet that f is read from, where one gives it; empty: the profile's
    bn: str = ""  # its BN statistics, a key of evaluators.oneshot.BN_MODES; empty: of the batch
    evaluator: str = ""  # what gives f, as `get_evaluator` takes it; empty: the space's own
    arm: str = ""  # a key of search.arms.ARMS: how the search differs from SEKI; empty: it does not

    def scored_by(self, evaluator: str) -> "RunSpec":
        """The same run with its cells scored by another evaluator, a variant of its own; itself if that is empty."""
        return replace(self, variant=f"evaluator={evaluator}", evaluator=evaluator) if evaluator else self

    def as_arm(self, arm: str) -> "RunSpec":
        """The same run as another arm, a variant of its own; itself for SEKI."""
        if arm in ("", "seki"):
            return self
        names = [self.variant] if self.variant != "default" else []
        return replace(self, variant=",".join([*names, f"arm={arm}"]), arm=arm)

    def folder(self, results: Path) -> Path:
        """Where this run lives."""
        return Home(results, self.profile).search(self.space, self.task, self.llm, self.variant, self.seed)

    @property
    def _chosen(self) -> dict[str, str]:
        """What decides the run beside the settings of its search."""
        return {"evaluator": self.evaluator, "supernet": self.supernet, "bn": self.bn, "arm": self.arm}

    def command(self, results: Path, settings: Mapping[str, object] | None = None) -> str:
        """The command that makes or continues this run.

        settings: further options by name, such as `{"lam": 25}`; a run that has a name carries them. They are left out
        of `default`, which is the profile's own search: with a setting of another value it would get another name.
        """
        words = ["seki", "search", "--space", self.space, "--task", self.task, "--llm", self.llm]
        words += ["--profile", self.profile, "--variant", self.variant, "--seed", str(self.seed)]
        options: dict[str, object] = {name: value for name, value in self._chosen.items() if value}
        if self.variant != "default":
            options |= settings or {}
        words += [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        return shlex.join([*words, "--results", str(results)])

    def require_true_name(self, settings: Mapping[str, object]) -> None:
        """Raise SettingError where the variant says a setting that this run has not, as `lam=25` with λ = 35.

        Tables read folders by these names. settings: fields of SearchConfig, and the hash of the `prompts`. α0 is left
        out, since a long name is cut.
        """
        said = dict(part.split("=", 1) for part in self.variant.split(",") if "=" in part)
        settings = {**settings, **{name: value or None for name, value in self._chosen.items()}}
        for name, value in said.items():
            if name != "alpha0" and name in settings and str(settings[name]) != value:
                option = "its templates" if name == "prompts" else f"--{name.replace('_', '-')} {value}"
                raise SettingError(
                    f"the variant {self.variant} stands for {name}={value}, and this search has {settings[name]}. "
                    f"Next: give {option} too, or another --variant."
                )


KEPT = Home(RESULTS, "reference")
"""The kept run, if this is a checkout: what it holds stands in tables as replayed where it was not run here."""
SELECTION_SEEDS = range(8)  # prompts were chosen on them, so that kept searches of them are left out


def kept_searches(
    profile: str, space: str, task: str = "", llm: str = "", variant: str = "default", *, kept: Home | None = None
) -> list[SearchResult]:
    """The finished searches of a profile that came with the checkout, without seeds on which prompts were chosen.

    kept: where they are, `KEPT` if None.
    """
    found = (KEPT if kept is None else kept).finished_searches(space, task, llm, variant)
    return [one for one in found if one.seed not in SELECTION_SEEDS and one.config["run"]["profile"] == profile]


def with_kept(
    home: Home, space: str, task: str = "cifar10", llm: str = "", variant: str = "default", *, kept: Home | None = None
) -> list[SearchResult]:
    """The finished searches of a profile, and beside them kept ones of LLMs and seeds that were not run here.

    Their code may be older: `make replay` and its test show that today's gives them again. What a replay left out stays
    out. Raises RunError if those of this profile were searched on different data, which make no common row.
    """
    here = home.finished_searches(space, task, llm, variant)
    for other in here[1:]:
        if other.data != here[0].data:
            raise RunError(
                f"{here[0].folder} was searched on {here[0].data}, {other.folder} on {other.data}: they make no common "
                "table. Next: move those away that are not on the data of this machine, and run the same command again."
            )
    found = {(one.llm, one.seed): one for one in here}
    for one in [] if home.replay_mark.exists() else kept_searches(home.profile, space, task, llm, variant, kept=kept):
        if all(are_alike(one, other) for other in here):
            found.setdefault((one.llm, one.seed), one)
    return sorted(found.values(), key=lambda one: (one.llm, one.seed))


FREE = {"code", "run.variant", "run.seed", *(f"search.{name}" for name in ("seed", "rounds", "lam", "k", "xi"))}
"""Entries of config.json in which searches of one table may differ; their folders say variant and seed."""


def are_alike(one: SearchResult, other: SearchResult) -> bool:
    """Whether two searches may stand in one table: the same data and, of one LLM, no difference but FREE."""
    differing = set(differences(one.config, other.config))
    return "data.name" not in differing and (one.llm != other.llm or differing <= FREE)


def folder_name(llm: str) -> str:
    """An LLM's name as one folder: `local:smollm2-135m` -> `local-smollm2-135m`; a long one is cut and hashed."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", llm).strip("-")
    return slug if len(slug) <= 60 else f"{slug[:20]}-{hashlib.sha256(llm.encode()).hexdigest()[:10]}"


def is_finished(folder: Path) -> bool:
    """Whether all rounds were run and the final cell was read; a damaged result is said and made again."""
    return result_if_whole(folder) is not None


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What keeps two runs from being one: entries of config.json that differ, such as `search.lam`.

    The kit's version and the data's place and file format are not compared.
    """
    differing = []
    for part in ("run", "search", "llm", "prompts", "data", "code"):
        old, new = there.get(part), here.get(part)
        if part == "data":
            old, new = ({"name": (data or {}).get("name")} for data in (old, new))
        if isinstance(old, dict) and isinstance(new, dict):
            differing += [f"{part}.{name}" for name in {**old, **new} if old.get(name) != new.get(name)]
        elif old != new:
            differing.append(part)
    return differing


def by_llm(searches: Iterable[SearchResult]) -> dict[str, list[SearchResult]]:
    """Searches by the name of their LLM."""
    found: dict[str, list[SearchResult]] = {}
    for search in searches:
        found.setdefault(search.llm, []).append(search)
    return found
