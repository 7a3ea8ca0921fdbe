import random
from dataclasses import replace
from itertools import pairwise

import pytest
from fakes import FakeLLM

from seki_lib.evaluators.tabular import Tabular
from seki_lib.prompts import Prompts
from seki_lib.search import HOW, FallbackError, Search, SearchConfig, initial, run, self_evolution
from seki_lib.search.repository import Record, Repository

CONFIG = SearchConfig(rounds=12, lam=8, k=4, xi=2, notation="words", strategy="edit")


def make(space, evaluator, llm=None, **changes):
    config = replace(CONFIG, **changes)
    return Search(space, evaluator, llm or FakeLLM(), Prompts.load("compact"), Repository(), config)


def histories(search):
    return [record.architecture for record in search.repository.records]


def test_a_search_scores_alpha0_and_one_cell_a_round(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    assert [step.record.round for step in steps] == list(range(13))
    assert [step.record.stage for step in steps] == ["alpha0"] + ["self_evolution"] * 8 + ["knowledge_inspiration"] * 4
    for step in steps:
        assert step.record.score == evaluator(space.parse(step.record.architecture)).score
    assert steps[-1].best == max(record.score for record in search.repository.records)


def test_the_same_seed_gives_the_same_search_and_another_seed_another(space, evaluator):
    first, again, other = (make(space, evaluator, seed=seed) for seed in (3, 3, 4))
    for search in (first, again, other):
        list(run(search))
    assert histories(first) == histories(again) != histories(other)


def test_self_evolution_goes_on_from_the_previous_cell_not_from_the_best(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    for before, step in pairwise(steps[:9]):
        shown = space.show(space.parse(before.record.architecture), "words")
        assert f"{shown}\n" in step.exchanges[0].messages[-1]["content"]


def test_inspiration_shows_xi_of_the_k_best_with_their_scores(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    for step in steps[9:]:
        known = Repository()
        known.records = search.repository.records[: step.record.round]
        top = [space.show(space.parse(r.architecture), "words") for r in known.top(CONFIG.k)]
        prompt = step.exchanges[0].messages[-1]["content"]
        assert sum(f"{cell}\n" in prompt for cell in top) == CONFIG.xi


def test_alpha0_can_be_given_and_enters_the_repository(space, evaluator):
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    search = make(space, evaluator, alpha0=text)
    assert next(initial(search)).record.architecture == text


def test_all_cells_are_of_different_classes_under_the_novelty_rule(space, evaluator):
    search = make(space, evaluator, rounds=40, lam=25)
    list(run(search))
    assert len({record.canonical for record in search.repository.records}) == 41


def test_without_the_novelty_rule_a_known_cell_is_recorded_as_duplicate(space, evaluator):
    search = make(space, evaluator, FakeLLM(), novelty=False)
    start = next(initial(search))
    search.llm.replies = [space.show(space.parse(start.record.architecture), "words")]
    step = next(self_evolution(search))
    assert step.record.how == "duplicate"
    assert step.record.architecture == start.record.architecture


def test_a_reply_that_quotes_its_parent_behind_the_new_cell_is_the_new_cell(space, evaluator):
    search = make(space, evaluator, FakeLLM())
    parent = space.parse(next(initial(search)).record.architecture)
    new = space.neighbors(parent)[3]
    search.llm.replies = [f"{space.show(new, 'words')}\n\nThe given cell was:\n\n{space.show(parent, 'words')}"]
    step = next(self_evolution(search))
    assert (step.record.how, step.record.architecture) == ("llm", space.format(new))


def test_an_unreadable_reply_is_asked_for_again_with_the_error(space, evaluator):
    search = make(space, evaluator, FakeLLM("sorry, no", "large skip"))
    list(initial(search))
    step = next(self_evolution(search))
    assert step.record.how == "repaired"
    refinements = [exchange for exchange in step.exchanges if exchange.stage == "refine"]
    assert refinements[1].messages[-2]["content"] == "sorry, no"
    assert "no cell found" in refinements[1].messages[-1]["content"]
    assert "6 operations expected" in refinements[2].messages[-1]["content"]


def test_three_fallbacks_in_a_row_end_a_search_with_what_the_llm_last_said(space, evaluator):
    search = make(space, evaluator, FakeLLM(*["blah"] * 100))
    with pytest.raises(
        FallbackError, match=r"no architecture in 3 of the first 3 rounds.*last said: 'blah'.*=1 goes on"
    ):
        list(run(search))
    assert [record.how for record in search.repository.records] == ["alpha0"] + ["fallback"] * 3
    with pytest.raises(FallbackError):  # asked for again, it does not go on either
        next(run(search))


def test_more_than_a_third_of_fallbacks_ends_a_search_though_never_three_in_a_row(space, evaluator):
    search = make(space, evaluator, FakeLLM(), rounds=12, lam=12)
    answer = search.llm.answer

    def mute_in_two_of_three_rounds(question):
        said = answer(question)
        return replace(said, text="blah") if question.stage == "refine" and question.round % 3 else said

    search.llm.answer = mute_in_two_of_three_rounds
    with pytest.raises(FallbackError, match="in 5 of the first 7 rounds"):
        list(run(search))


def test_a_search_of_fallbacks_goes_on_where_that_is_allowed(space, evaluator):
    search = make(space, evaluator, FakeLLM(*["blah"] * 100))
    search.allow_fallbacks = True
    steps = list(run(search))
    assert {step.record.how for step in steps[1:]} == {"fallback"}
    asked = [exchange for exchange in steps[1].exchanges if exchange.stage == "refine"]
    assert len(asked) == 1 + CONFIG.repairs


def test_how_a_cell_came_about_has_a_word_for_each_step_of_the_ladder(space, evaluator):
    search = make(space, evaluator, FakeLLM(), samples=2)
    known = space.show(space.parse(next(initial(search)).record.architecture), "words")
    new = [space.show(space.random(random.Random(i)), "words") for i in range(4)]
    ways = {"llm": new[:1], "repaired": ["blah", new[1]], "resampled": [known, new[2]], "edited": [known, known]}
    for how, replies in ways.items():
        search.llm.replies = replies
        step = next(self_evolution(search))
        assert step.record.how == how and how in HOW
        assert (how == "edited") == (step.exchanges[-1].stage == "edit")


def test_a_search_goes_on_from_any_round_to_the_same_end(space, evaluator):
    whole = make(space, evaluator)
    list(run(whole))
    for rounds_before in (1, 5, 9, 12):
        resumed = make(space, evaluator)
        resumed.repository = Repository(records=whole.repository.records[:rounds_before])
        list(run(resumed))
        assert resumed.repository.records == whole.repository.records


def test_the_search_never_sees_test_values(space, evaluator, monkeypatch):
    """Whatever stands in the other columns, the search is the same."""
    monkeypatch.setattr(type(evaluator), "final", lambda *a: pytest.fail("test values were read during the search"))
    search = make(space, evaluator)
    list(run(search))
    table, column = evaluator._table, evaluator._table.columns.index(evaluator.metric)
    blind = {text: tuple(v if i == column else -1.0 for i, v in enumerate(row)) for text, row in table.rows.items()}
    blinded = make(space, Tabular(space, "cifar10", replace(table, rows=blind)))
    list(run(blinded))
    assert blinded.repository.records == search.repository.records


def test_which_xi_of_the_k_best_are_shown_is_drawn_anew_each_round(space, evaluator):
    search = make(space, evaluator, rounds=30, lam=20, k=10, xi=3)
    steps = list(run(search))[21:]
    ranks = set()
    for step in steps:
        known = Repository()
        known.records = search.repository.records[: step.record.round]
        shown = [space.show(space.parse(r.architecture), "words") for r in known.top(10)]
        prompt = step.exchanges[0].messages[-1]["content"]
        ranks.add(tuple(rank for rank, cell in enumerate(shown) if f"{cell}\n" in prompt))
    assert all(len(drawn) == 3 for drawn in ranks)
    assert len(ranks) > 5


@pytest.mark.parametrize("wrong", [{"xi": 0}, {"xi": 5}, {"lam": 13}, {"strategy": "guess"}, {"samples": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(CONFIG, **wrong)


def test_the_final_cell_is_the_earliest_of_the_highest_score():
    repository = Repository()
    for round, score in enumerate([1.0, 3.0, 2.0, 3.0]):
        repository.append(Record(round, "s", f"a{round}", f"c{round}", score))
    assert repository.best().round == 1


def test_algorithm_1_runs_unchanged_on_the_other_space_and_takes_the_task_from_the_evaluator(trans101_table):
    from seki_lib import get_evaluator, get_space

    space, evaluator = get_space("trans101"), get_evaluator("tabular", space="trans101", task="room_layout")
    search = Search(space, evaluator, FakeLLM(space="trans101"), Prompts.load("full"), Repository(), CONFIG)
    steps = list(run(search))
    assert len(steps) == 13 and len({step.record.canonical for step in steps}) == 13
    assert steps[-1].best == max(evaluator(space.parse(step.record.architecture)).score for step in steps) < 0
    asked = [" ".join(m["content"] for m in step.exchanges[0].messages) for step in steps[1:]]
    assert all("room layout" in prompt and "lower loss, so higher score is better" in prompt for prompt in asked)
