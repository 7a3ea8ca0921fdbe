"""One process a folder: a lock that a killed process cannot leave behind."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import RunError


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold a folder for this process; yields the lock's file descriptor. Raises RunError that names who holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise RunError(f"{folder} is in use by {lock.read().strip() or 'another process'}: wait for it.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield lock.fileno()
