"""What the paper's tables take before anything is paid: `seki cost --profile paper --card a100 --gpus 8 --llm …`.

GPU-hours are operations divided by a speed. Operations: 2 per multiply-add (`nn.count`), once forward and twice
backward for a sample that is trained on. The speed is, in this order,

- measured on the card: by a finished training of this profile, or a row of `benchmarks/results/throughput.csv`;
- the card's fp32 peak times the share of it that public code is known to reach at such work (`cards.toml`); bf16 is
  taken to be twice as fast, since memory traffic binds and halves.

Tokens are those of finished searches with the same LLM, else counted on the kit's own prompts
(`benchmarks/results/prompt_tokens.csv`). What is finished under the results folder is subtracted.

Each module imports only from those before it: `work`, then `tables`, `speed` and `tokens`, then `plan`, then `text`.
"""

from .plan import Plan, plan
from .speed import cards
from .text import as_text
from .work import Protocols

__all__ = ["Plan", "Protocols", "as_text", "cards", "plan"]
