"""What our searches took: the column "Search cost" of Tables 1 and 2, and our point in Figure 1."""

from pathlib import Path

from ..files.errors import RunError
from ..results import Home, SearchResult
from .tables import Cell

DAY = 24 * 3600


def parts(search: SearchResult, results: Path, profile: str) -> tuple[dict[str, float], str]:
    """Seconds of the supernet, of f and of the LLM, and the device of the supernet. Raises RunError without it."""
    digest = search.config["data"]["sha256"]
    for supernet in (found.result for found in Home(results, profile).supernets()):
        if supernet["weights_sha256"] == digest:
            seconds = {
                "supernet": supernet["seconds"],
                "f": search.scoring_seconds,
                "LLM": search.result["llm_seconds"],
            }
            return seconds, str(supernet["device"])
    raise RunError("the supernet that its search was scored by is no longer there")


def search_cost(search: SearchResult, results: Path, profile: str) -> Cell:
    """GPU-days of a search where it ran on a GPU, else its seconds by part."""
    try:
        seconds, device = parts(search, results, profile)
    except RunError as error:
        return Cell("not known", "not run", str(error))
    each = ", ".join(f"{part} {value:.0f} s" for part, value in seconds.items())
    if device == "cpu":
        return Cell(each, "measured", "on a CPU, whose hours are no GPU-days")
    return Cell(f"{sum(seconds.values()) / DAY:.3f}", "measured", f"{each}; {device}")
