"""Finished work, as far as tables look at it."""

import json

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
