"""Algorithm 1 of the paper, step by step: what is asked, how a reply is read, what is remembered.

search = Search(space, evaluator, llm, prompts, Repository(), SearchConfig(seed=0))
for step in run(search):
    print(step)
"""

from .algorithm import initial, knowledge_inspiration, run, self_evolution
from .config import SearchConfig
from .replies import FallbackError, ask_architecture
from .repository import HOW, Record, Repository
from .state import Exchange, Search, Step, initial_architecture

__all__ = [
    "HOW",
    "Exchange",
    "FallbackError",
    "Record",
    "Repository",
    "Search",
    "SearchConfig",
    "Step",
    "ask_architecture",
    "initial",
    "initial_architecture",
    "knowledge_inspiration",
    "run",
    "self_evolution",
]
