"""What a job asks a cluster's scheduler for: cores, GPUs, memory, minutes. Plain data, beside the needs.

On one machine this is not used: there `JOBS=` says how many jobs run at once. Minutes are a limit, not an estimate. If
a job takes longer, the cluster ends it, and the same command goes on with it.
"""

from dataclasses import dataclass, replace

from ..llm import split_name
from ..llm.gguf import GGUFS
from ..spaces import get_space
from .needs import Edition, Need, Report, Search, Supernet, Training


@dataclass(frozen=True)
class Resources:
    """What one job needs at most, on one machine of the cluster."""

    cpus: int
    memory_mb: int
    minutes: int
    gpus: int = 0

    def within(self, gpus: int, minutes: int) -> "Resources":
        """The same, but no more GPUs and minutes than a site gives to a job. Cores and memory shrink with the GPUs."""
        if self.gpus <= gpus:
            return replace(self, minutes=min(self.minutes, minutes))
        share = max(gpus, 1) / self.gpus
        cpus, memory = max(1, int(self.cpus * share)), int(self.memory_mb * share)
        return Resources(cpus, memory, min(self.minutes, minutes), gpus)


HOUR, DAY = 60, 24 * 60  # minutes
_ON_CPU = {  # smoke and laptop: networks of a few thousand weights, on one thread each
    "search": Resources(1, 3_000, 2 * HOUR),
    "scored search": Resources(1, 3_000, 2 * HOUR),
    "supernet": Resources(1, 3_000, 2 * HOUR),
    "training": Resources(1, 3_000, 2 * HOUR),
    "language model": Resources(1, 3_000, 2 * HOUR),
    "photographs": Resources(1, 4_000, 2 * HOUR),
    "notebook": Resources(1, 4_000, HOUR),
    "scoring notebook": Resources(1, 4_000, 2 * HOUR),
}
_ON_GPU = {  # the times that public code took (cards.toml of `seki cost`), and as much again
    "search": Resources(1, 4_000, 12 * HOUR),  # a table scores; it waits for the LLM most of the time
    "scored search": Resources(4, 16_000, 12 * HOUR, 1),
    "supernet": Resources(4, 16_000, 12 * HOUR, 1),
    "training": Resources(4, 16_000, 3 * DAY, 1),
    "language model": Resources(2, 16_000, 7 * DAY, 1),  # one process: it does not share its batches
    "photographs": Resources(8, 32_000, 3 * DAY, 1),  # the sample of 200 classes
    "notebook": Resources(1, 8_000, 4 * HOUR),
    "scoring notebook": Resources(4, 16_000, 8 * HOUR, 1),
}
RESOURCES: dict[str, dict[str, Resources]] = {
    "smoke": _ON_CPU,
    "laptop": _ON_CPU,
    "workstation": _ON_GPU,
    "paper": _ON_GPU | {"photographs": Resources(64, 256_000, 7 * DAY, 8)},  # ImageNet-1K: 8 GPUs share each batch
}
"""Profile -> kind of job -> what it asks for."""

FITS_NO_CORE = 2_000  # MB of a local model's file from which on a search asks for a GPU, where the profile has any
MODEL_ROOM = 1.2  # memory of a loaded model as a multiple of its file


def kind_of(job: Need | Report, edition: Edition) -> str:
    """The kind of a job, a key of RESOURCES: a supernet scores cells in some searches and notebooks."""
    if isinstance(job, Report):
        return "scoring notebook" if any(isinstance(need, Supernet) for need in job.needs) else "notebook"
    if isinstance(job, Search):
        scored = any(isinstance(before, Supernet) for before in job.after(edition))
        return "scored search" if scored else "search"
    if isinstance(job, Supernet | Training):
        if job.dataset.startswith("imagenet"):
            return "photographs"
        if get_space(job.space).trainer == "language_model":
            return "language model"
        return "supernet" if isinstance(job, Supernet) else "training"
    return "search"  # questions to an LLM alone


def resources_of(job: Need | Report, edition: Edition) -> Resources:
    """What a job of this edition asks for. A search also loads its LLM, unless a server answers."""
    kinds, kind = RESOURCES[edition.name], kind_of(job, edition)
    asked = kinds[kind]
    if not kind.endswith("search"):
        return asked
    size = _model_mb(edition.llm)
    gpus = 1 if size >= FITS_NO_CORE and kinds["training"].gpus else 0
    return replace(asked, memory_mb=asked.memory_mb + int(MODEL_ROOM * size), gpus=max(asked.gpus, gpus))


def _model_mb(llm: str) -> int:
    """Megabytes of the model that a search loads itself; 0 of a server's, and of a file that nobody has measured."""
    provider, model = split_name(llm)
    return GGUFS[model].size // 1_000_000 if provider == "local" and model in GGUFS else 0
