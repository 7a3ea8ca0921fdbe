# The DAG of a profile: `make reproduce` calls it, `make plan` shows what it would run. What has to be made, by which
# command and in which order, is declared in seki_lib/paper; this file loops over it. Paths are relative to
# results/<profile>. A command finds for itself what is finished, half done, or made by other code; done/ holds a mark
# of each command that has run, so that Snakemake never touches a result.
import re
from pathlib import Path
from shlex import join

from snakemake.logging import logger

from seki_lib.app.cluster import SEKI, as_snakemake, asked_for, command
from seki_lib.files.checkout import ROOT
from seki_lib.app.progress import Progress
from seki_lib.paper import needs_of, reports
from seki_lib.paper.needs import BELOW
from seki_lib.report.benchmark_tables import table4_not_run
from seki_lib.app.reproduce import read_edition

EDITION, RESULTS, CLUSTER = read_edition(config), config["results"], config["cluster"]
NEEDS = needs_of(EDITION)
REPORTS = reports(EDITION)
LONGEST_NOTEBOOK = "trust"
WHERE = ["--profile", EDITION.name, "--results", RESULTS]


def mark(need):
    """The file that says that a command has run."""
    return f"{BELOW.marks}/{need.folder(EDITION)}"


def before(need):
    """What must be made before; the first rounds of a search that is there need not."""
    there = Path(RESULTS, EDITION.name, mark(need)).exists()
    return [other for other in need.after(EDITION) if other.until is None or not there]


def rule_name(need):
    """`searches_nas201_cifar10_local_smollm2_135m_default_seed_8`."""
    return re.sub(r"\W+", "_", str(need.folder(EDITION)))


def urgency(need):
    """How much waits for a need; of forks, the one with the most rounds of its own goes first."""
    waiting = sum(need in other.after(EDITION) for other in NEEDS) + len(NEEDS[need])
    return 100 * waiting + (EDITION.profile.rounds - need.setting.lam if need.setting else 0)


def notebook_command(report):
    """`seki notebook`, with the parameters that the notebook has."""
    values = {"profile": EDITION.name, "results": RESULTS, "llm": EDITION.llm}
    values |= {"seeds": ",".join(map(str, report.seeds)), "seed": report.seeds[0]} if report.seeds else {}
    given = [f"{name}={values[name]}" for name in ("profile", "results", *report.parameters)]
    return join([*SEKI, "notebook", report.notebook, *(word for pair in given for word in ("--parameter", pair))])


def expected():
    """About how long each job takes, for the minutes that are left."""
    from seki_lib.app.cost.expected import expected_seconds  # which loads torch

    return expected_seconds(EDITION, Path(RESULTS), {rule_name(need): need for need in NEEDS}, REPORTS, bool(CLUSTER))


if not workflow.output_settings.dryrun:
    Progress(expected, remote=bool(CLUSTER)).follow(logger)


localrules:
    all,
    table4,


rule all:
    input:
        [output for report in REPORTS.values() for output in report.outputs],
        f"{BELOW.tables}/table4.md",
        list(map(mark, NEEDS)),  # or finished tables would hide that more settings were asked for


for need in NEEDS:
    asked = asked_for(need, EDITION, CLUSTER)

    rule:
        name:
            rule_name(need)
        input:
            f"code/{need.code()}.json",
            list(map(mark, before(need))),
        output:
            touch(mark(need)),
        log:
            f"logs/{rule_name(need)}.log",
        params:
            command=join([*command(need, EDITION, asked), *WHERE]),
        priority: urgency(need)
        threads: asked.cpus if asked else 1
        resources:
            **as_snakemake(asked),
        shell:
            "{params.command} 2>&1 | tee {log}"


for name, report in REPORTS.items():
    asked = asked_for(report, EDITION, CLUSTER)

    rule:
        name:
            name
        input:
            str(ROOT / "notebooks" / f"{report.notebook}.ipynb"),
            [f"{stamp}.json" for stamp in report.decided_by],
            list(map(mark, report.needs)),
            [f"notebooks/{earlier}.ipynb" for earlier in report.after],
        output:
            report.outputs,
        params:
            command=notebook_command(report),
        # One notebook scores cells for minutes, the others take seconds: begun last, it would run alone at the end.
        priority: 99 if name == LONGEST_NOTEBOOK else 0
        threads: asked.cpus if asked else 1
        resources:
            **as_snakemake(asked),
        shell:
            "{params.command} --output {output[0]}"


if not EDITION.trans101_table:

    rule table4:
        input:
            "inputs.json",
        output:
            expand(f"{BELOW.tables}/table4.{{ending}}", ending=["csv", "md", "html"]),
        run:
            table4_not_run(EDITION.name, config["no_trans101"]).write(BELOW.tables)
