import pytest

from seki_lib.prompts import TEMPLATES, VARIABLES, Example, PromptError, Prompts

COMMON = {"task": "TASK", "space": "SPACE", "architecture": "CELL", "score": 12.3456}


@pytest.mark.parametrize("templates", TEMPLATES)
def test_default_templates_show_the_cell_its_score_and_the_strategy(templates):
    prompts = Prompts.load(templates)
    critique = prompts.critique(**COMMON, edits=["change A"])[-1]["content"]
    refine = prompts.refine(**COMMON, strategy="STRATEGY")[-1]["content"]
    assert "CELL" in critique and "12.3" in critique
    assert "CELL" in refine and "STRATEGY" in refine


def test_full_templates_explain_the_space_and_print_every_score():
    prompts = Prompts.load("full")
    examples = [Example("X", 90.0), Example("Y", 80.0)]
    inspire = prompts.inspire(task="TASK", space="SPACE", examples=examples)[-1]["content"]
    assert "SPACE" in prompts.critique(**COMMON, edits=["change A"])[-1]["content"]
    assert "SPACE" in inspire and "X  90.00" in inspire and "Y  80.00" in inspire


def test_the_compact_inspiration_shows_better_cells_last_and_more_often():
    examples = [Example(letter, 90.0 - i) for i, letter in enumerate("ABCDEFGH")]
    inspire = Prompts.load("compact").inspire(task="TASK", space="SPACE", examples=examples)[-1]["content"]
    assert inspire.replace("Cell: ", "").split() == [*"HGFFEEDDDCCCBBBBAAAA", "Cell:"]


def test_an_unknown_variable_lists_the_known_ones_with_their_meaning():
    with pytest.raises(PromptError) as error:
        Prompts.load("full", critique="Improve {{ architectur }}.")
    assert "architectur" in str(error.value)
    for name, meaning in VARIABLES["critique"].items():
        assert f"{name}: {meaning}" in str(error.value)


def test_a_broken_template_names_its_line():
    with pytest.raises(PromptError, match="template refine, line 2"):
        Prompts.load("full", refine="fine\n{% if %}")


def test_an_edited_prompt_changes_its_hash_and_only_its_own():
    default, edited = Prompts.load("full"), Prompts.load("full", inspire="{{ examples }}")
    changed = [stage for stage in VARIABLES if default.hashes[stage] != edited.hashes[stage]]
    assert changed == ["inspire"]
