"""Algorithm 1 of the paper. The comments name its lines, shortened here; the ends of loops (9, 15, 16) are left out:

     1  Input the initialized architecture α0 and calculate its evaluation score f(α0)
     2  for i = 1, 2, …, n do
     3      while i < λ do
     4          Construct Prompt^c_i and OS_i by Equ. 1 and Equ. 2
     5          Prompt^d_i is derived from α(i-1) and OS_i in Equ. 3
     6          New architecture α_i is searched by Equ. 4
     7          Calculate the evaluation score f(α_i)
     8          Store both α_i and f(α_i) in the knowledge repository S
    10      while i ≥ λ do
    11          Select the top k architectures from S, and further choose ξ of them to construct Prompt^e_i with E
    12          α_i ← LLM(Prompt^e_i)
    13          Calculate the evaluation score f(α_i)
    14          Store both α_i and f(α_i) in the knowledge repository S
    17  Output the best architecture from S

Each stage is a generator that yields one Step a round, so that a notebook can walk it. A stage starts where the
repository ends: a search that was stopped goes on, and a copied history forks. Record i is round i, and α0 is record 0.
Rounds 1 to λ are self-evolution, as the paper's text says; its lines 3 and 10 would give λ one round less
(docs/fidelity.md).
"""

from collections.abc import Iterator

from . import questions
from .replies import Answer, ask, ask_architecture, require_llm
from .repository import Record
from .state import Exchange, Search, Step, initial_architecture


def run(search: Search) -> Iterator[Step]:
    """All rounds that the repository does not hold yet; its best record is the result."""
    require_llm(search)
    yield from initial(search)
    yield from self_evolution(search)
    yield from knowledge_inspiration(search)  # line 17 is `search.repository.best()`, which `runs` reads at the end


def initial(search: Search) -> Iterator[Step]:
    """α0 and its score enter S."""
    if not search.repository.records:
        alpha0 = initial_architecture(search.space, search.config.alpha0, search.config.seed)
        yield from score_and_store(search, 0, "alpha0", Answer(alpha0, "alpha0"))  # line 1


def self_evolution(search: Search) -> Iterator[Step]:
    """λ rounds of critique and refinement. Each goes on from the cell before it, not from the best."""
    for i in range(len(search.repository.records), search.config.lam + 1):  # lines 2-3
        exchanges: list[Exchange] = []
        parent = search.space.parse(search.repository.records[i - 1].architecture)
        os_i = ask(search, questions.critique(search, i), exchanges)  # line 4
        prompt = questions.refine(search, i, os_i)  # line 5
        answer = ask_architecture(search, prompt, parent, exchanges)  # line 6, and the ladder of replies.py
        yield from score_and_store(search, i, "self_evolution", answer)  # lines 7-8


def knowledge_inspiration(search: Search) -> Iterator[Step]:
    """The other γ = n - λ rounds: each draws a new cell from the pattern of ξ of the k best."""
    for i in range(max(len(search.repository.records), search.config.lam + 1), search.config.rounds + 1):  # 2, 10
        best = search.space.parse(search.repository.best().architecture)  # only for a fallback: its neighbour is drawn
        answer = ask_architecture(search, questions.inspire(search, i), best, [])  # lines 11-12
        yield from score_and_store(search, i, "knowledge_inspiration", answer)  # lines 13-14


def score_and_store(search: Search, i: int, stage: str, answer: Answer) -> Iterator[Step]:
    """Score the cell, store both in S, and show the round. Whether chance leads is checked after the step is shown."""
    space, evaluation = search.space, search.evaluator(answer.architecture)
    text, canonical = (space.format(a) for a in (answer.architecture, space.canonical(answer.architecture)))
    record = Record(i, stage, text, canonical, evaluation.score, evaluation.metrics, answer.how, evaluation.seconds)
    search.repository.append(record)
    yield Step(record, answer.exchanges, search.repository.best().score)
    require_llm(search, answer.exchanges[-1].reply if answer.exchanges else None)
