"""The machine that trains: its name, its devices and threads, and how it asks to stop. Reports read it without torch.

Equal bits are promised on one type of CPU with one number of threads only.
"""

import platform
import re
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..files.errors import SettingError

if TYPE_CHECKING:
    import torch

ELSEWHERE = "Another type of CPU or GPU rounds otherwise: the same command then gives other weights and other numbers."


def describe(device: Any) -> dict[str, Any]:
    """For a result.json: the device, the type of CPU with the vector instructions that torch uses, memory, torch."""
    import torch

    gpu = device.type == "cuda"
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    peak = torch.cuda.max_memory_allocated(device) if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {
        "device": torch.cuda.get_device_name(device) if gpu else "cpu",
        "cpu": f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}",
        "peak_memory_mb": peak / 1e6,  # of the GPU, or of the whole process
        "torch": torch.__version__,
    }


def trained_on(result: Mapping[str, Any]) -> str:
    """The machine of a result.json in words; those from before the CPU was kept say so."""
    device = result.get("device", "cpu")
    machine = result.get("cpu", "a CPU whose type was not kept") if device == "cpu" else device
    return f"{machine}, torch {result.get('torch', 'unknown')}"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def choose_device(name: str) -> "torch.device":
    """A device by its name; "auto" is a GPU, or the CPU. Raises SettingError for one that this machine has not."""
    import torch

    gpus = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))] if torch.cuda.is_available() else []
    here = [*gpus, "cpu", *(["mps"] if torch.backends.mps.is_available() else [])]
    if name not in ("auto", *here):
        raise SettingError(f"device {name!r} is not here: this machine has {', '.join(here)}; auto takes the first")
    return torch.device("cpu" if name == "auto" and not gpus else "cuda" if name == "auto" else name)


@contextmanager
def cpu_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads (0: as it is), and put the number back."""
    import torch

    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that fills when Ctrl-C or a cluster asks to stop, so that the current step is finished and saved first.

    A second Ctrl-C stops at once. In a thread other than the main one nothing is caught.
    """
    stopped: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
