"""`replay:<run folder>`: the answers of an earlier run, for free and without a model."""

import json
from pathlib import Path

from ..errors import LLMError
from .transcript import Recorder


def replay(folder: str) -> Recorder:
    """The answers in `<folder>/transcript.jsonl`. Raises LLMError if there are none."""
    run = Path(folder)
    transcript, config = run / "transcript.jsonl", run / "config.json"
    if not transcript.is_file():
        raise LLMError(f"{transcript} does not exist: `replay:` takes a run folder, results/<profile>/searches/…/seed=<n>")
    llm = Recorder(transcript, None)
    if config.is_file():  # so that the run is asked in the same words
        llm.settings = json.loads(config.read_text())["llm"]
    return llm
