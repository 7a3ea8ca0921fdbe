"""Table 7: one LLM beside another. Each LLM's searches of Table 3, and the trainings of the cell it found for Table 1.

The table shows every LLM that has searched in this folder: `make reproduce LLM=…` adds one.
"""

from . import table1, table2, table3
from .needs import Edition, Report


def report(edition: Edition) -> Report:
    """Notebook 17."""
    needs = (*table3.searches(edition), *table1.found(edition), *table2.found(edition)[:1])
    return Report("17_table7_llms", needs, ("table7",), parameters=("llm",))
