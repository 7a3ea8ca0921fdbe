"""Checkpoints that are whole or not there, and the one before as well.

`checkpoint.pt` is an ordinary torch file. It is written beside its place, flushed to disk and moved there at once; the
one before stays as `checkpoint.before.pt`. Every byte of a torch file stands under a CRC-32: damage is seen before use.
"""

import io
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files.errors import RunError, TrainingError
from ..files.jsonl import written_at_once

NAME, BEFORE = "checkpoint.pt", "checkpoint.before.pt"
DAMAGE = (OSError, ValueError, RuntimeError, KeyError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError)
State = dict[str, Any]  # tensors, numbers, texts, and lists and dicts of these


def save(folder: Path, state: State) -> None:
    """Write the newest checkpoint. Raises TrainingError if the disk does not take it; the last good one stays."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        for unfinished in folder.glob(f".{NAME}-*"):  # of a process that was killed: the folder is ours alone
            unfinished.unlink(missing_ok=True)
        with written_at_once(folder / NAME, before=folder / BEFORE) as part:
            part.write_bytes(buffer.getbuffer())
    except RunError as error:
        good = (folder / NAME).exists() or (folder / BEFORE).exists()
        kept = "the last good checkpoint is kept" if good else "it would have been the first"
        raise TrainingError(
            f"{str(error).partition('). ')[0]}): {kept}. "
            f"Make room, and the same command {'goes on from it' if good else 'starts anew'}."
        ) from None


def load(folder: Path, identity: dict[str, Any]) -> tuple[State | None, str]:
    """The newest good checkpoint, or None if there never was one; and a sentence if one was passed over.

    Raises RunError if it was made with other settings than `identity`, or if all that exist are damaged.
    """
    state, damaged = _newest(folder)
    if state is None:
        if damaged:
            raise RunError(f"{'; '.join(damaged)}. Nothing was changed: remove the folder to start anew.")
        return None, ""
    if different := differences(state["identity"], identity):
        raise RunError(
            f"the checkpoint in {folder} was made with other settings: {different}. It was left as it is: "
            "use the settings it was made with, or another folder (--variant)."
        )
    return state, f"{damaged[0]}: going on from {BEFORE}, the one before" if damaged else ""


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """The settings in which two trainings differ, each with both values; empty if there are none."""
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    return "; ".join(f"{key} was {there.get(key)!r}, now {here.get(key)!r}" for key in keys)


def load_network(folder: Path) -> State:
    """The weights of the newest good checkpoint. Raises RunError if there is none."""
    state, _ = _newest(folder)
    if state is None:
        raise RunError(f"{folder} holds no good checkpoint. Remove the folder and train anew.")
    weights: State = state["parts"]["network"]
    return weights


def _newest(folder: Path) -> tuple[State | None, list[str]]:
    """The newest good checkpoint, or None; and what is wrong with each that was passed over."""
    damaged: list[str] = []
    for path in (folder / NAME, folder / BEFORE):
        if path.exists():
            try:
                return _read(path), damaged
            except DAMAGE as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
                damaged.append(f"{path} is damaged ({reason})")
    return None, damaged


def _read(path: Path) -> State:
    with zipfile.ZipFile(path) as archive:
        if bad := archive.testzip():
            raise ValueError(f"wrong checksum of {bad}")
    state: State = torch.load(path, weights_only=True, map_location="cpu")
    if not (isinstance(state, dict) and isinstance(state.get("parts"), dict) and "network" in state["parts"]):
        raise ValueError("it holds no network of this kit")
    return state


def put_into(part: Any, weights: State, folder: Path) -> None:
    """Load a state into what it was taken from. Raises RunError if it is that of another network."""
    try:
        part.load_state_dict(weights)
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise RunError(
            f"{folder}: the checkpoint is that of another network ({lines[-1].strip()[:120]}). "
            "Next: remove the folder and train anew."
        ) from None


def rng_states() -> State:
    """The state of every random number generator of this process: Python, numpy, torch on CPU and on each GPU."""
    _, numbers, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, words, gauss = random.getstate()
    return {
        "python": [version, list(words), gauss],
        "numpy": [torch.from_numpy(np.asarray(numbers, np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_rng(states: State) -> None:
    """Put every generator back to where `rng_states` found it."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numbers, position, has_gauss, cached = states["numpy"]
    np.random.set_state(("MT19937", numbers.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
