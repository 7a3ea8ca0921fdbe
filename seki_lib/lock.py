"""One process a folder: a lock that a killed process cannot leave behind."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import RunError


@contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[int]:
    """Hold a folder for this process; yields the lock's file descriptor. Raises RunError that names who holds it.

    patience: seconds to wait for one who only reads what is finished there.
    """
    waited = time.monotonic() + patience
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() < waited:
                    time.sleep(0.1)
                    continue
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise RunError(f"{folder} is in use by {holder}: wait for it.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield lock.fileno()
