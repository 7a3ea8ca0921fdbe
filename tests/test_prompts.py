import pytest

from seki_lib.prompts import TEMPLATES, VARIABLES, Example, PromptError, Prompts


@pytest.mark.parametrize("templates", TEMPLATES)
def test_default_templates_show_the_cell_the_score_and_the_space(templates):
    prompts = Prompts.load(templates)
    common = {"task": "TASK", "space": "SPACE", "architecture": "CELL", "score": 12.3456}
    critique = prompts.critique(**common, edits=["change A"])[-1]["content"]
    refine = prompts.refine(**common, strategy="STRATEGY")[-1]["content"]
    inspire = prompts.inspire(task="TASK", space="SPACE", examples=[Example("X", 90.0), Example("Y", 80.0)])[-1][
        "content"
    ]
    assert "SPACE" in critique and "CELL" in critique and "12.3" in critique
    assert "CELL" in refine and "STRATEGY" in refine
    assert "X" in inspire and "Y" in inspire and "80" in inspire


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
