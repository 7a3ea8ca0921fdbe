"""The types by which tables and figures declare what they need. Plain data: nothing here is run, read or fetched.

A need knows its folder below `<results>/<profile>/`, the command that makes it, what must be made before it, and which
code decides it. The DAG runs needs, `seki cost` prices them, tables read what they left behind.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..evaluators import by_supernet as reads_supernet
from ..profiles import Profile
from ..results import Home, RunSpec, folder_name
from ..spaces import get_space
from ..training.protocol import SupernetSpec
from .settings import Setting, full_grid, longest

NOWHERE = Path()
BELOW = Home(NOWHERE, "")  # its folders are those below a profile's


@dataclass(frozen=True)
class Edition:
    """One profile with one LLM on one machine: all that the declarations depend on."""

    profile: Profile
    llm: str
    seeds: tuple[int, ...]  # of the searches of NAS-Bench-201
    trans101_seeds: tuple[int, ...]  # of the searches of each task of TransNAS-Bench-101
    full_grid_seeds: tuple[int, ...] = ()  # for which all settings of Tables 5 and 6 are run
    control_seeds: tuple[int, ...] = ()  # for which all arms of notebook 21 are run
    images: str = "cifar10"  # or what stands in for it
    text: str = "ptb"  # or what stands in for it
    photographs: str = "imagenet"  # or its sample; empty where there are none
    surrogate: str = "surrogate"  # what `get_evaluator` makes of NAS-Bench-301: "surrogate:ridge" without YAHPO's file
    trans101_table: bool = True  # whether the benchmark's table is on this machine

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """Seeds of the profile's own searches of the DARTS space and of recurrent cells."""
        return self.profile.ablation_seeds

    @property
    def surrogate_seeds(self) -> tuple[int, ...]:
        """Seeds of the searches of the DARTS space that are scored by the surrogate."""
        return tuple(dict.fromkeys([*self.profile.surrogate_seeds, *self.full_grid_seeds]))

    @property
    def chance_seeds(self) -> int:
        """For how many seeds chance takes the LLM's place in all settings of Tables 5 and 6. A seed takes a second.

        At least two: no seed gives no mean, and one seed gives no interval.
        """
        return 200 if self.full_grid_seeds else max(2, self.profile.baseline_seeds // 40)

    def at_hand(self, task: str) -> str:
        """The data set of a task, or what stands in for it."""
        return {"cifar10": self.images, "ptb": self.text}.get(task, self.photographs)

    def grid(self, seed: int) -> Profile:
        """The profile with the settings of Tables 5 and 6 that a seed is run with: its own, or all of the paper's."""
        return full_grid(self.profile) if seed in self.full_grid_seeds else self.profile

    def ablations(self, settings: "Callable[[Profile], Iterable[Setting]]") -> "tuple[Search, ...]":
        """The searches of these settings: scored by the supernet, and once more, for more seeds, by the surrogate."""
        by_supernet = [
            Search("darts", "cifar10", seed, setting)
            for seed in self.profile.ablation_seeds
            for setting in settings(self.profile)
        ]
        by_surrogate = [
            Search("darts", "cifar10", seed, setting, evaluator=self.surrogate)
            for seed in self.surrogate_seeds
            for setting in settings(self.grid(seed))
        ]
        return (*by_supernet, *by_surrogate)


class Need(ABC):
    """One thing that has to be made. Equal needs are one need, whichever tables share it."""

    space: str
    setting: Setting | None = None  # λ, k and ξ, of a search that an ablation needs
    until: int | None = None  # the last round that is needed, of a search that goes on later

    @abstractmethod
    def folder(self, edition: Edition) -> Path:
        """Where it is kept, below the profile's folder."""

    @abstractmethod
    def command(self, edition: Edition) -> list[str]:
        """The words behind `seki` that make it, or bring it up to date; profile and results folder are added."""

    @abstractmethod
    def code(self) -> str:
        """The name of the code that decides it, a key of `deciding_code`."""

    def after(self, edition: Edition) -> "tuple[Need, ...]":
        """What must be made before."""
        return ()


@dataclass(frozen=True)
class Supernet(Need):
    """A supernet, from which f(α) is read."""

    space: str
    dataset: str

    def spec(self, edition: Edition) -> SupernetSpec:
        """The supernet as `training` names it."""
        return SupernetSpec(self.space, self.dataset, edition.name)

    def folder(self, edition: Edition) -> Path:
        """`supernets/<space>/<dataset>/<kind>/seed=0`."""
        return self.spec(edition).folder(NOWHERE).relative_to(edition.name)

    def command(self, edition: Edition) -> list[str]:
        """`seki supernet`."""
        return ["supernet", "--space", self.space, "--dataset", self.dataset]

    def code(self) -> str:
        """The code of supernets of this space."""
        return f"supernet-{self.space}"


@dataclass(frozen=True)
class Search(Need):
    """A search by Algorithm 1.

    setting: λ, k and ξ where they are an ablation's; such searches fork from the longest self-evolution of their seed.
    until: only its rounds up to this one, so that forks can begin while it goes on.
    evaluator: what gives f, as `get_evaluator` takes it; the space's own if empty.
    arm: how it differs from SEKI, a key of `search.arms.ARMS`; empty where it does not.
    """

    space: str
    task: str
    seed: int
    setting: Setting | None = None
    until: int | None = None
    evaluator: str = ""
    arm: str = ""

    def spec(self, edition: Edition) -> RunSpec:
        """The search as `runs` names it."""
        spec = RunSpec(self.space, self.task, edition.llm, edition.name, self.seed)
        spec = spec.scored_by(self.evaluator).as_arm(self.arm)
        return self.setting.spec(spec, edition.profile) if self.setting else spec

    def folder(self, edition: Edition) -> Path:
        """`searches/<space>/<task>/<llm>/<variant>/seed=<n>`."""
        folder = self.spec(edition).folder(NOWHERE).relative_to(edition.name)
        return folder if self.until is None else folder.with_name(f"{folder.name},until={self.until}")

    def command(self, edition: Edition) -> list[str]:
        """`seki search`; for a search of an ablation `seki ablations`."""
        words = ["--space", self.space, "--task", self.task, "--llm", edition.llm, "--seed", str(self.seed)]
        words += ["--evaluator", self.evaluator] if self.evaluator else []
        words += ["--arm", self.arm] if self.arm else []
        if not self.setting:
            return ["search", *words]
        if self.until is not None:
            own = ["--until", str(self.until)]
        else:
            own = ["--lam", str(self.setting.lam), "--k", str(self.setting.k), "--xi", str(self.setting.xi)]
        full = self.evaluator and self.seed in edition.full_grid_seeds
        return ["ablations", *words, *own, *(["--full"] if full else [])]

    def code(self) -> str:
        """The code of searches of this space with this evaluator."""
        scored = f"-{self.evaluator.partition(':')[0]}" if self.evaluator else ""
        return f"search-{self.space}{scored}{'-arms' if self.arm else ''}"

    def after(self, edition: Edition) -> tuple[Need, ...]:
        """The supernet that scores its cells; for a fork, the rounds that it shares; for an arm, SEKI's answers."""
        shared = _shared(self, edition) if self.setting and self.until is None else ()
        if self.arm:
            shared = (replace(self, arm=""),)
        if not reads_supernet(self.evaluator or get_space(self.space).evaluator):
            return shared
        return (Supernet(self.space, edition.at_hand(self.task)), *shared)


def _shared(fork: Search, edition: Edition) -> tuple[Search, ...]:
    """The search whose rounds a fork shares: the longest self-evolution of its seed, or the first rounds of that."""
    profile = edition.grid(fork.seed) if fork.evaluator else edition.profile
    whole = replace(fork, setting=longest(profile))
    first = min(profile.lams)
    staged = whole.setting.lam - first > 10 if whole.setting else False  # few rounds are soon over
    part = (replace(whole, until=first),) if staged else ()
    if fork == whole:
        return part
    return part if part and fork.setting and fork.setting.lam == first else (whole,)


@dataclass(frozen=True)
class Memory(Need):
    """What an LLM knows of NAS-Bench-201 without any search: recall, and the ranking of random cells."""

    space: str = "nas201"

    def folder(self, edition: Edition) -> Path:
        """`memory/nas201/<llm>/seed=0`."""
        return BELOW.memory(self.space, edition.llm)

    def command(self, edition: Edition) -> list[str]:
        """`seki memory`."""
        return ["memory", "--llm", edition.llm]

    def code(self) -> str:
        """The code of these questions."""
        return "memory"


@dataclass(frozen=True)
class Training(Need):
    """A cell trained from scratch. cell: as `seki train --arch` takes it.

    searched: the searches whose best cell it is; `cell` is then "found", or "found:<task>".
    """

    cell: str
    dataset: str
    seed: int = 0
    space: str = "darts"
    searched: tuple[Search, ...] = ()

    def folder(self, edition: Edition) -> Path:
        """`trainings/<space>/<dataset>/<cell>/seed=<n>`; which cell a search finds is not known before."""
        cell = self.cell.replace(":", "-") + (f"-{folder_name(edition.llm)}" if self.searched else "")
        return BELOW.training(self.space, self.dataset, cell, self.seed)

    def command(self, edition: Edition) -> list[str]:
        """`seki train`."""
        words = ["--arch", self.cell, "--space", self.space, "--dataset", self.dataset, "--seed", str(self.seed)]
        return ["train", *words, *(["--llm", edition.llm] if self.searched else [])]

    def code(self) -> str:
        """The code of trainings of this space."""
        return f"training-{self.space}"

    def after(self, edition: Edition) -> tuple[Need, ...]:
        """The searches that find its cell."""
        return self.searched


@dataclass(frozen=True)
class Report:
    """One notebook of the DAG: what it shows, what it writes, what must be there first."""

    notebook: str
    needs: tuple[Need, ...] = ()
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()  # besides profile and results: llm, seed, seeds
    seeds: tuple[int, ...] = ()  # for the parameter `seeds`; the first one for `seed`
    after: tuple[str, ...] = ()  # notebooks that run before
    needs_trans101: bool = False
    decided_by: tuple[str, ...] = ("inputs",)  # what else decides it, as `seki reproduce` notes in <name>.json

    @property
    def outputs(self) -> list[str]:
        """The files that it writes, below the profile's folder."""
        tables = [f"{BELOW.tables}/{table}.{ending}" for table in self.tables for ending in ("csv", "md", "html")]
        figures = [f"{BELOW.figures}/{figure}.png" for figure in self.figures]
        return [f"{BELOW.notebooks}/{self.notebook}.ipynb", *tables, *figures]
