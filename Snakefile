# The DAG: one search per seed, then the notebooks that show them. Called by `make reproduce`; paths are relative to
# results/<profile>. The searches keep more files than these outputs, and go on from them when they were stopped.
import sys
from pathlib import Path
from shlex import quote

from seki_lib.notebook import ROOT
from seki_lib.profiles import parse_seeds
from seki_lib.report.table1 import found_cells, trainings
from seki_lib.runs import RunSpec

PROFILE, LLM, RESULTS = config["profile"], config["llm"], Path(config["results"])
SEEDS = parse_seeds(config["seeds"])
SEKI = f"{quote(sys.executable)} -m seki_lib.cli"
COMMON = f"--parameter profile={PROFILE} --parameter {quote(f'llm={LLM}')} --parameter {quote(f'results={RESULTS}')}"


def result(seed):
    """The file that closes one search, relative to the profile's folder."""
    spec = RunSpec("nas201", "cifar10", LLM, PROFILE, int(seed))
    return str(spec.folder(RESULTS).relative_to(RESULTS / PROFILE) / "result.json")


NO_LLM = f"--parameter profile={PROFILE} --parameter {quote(f'results={RESULTS}')}"
TRAININGS = {  # result.json of each final training -> what it trains
    str(spec.folder(RESULTS).relative_to(RESULTS / PROFILE) / "result.json"): spec
    for spec in trainings(RESULTS, PROFILE)
}


def train_command(output):
    """The command of one training."""
    spec = TRAININGS[output]
    arch = spec.name.replace("random-", "random:")
    if arch.startswith("searched"):
        arch = found_cells(RESULTS, PROFILE)[0]
    where = f"--profile {PROFILE} --results {quote(str(RESULTS))}"
    return f"{SEKI} train --arch {quote(str(arch))} --dataset {spec.dataset} --seed {spec.seed} {where}"


def source(name):
    return str(ROOT / "notebooks" / f"{name}.ipynb")


FIGURES = ["figure2_data_flow", "nas201_best_so_far", "nas201_best_cell"]


rule all:
    input:
        expand("tables/{name}.{ending}", name=["table1", "table3"], ending=["csv", "md", "html"]),
        expand("figures/{name}.png", name=FIGURES),
        expand("notebooks/{name}.ipynb", name=["00_setup", "02_self_evolution", "03_knowledge_inspiration", "13_table3_nas201"]),
        expand("notebooks/{name}.ipynb", name=["04_final_training", "11_table1_cifar"]),


rule setup:
    input:
        source("00_setup"),
        "inputs.json",
    output:
        "notebooks/00_setup.ipynb",
    shell:
        f"{SEKI} notebook 00_setup {COMMON} --output {{output}}"


# No inputs: a finished search is never made again because something else is newer. `seki search` checks its settings.
rule search:
    output:
        result("{seed}".replace("{seed}", "0")).replace("seed=0", "seed={seed}"),
    log:
        "logs/search-nas201-seed={seed}.log",
    shell:
        f"{SEKI} search --space nas201 --task cifar10 --llm {quote(LLM)} --profile {PROFILE} --results {quote(str(RESULTS))}"
        " --seed {wildcards.seed} 2>&1 | tee {log}"


rule self_evolution:
    input:
        source("02_self_evolution"),
        "inputs.json",
        result(SEEDS[0]),
    output:
        "notebooks/02_self_evolution.ipynb",
        "figures/figure2_data_flow.png",
    shell:
        f"{SEKI} notebook 02_self_evolution {COMMON} --parameter seed={SEEDS[0]} --output {{output[0]}}"


rule knowledge_inspiration:
    input:
        source("03_knowledge_inspiration"),
        "inputs.json",
        "notebooks/02_self_evolution.ipynb",
    output:
        "notebooks/03_knowledge_inspiration.ipynb",
    shell:
        f"{SEKI} notebook 03_knowledge_inspiration {COMMON} --parameter seed={SEEDS[0]} --output {{output}}"


rule table3:
    input:
        source("13_table3_nas201"),
        "inputs.json",
        [result(seed) for seed in SEEDS],
    output:
        "notebooks/13_table3_nas201.ipynb",
        expand("tables/table3.{ending}", ending=["csv", "md", "html"]),
        "figures/nas201_best_so_far.png",
        "figures/nas201_best_cell.png",
    shell:
        f"{SEKI} notebook 13_table3_nas201 {COMMON} --parameter seeds={','.join(map(str, SEEDS))} --output {{output[0]}}"


# No inputs, as for searches: `seki train` checks its settings.
rule train:
    output:
        "trainings/darts/{dataset}/{name}/seed={seed}/result.json",
    log:
        "logs/train-{dataset}-{name}-seed={seed}.log",
    params:
        command=lambda wildcards, output: train_command(output[0]),
    shell:
        "{params.command} 2>&1 | tee {log}"


rule final_training:
    input:
        source("04_final_training"),
        "trainings.json",
        next(iter(TRAININGS)),
    output:
        "notebooks/04_final_training.ipynb",
    shell:
        f"{SEKI} notebook 04_final_training {NO_LLM} --output {{output}}"


rule table1:
    input:
        source("11_table1_cifar"),
        "trainings.json",
        list(TRAININGS),
    output:
        "notebooks/11_table1_cifar.ipynb",
        expand("tables/table1.{ending}", ending=["csv", "md", "html"]),
    shell:
        f"{SEKI} notebook 11_table1_cifar {NO_LLM} --output {{output[0]}}"
