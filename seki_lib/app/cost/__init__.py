"""Estimate what the paper's tables cost before you pay: `seki cost --profile paper --card a100 --gpus 8 --llm …`.

`work` says what is left of each job that `seki_lib/paper` declares: GPU operations, and rounds that ask an LLM.
`rates` says how fast both go. A card's speed is measured, else estimated from `cards.toml`. An LLM's tokens and seconds
come from finished searches with it, else from the kit's own prompts. `plan` multiplies and adds.
"""

from .plan import Plan, plan
from .rates import cards

__all__ = ["Plan", "cards", "plan"]
