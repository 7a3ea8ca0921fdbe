"""What the paper's tables and figures need, in one place. The DAG, `seki cost`, the notebooks and the tables read it.

    edition = Edition(get_profile("laptop"), "local:smollm2-135m", seeds=(8,), trans101_seeds=(8,))
    for report in reports(edition):
        print(report.notebook, len(report.needs))

A new table is one module here with a `report`, and one line in REPORTS.
"""

from collections.abc import Callable

from . import controls, figures, table1, table2, table3, table4, table5, table6, table7, table8
from .needs import Edition, Memory, Need, Report, Search, Supernet, Training

REPORTS: dict[str, Callable[[Edition], Report]] = {
    "setup": figures.setup,
    "trust": table1.supernet_training,
    "self_evolution": figures.self_evolution,
    "knowledge_inspiration": figures.knowledge_inspiration,
    "final_training": table1.final_training,
    "analysis": table3.analysis,
    "table1": table1.report,
    "table2": table2.report,
    "table3": table3.report,
    "table4": table4.report,
    "table5": table5.report,
    "table6": table6.report,
    "table7": table7.report,
    "table8": table8.report,
    "figures": figures.figures,
    "controls": controls.report,
    "audit": controls.audit,
}
"""The notebooks of the DAG by name: what `seki reproduce --only <name>` makes; `make` has table1 to 8 and figures."""

__all__ = ["REPORTS", "Edition", "Memory", "Need", "Report", "Search", "Supernet", "Training", "needs_of", "reports"]


def reports(edition: Edition) -> dict[str, Report]:
    """What every notebook that this edition can run needs and writes."""
    declared = {name: declare(edition) for name, declare in REPORTS.items()}
    return {name: report for name, report in declared.items() if edition.trans101_table or not report.needs_trans101}


def needs_of(edition: Edition, *names: str) -> dict[Need, list[str]]:
    """Every need, in an order in which they can be made -> the reports that need it. names: of reports; else all."""
    found: dict[Need, list[str]] = {}

    def add(need: Need, name: str) -> None:
        for before in need.after(edition):
            add(before, name)
        if name not in found.setdefault(need, []):
            found[need].append(name)

    for name, report in reports(edition).items():
        if not names or name in names:
            for need in report.needs:
                add(need, name)
    return found
