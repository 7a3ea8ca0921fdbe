"""The notebooks that show no table: set-up, the two stages of a search, and Figures 1 to 6."""

from . import table1, table3
from .needs import Edition, Report

PROMPT_FIGURES = (
    "figure3_self_evolution_prompts",
    "figure4_knowledge_inspiration_prompt",
    "figure5_self_evolution_example",
    "figure6_knowledge_inspiration_example",
)


def setup(edition: Edition) -> Report:
    """Notebook 00."""
    return Report("00_setup", parameters=("llm",))


def self_evolution(edition: Edition) -> Report:
    """Notebook 02, with Figure 2."""
    needs, figures = table3.searches(edition)[:1], ("figure2_data_flow",)
    return Report("02_self_evolution", needs, (), figures, ("llm", "seed"), edition.seeds)


def knowledge_inspiration(edition: Edition) -> Report:
    """Notebook 03. It asks what notebook 02 asks, so it runs after that."""
    needs, after = table3.searches(edition)[:1], ("02_self_evolution",)
    return Report("03_knowledge_inspiration", needs, (), (), ("llm", "seed"), edition.seeds, after)


def figures(edition: Edition) -> Report:
    """Notebook 20: Figure 1, and Figures 3 to 6."""
    needs = (*table3.searches(edition)[:1], *table1.found(edition)[:1])
    after = ("03_knowledge_inspiration",)
    return Report("20_figures", needs, (), ("figure1", *PROMPT_FIGURES), ("llm", "seed"), edition.seeds, after)
