"""Commands that look at finished results: they train nothing and ask no LLM."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from ..profiles import get_profile
from ..results import Home
from . import options as option
from .notebook import ROOT


@dataclass(frozen=True, kw_only=True)
class Page:
    """Write index.html of a profile: its tables, figures, searches round by round, and cost, as one file."""

    folder: Annotated[option.MaybePath, tyro.conf.arg(metavar="FOLDER"), Positional] = None  # in place of the profile's
    profile: option.ProfileName = "laptop"
    results: option.Folder = ROOT / "results"  # the folder of all results

    def run(self) -> None:
        from ..report.page import write_page

        print(write_page(self.folder or Home(self.results, self.profile).folder))


@dataclass(frozen=True)
class Compare:
    """What differs between the tables of two folders of results, and whether seeds or machines explain it.

    Exit code 1 if a number really changed.
    """

    here: Annotated[option.Folder, Positional]  # such as results/laptop
    there: Annotated[option.Folder, Positional] = ROOT / "results" / "reference"  # what it is compared with

    def run(self) -> None:
        from ..report.compare import report

        for line in report(self.here, self.there):
            print(line)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Make Tables 3 to 7 anew from kept searches, without a model: their transcripts answer in its place."""

    kept: Annotated[option.Folder, tyro.conf.arg(metavar="FOLDER"), Positional] = ROOT / "results" / "reference"
    profile: option.ProfileName = "laptop"  # the profile that made them
    results: option.Folder = ROOT / "results" / "replay"  # where the tables and the page go, under the profile's name

    def run(self) -> None:
        from .replay import replay

        folder = replay(self.kept, get_profile(self.profile), self.results)
        for table in sorted((folder / "tables").glob("*.md")):
            print(table.read_text(encoding="utf-8"))
        print(folder / "index.html")
