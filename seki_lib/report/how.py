"""How the cells of searches came about, in the words of HOW, for the notes below the tables."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files.run_folder import read_rounds
from ..llm.transcript import recorded_calls
from ..search.repository import HOW

STAGES = {"self_evolution": "self-evolution", "knowledge_inspiration": "knowledge inspiration"}
ASKED_AGAIN = "asked again"  # of a kept history whose transcript is not there


def how_of(record: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> str:
    """The word for one record of a history, a key of HOW. calls: the answered calls of its round.

    Older histories say `repaired` for every cell that took a second question. The calls tell these cases apart.
    """
    if record["how"] != "repaired":
        return str(record["how"])
    if any(call["stage"] == "edit" for call in calls):
        return "edited"
    asked = [call["messages"] for call in calls if call["stage"] in ("refine", "inspire")]
    return ASKED_AGAIN if not asked else "resampled" if len(asked) > 1 and asked[0] == asked[-1] else "repaired"


def words(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The records of a run's history, α0 left out, each with its word."""
    calls: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for call in recorded_calls(folder / "transcript.jsonl"):
        calls[call["round"] or 0].append(call)
    history = read_rounds(folder)
    return ((record, how_of(record, calls[record["round"]])) for record in history if record["round"])


def how_notes(folders: Sequence[Path]) -> list[str]:
    """How the cells of these searches came about, counted by stage. The self-evolution of a seed counts once."""
    rounds: dict[tuple[str, Path, int], str] = {}
    for folder in folders:
        shared = folder.parents[1] / folder.name  # settings of one seed share their self-evolution
        for record, how in words(folder):
            stage = record["stage"]
            rounds.setdefault((stage, shared if stage == "self_evolution" else folder, record["round"]), how)
    if not rounds:
        return []
    counts = {stage: Counter(how for (where, *_), how in rounds.items() if where == stage) for stage in STAGES}
    listed = [
        f"{STAGES[stage]}, {found.total()} rounds: {', '.join(f'{how} {n}' for how, n in found.most_common())}"
        for stage, found in counts.items()
        if found
    ]
    meant = [f"{how}: {meaning}" for how, meaning in HOW.items() if how in rounds.values()]
    return [f"How the cells of these searches came about: {'; '.join(listed)}. In words: {'. '.join(meant)}."]
