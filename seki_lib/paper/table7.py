"""Table 7: one LLM beside another. Each LLM's searches of NAS-Bench-201, DARTS and TransNAS.

The table shows every LLM that has searched in this folder: `make reproduce LLM=…` adds one.
"""

from . import table1, table2, table3, table4
from .needs import Edition, Report


def report(edition: Edition) -> Report:
    """Notebook 17."""
    searches = (*table3.searches(edition), *table1.by_surrogate(edition))
    searches += table4.searches(edition) if edition.trans101_table else ()
    needs = (*searches, *table1.found(edition), *table2.found(edition)[:1])
    return Report("17_table7_llms", needs, ("table7",), ("llm_sizes",), parameters=("llm",))
