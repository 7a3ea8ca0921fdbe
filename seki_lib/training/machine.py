"""Which machine trained a network. Equal bits are promised on one type of CPU with one number of threads only."""

import platform
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
