"""Finished work, as far as tables look at it."""

import json

from seki_lib.files.jsonl import write_lines
from seki_lib.results import RunSpec, SearchResult


def searched(results, profile, space, task, llm, seed, architecture, score):
    """A finished search, as far as tables look at it."""
    folder = RunSpec(space, task, llm, profile, seed).folder(results)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"architecture": architecture, "score": score}))
    (folder / "config.json").write_text(json.dumps({"llm": {"name": llm}, "data": {"sha256": "gone"}}))


def finished(folder, config, result):
    """A finished search that is in no folder."""
    search = SearchResult(folder)
    vars(search).update(config=config, result=result)
    return search


def rounds_and_calls(folder, rounds=(), calls=()):
    """The history and the transcript of a run. Of each line only what matters to a test need be given."""
    record = {
        "round": 0,
        "stage": "self_evolution",
        "architecture": "|a|",
        "canonical": "|a|",
        "score": 0.0,
        "how": "llm",
    }
    call = {"round": 0, "stage": "refine", "attempt": 0, "key": "k", "messages": [], "seconds": 0.0}
    write_lines(folder / "history.jsonl", [record | {"score": 0.0, "seconds": 0.0} | given for given in rounds])
    used = lambda given: {} if "error" in given else {"usage": {}}  # noqa: E731
    write_lines(folder / "transcript.jsonl", [call | used(given) | given for given in calls])
