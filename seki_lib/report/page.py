"""The one page of a profile, `results/<profile>/index.html`: self-contained, offline, from finished files alone.

    write_page(Path("results/laptop"))

Whatever an LLM said is escaped, and the page's policy lets no script run but its own. The page leaves
out what would make it larger than LIMIT, and says where it is.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.checkout import ROOT
from ..files.errors import RunError
from ..files.jsonl import on_disk, read_json, write_text
from ..training.machine import trained_on
from .tables import LEGEND, LETTERS, Table
from .templates import fill
from .unfolded import Unfolded, natural, searches
from .verdicts import beside_paper, machines, provenances, verdict

LIMIT = 6_000_000  # bytes of the whole page
FIGURES = 2_500_000  # bytes of its figures
SVG = 100_000  # bytes of a figure up to which it is drawn by lines, and not by a picture of fewer colours
PAPER = "Cai et al.: SEKI. arXiv:2502.20422, 2025. https://arxiv.org/abs/2502.20422"  # where CITATION.cff is not there
CAPTIONS = {  # the beginning of a figure's name -> what it shows
    "analysis_exploration": "One search analysed: how far each cell lies from the one that it came from",
    "darts_best_so_far": "DARTS space: best score so far against evaluations, by the surrogate of NAS-Bench-301",
    "f_against_truth": "How far f(α), the accuracy inside a supernet, follows the true accuracies of known cells",
    "figure1": "Figure 1: test error against the cost of the search",
    "figure2": "Figure 2: how questions, replies and scores flow",
    "figure3": "Figure 3: the prompts of self-evolution",
    "figure4": "Figure 4: the prompt of knowledge inspiration",
    "figure5": "Figure 5: an exchange of self-evolution",
    "figure6": "Figure 6: an exchange of knowledge inspiration",
    "figure7": "Figure 7: the normal cell that our searches on CIFAR-10 found",
    "figure8": "Figure 8: the reduction cell that our searches on CIFAR-10 found",
    "figure9": "Figure 9: the normal cell that our search on photographs found",
    "figure10": "Figure 10: the reduction cell that our search on photographs found",
    "llm_sizes": "NAS-Bench-201: what searches found, against the size of the LLM",
    "nas201_best_cell": "NAS-Bench-201: the best cell of our searches, drawn",
    "nas201_best_so_far": "NAS-Bench-201: best accuracy so far against evaluations, our searches over three baselines",
    "supernet_curve": "Accuracy of random cells inside the supernet against minutes of its training",
    "supernet_path": "One cell inside the supernet: the edges that run, among all that do not",
    "table1_compared": "Table 1: errors of the cells that we trained, on the same images",
    "table2_compared": "Table 2: errors of the cells that we trained, on the same images",
    "table5_differences": "Table 5: every λ against the setting of the other tables",
    "table6_differences": "Table 6: every k and ξ against the setting of the other tables",
    "trans101_best_cells": "TransNAS-Bench-101: the best cell of each task, drawn",
    "trans101_ranks": "TransNAS-Bench-101: rank of the final cells by task",
    "trans101_transfer": "TransNAS-Bench-101: the rank that the best cell of one task has in the others",
}


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it. data: a data URI, empty where the page has no room for it."""

    file: str
    caption: str
    data: str


def write_page(folder: Path) -> Path:
    """Write `index.html` of a profile's folder, and return its path. Raises RunError if the folder holds no table."""
    path = folder / "index.html"
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """The page of a profile's folder. Raises RunError if it holds no table."""
    from markupsafe import Markup

    tables = [Table.read(path) for path in sorted((folder / "tables").glob("[!.]*.csv"), key=_paper_first)]
    if not tables:
        raise RunError(f"{folder} holds no table yet. Next: make reproduce, or: seki page results/reference")
    found, pictures = searches(folder), _pictures(folder)
    script = fill("page.js.j2")
    values = {
        "name": f"{folder.resolve().parent.name}/{folder.resolve().name}",
        "tables": tables,
        "names": {table.name: _short(table) for table in tables},
        "verdicts": {table.name: verdict(table) for table in tables},
        "counts": {table.name: provenances(table) for table in tables},
        "beside": {table.name: beside_paper(table) for table in tables},
        "origins": {table.name: _origins(table) for table in tables},
        "machines": sorted(set().union(*map(machines, tables))),
        "figures": pictures,
        "costs": _costs(found),
        "trained": _trained(folder),
        "citation": _citation(),
        "versions": sorted({f"version {search.config.get('version', 'unknown')} of the kit" for search in found}),
        "letters": LETTERS,
        "legend": LEGEND,
        "script": Markup(script),  # noqa: S704 - the kit's own file
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    }
    room = LIMIT - len(fill("page.html.j2", **values, searches=[]).encode())
    return fill("page.html.j2", **values, searches=_unfold(found, room))


