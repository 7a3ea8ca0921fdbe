"""What the paper's tables and figures need, in one place. The DAG, `seki cost`, the notebooks and the tables read it.

    edition = Edition(get_profile("laptop"), "local:smollm2-135m", seeds=(8,), trans101_seeds=(8,))
    for report in reports(edition):
        print(report.notebook, len(report.needs))

A new table is one function in `declared` and one line in REPORTS.
"""

from .declared import REPORTS
from .needs import Edition, Need, Report, Search, Supernet, Training

__all__ = ["REPORTS", "Edition", "Need", "Report", "Search", "Supernet", "Training", "needs_of", "reports"]


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
