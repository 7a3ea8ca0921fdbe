"""What the paper's tables take before anything is paid: `seki cost --profile paper --card a100 --gpus 8 --llm …`.

`work` says what is left of each job that `seki_lib/paper` declares: operations of a GPU, rounds to ask an LLM for.
`rates` says what both take: a card's speed is measured, else estimated from `cards.toml`; an LLM's tokens and seconds
are those of finished searches with it, else the tokens of the kit's own prompts. `plan` multiplies and adds.
"""

from .plan import Plan, plan
from .rates import cards

__all__ = ["Plan", "cards", "plan"]