def _unfold(found: Sequence[Unfolded], room: int) -> list[Any]:
    """The searches as HTML. room: bytes for all of them; those that no longer fit are shown without their rounds."""
    from markupsafe import Markup

    anchors = {search.place: search.anchor for search in found}

    def shown(search: Unfolded, rounds: Any) -> str:
        return fill("page_search.html.j2", search=search, rounds=rounds, origin=anchors.get(search.origin))

    without = {search.place: shown(search, None) for search in found}
    room -= sum(len(text.encode()) for text in without.values()) + 10_000
    texts = []
    for search in found:
        text = shown(search, list(search.rounds()))
        more = len(text.encode()) - len(without[search.place].encode())
        texts.append(text if more <= room else without[search.place])
        room -= more if more <= room else 0
    return [Markup(text) for text in texts]  # noqa: S704 - rendered with every value escaped


def _paper_first(path: Path) -> tuple[bool, str]:
    return not path.stem.startswith("table"), path.stem


def _short(table: Table) -> str:
    """`Table 3` for the paper's tables; the first words of the title for others."""
    return table.title.partition(". ")[0] if table.name.startswith("table") else table.title.partition(",")[0]


def _origins(table: Table) -> dict[str, list[str]]:
    """Provenance with its detail -> the rows and columns of ours that it stands behind."""
    found: dict[str, dict[str, list[str]]] = {}
    for label, _, cells in table.rows:
        for heading, cell in zip(table.columns.values(), cells, strict=True):
            if cell.text and cell.provenance != "paper":
                origin = ": ".join(filter(None, (cell.provenance, cell.detail)))
                found.setdefault(origin, {}).setdefault(label, []).append(heading)
    return {
        origin: [f"{label} ({', '.join(headings)})" for label, headings in rows.items()]
        for origin, rows in found.items()
    }


def _pictures(folder: Path) -> list[Picture]:
    """The figures of a folder, as far as there is room for them."""
    pictures, room = [], FIGURES
    names = {path.stem for path in (folder / "figures").glob("[!.]*.png")}
    for name in sorted(names, key=lambda name: (not name.startswith("figure"), natural(name))):
        path = folder / "figures" / f"{name}.svg"
        if not path.exists() or path.stat().st_size > SVG:
            path = path.with_suffix(".png")
        kind = "svg+xml" if path.suffix == ".svg" else "png"
        content = path.read_bytes() if kind == "svg+xml" else _fewer_colours(path)
        data = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        fits = len(data) <= room
        room -= len(data) if fits else 0
        pictures.append(Picture(f"figures/{path.name}", _caption(name), data if fits else ""))
    return pictures


def _fewer_colours(path: Path) -> bytes:
    """A PNG with 128 colours, a third of its bytes; figures have few."""
    from PIL import Image

    out = io.BytesIO()
    with on_disk(path), Image.open(path) as image:
        image.convert("RGB").quantize(128).save(out, "PNG", optimize=True)
    return min(out.getvalue(), path.read_bytes(), key=len)


def _caption(name: str) -> str:
    known = CAPTIONS.get(name) or CAPTIONS.get(name.partition("_")[0])
    what = {"learning_curve": "test error by epoch", "normal": "the normal cell", "reduce": "the reduction cell"}
    cell, _, part = name.partition("_")
    return known or (f"{cell}: {what[part]}" if part in what else name.replace("_", " "))


def _costs(found: Iterable[Unfolded]) -> dict[str, dict[str, Any]]:
    """LLM -> what its calls in these searches took; those that searches share count with the one that made them."""
    costs: dict[str, dict[str, Any]] = {}
    for search in found:
        empty = {"searches": 0, "calls": 0, "prompt": 0, "reply": 0, "seconds": 0.0, "dollars": 0.0}
        row = costs.setdefault(search.config["llm"]["name"], empty)
        row["searches"] += 1
        for call in search.own_calls:
            row["calls"] += 1
            row["prompt"] += call["usage"].get("prompt_tokens", 0)
            row["reply"] += call["usage"].get("completion_tokens", 0)
            row["seconds"] += call["seconds"]
            paid = call.get("dollars")
            row["dollars"] = None if paid is None or row["dollars"] is None else row["dollars"] + paid
    return costs


def _trained(folder: Path) -> list[tuple[str, float, str]]:
    """What was trained in a folder: its place, its seconds, its machine."""
    found = []
    for path in sorted([*folder.glob("supernets/**/result.json"), *folder.glob("trainings/**/result.json")]):
        result = read_json(path)
        place = path.parent.relative_to(folder).as_posix()
        if "seconds" in result and ",code=" not in place:
            found.append((place, float(result["seconds"]), trained_on(result)))
    return found


def _citation() -> str:
    path = ROOT / "CITATION.cff"
    return path.read_text(encoding="utf-8") if path.is_file() else PAPER
