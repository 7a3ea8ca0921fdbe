import json
import os
import pty
import subprocess
import sys

import pytest

from seki_lib import get_space
from seki_lib.files.errors import LLMError
from seki_lib.llm import get_llm, human
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

QUESTION = [{"role": "system", "content": "Space Ω"}, {"role": "user", "content": "Which cell?"}]


def test_a_human_reads_the_prompt_and_types_a_reply_in_a_terminal():
    """Through a real pseudo-terminal, as somebody at a keyboard."""
    code = f"from seki_lib import get_llm; print(repr(get_llm('human:').complete({QUESTION!r}).text))"
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    os.write(parent, b"\nfirst line\nsecond line\n\n")
    said, _ = process.communicate(timeout=60)
    os.close(parent)
    os.close(child)
    assert "--- system ---\nSpace Ω" in said and "--- user ---\nWhich cell?" in said
    assert said.endswith("'first line\\nsecond line'\n")


def test_without_anybody_there_it_says_so():
    code = f"from seki_lib import get_llm; get_llm('human:').complete({QUESTION!r})"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "LLMError: human: nobody is there to answer" in done.stderr


def test_the_same_ladder_stands_behind_a_human(monkeypatch, table, tmp_path):
    space, typed, answers = get_space("nas201"), [], []

    def answer():
        typed.append("no idea" if len(typed) == 1 else "Fewer pools." if len(typed) % 3 == 0 else CELLS[len(typed) % 5])
        return typed[-1]

    monkeypatch.setattr(human, "_typed", answer)
    folder = search_run(
        RunSpec("nas201", "cifar10", "human:ada", "test", 0), Profile("test", rounds=2, lam=1, k=2, xi=1), tmp_path,
        on_step=answers.append,
    )  # fmt: skip
    assert folder.parts[-3] == "human-ada"
    assert answers[1].record.how == "repaired"  # "no idea" was asked for again
    assert all(space.parse(step.record.architecture) for step in answers)


CELLS = [
    "|none~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|skip_connect~2|",
    "I would take |nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|skip_connect~2| I think",
    json.dumps(dict.fromkeys(["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"], "nor_conv_1x1")),
    "|none~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|",
    "|none~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|",
]


def test_choices_are_shown_to_a_human_who_gets_no_grammar(monkeypatch, capsys):
    monkeypatch.setattr(human, "_typed", lambda: "b")
    get_llm("human:").complete(QUESTION, schema={"type": "string", "enum": ["a", "b"]})
    assert "one of these, word for word:\na\nb" in capsys.readouterr().out


def test_scripted_replies_are_refused_outside_of_tests(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"refine": ["one", "two"]}))
    assert get_llm(f"scripted:{script}").name == f"scripted:{script}"
    code = f"from seki_lib import get_llm; get_llm('scripted:{script}')"
    outside = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run([sys.executable, "-c", code], env=outside, capture_output=True, text=True)
    assert "LLMError: scripted: is for tests only" in done.stderr


def test_scripted_replies_depend_on_the_place_in_the_run_only(tmp_path):
    from seki_lib.llm import CallSeed

    script = tmp_path / "script.json"
    script.write_text(json.dumps({"refine": ["one", "two"]}))
    llm = get_llm(f"scripted:{script}")
    asked = [(1, 0), (2, 0), (1, 1), (1, 0)]
    replies = [llm.complete(QUESTION, seed=CallSeed(0, i, "refine", a)).text for i, a in asked]
    assert replies == ["two", "one", "one", "two"]
    with pytest.raises(LLMError):
        llm.complete(QUESTION, seed=1)
