"""Commands that look at finished results: they train nothing and ask no LLM."""

import json
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from ..files.checkout import RESULTS
from ..profiles import get_profile
from ..results import Home
from . import options as option
from .show import describe, prices_of


@dataclass(frozen=True, kw_only=True)
class Page:
    """Write index.html of a profile: its tables, figures, searches round by round, and cost, as one file."""

    folder: Annotated[option.MaybePath, tyro.conf.arg(metavar="FOLDER"), Positional] = None  # in place of the profile's
    profile: option.ProfileName = "laptop"
    results: option.Folder = RESULTS  # the folder of all results

    def run(self) -> None:
        from ..report.page import write_page

        print(write_page(self.folder or Home(self.results, get_profile(self.profile).name).folder))


@dataclass(frozen=True)
class Compare:
    """What differs between the tables of two folders of results, and whether seeds or machines explain it.

    Exit code 1 if a number really changed.
    """

    here: Annotated[option.Folder, Positional]  # such as results/laptop
    there: Annotated[option.Folder, Positional] = RESULTS / "reference"  # what it is compared with

    def run(self) -> None:
        from ..report.compare import report

        for line in report(self.here, self.there):
            print(line)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Make Tables 3 to 7 anew from kept searches, without a model: their transcripts answer in its place."""

    kept: Annotated[option.Folder, tyro.conf.arg(metavar="FOLDER"), Positional] = RESULTS / "reference"
    profile: option.ProfileName = "laptop"  # the profile that made them
    results: option.Folder = RESULTS / "replay"  # where the tables and the page go, under the profile's name

    def run(self) -> None:
        from .replay import replay

        folder = replay(self.kept, get_profile(self.profile), self.results)
        for table in sorted((folder / "tables").glob("*.md")):
            print(table.read_text(encoding="utf-8"))
        print(folder / "index.html")


@dataclass(frozen=True)
class Show:
    """One search, training or supernet: its settings, how far it is, what came of it, what the LLM cost."""

    run_folder: Annotated[
        option.Folder, tyro.conf.arg(name="run"), Positional
    ]  # its folder, or the folder of all its seeds
    html: bool = False  # print a search as one HTML page, round by round: prompts, replies, drawn cells

    def run(self) -> None:
        if not self.html:
            print(describe(self.run_folder))
            return
        from ..report.run_page import run_page

        print(run_page(self.run_folder))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the paper's tables will take: GPU-hours, tokens, dollars, LLM-hours. Finished work is not counted.

    With RUN: what the calls of that run would cost on every LLM with a known price, from the tokens it was measured to
    take (tokenizers differ).
    """

    run_folder: Annotated[option.MaybePath, tyro.conf.arg(name="run"), Positional] = None  # a search
    profile: str = "paper"  # or workstation
    results: option.Folder = RESULTS  # the folder of all results
    card: str = "a100"  # the GPU
    gpus: option.Cards = 1  # how many
    llm: str = "openai:gpt-4o-mini"  # provider:model
    precision: str = ""  # fp32 or bf16
    json: bool = False  # as data

    def run(self) -> None:
        if self.run_folder is not None:
            print("\n".join(prices_of(self.run_folder)))
            return
        from .cost import plan

        planned = plan(self.profile, self.card, self.gpus, self.llm, self.results, self.precision)
        print(json.dumps(planned.as_data(), indent=1, ensure_ascii=False) if self.json else planned)
