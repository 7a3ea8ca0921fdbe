# The DAG: one search per task and seed, then the notebooks that show them. Called by `make reproduce`; paths are relative
# to results/<profile>. The searches keep more files than these outputs, and go on from them when they were stopped.
import sys
from pathlib import Path
from shlex import quote

from seki_lib.errors import AssetError
from seki_lib.evaluators.trans101_table import TASKS, load
from seki_lib.notebook import ROOT
from seki_lib.profiles import parse_seeds
from seki_lib.report.table1 import found_cells, trainings
from seki_lib.report import table8
from seki_lib.report.table4 import table4_not_run
from seki_lib.runs import RunSpec, folder_name

PROFILE, LLM, RESULTS = config["profile"], config["llm"], Path(config["results"])
SEEDS, TRANS101_SEEDS = parse_seeds(config["seeds"]), parse_seeds(config["trans101_seeds"])
SEKI = f"{quote(sys.executable)} -m seki_lib.cli"
COMMON = f"--parameter profile={PROFILE} --parameter {quote(f'llm={LLM}')} --parameter {quote(f'results={RESULTS}')}"


def result(seed, space="nas201", task="cifar10"):
    """The file that closes one search, relative to the profile's folder."""
    spec = RunSpec(space, task, LLM, PROFILE, int(seed))
    return str(spec.folder(RESULTS).relative_to(RESULTS / PROFILE) / "result.json")


NO_LLM = f"--parameter profile={PROFILE} --parameter {quote(f'results={RESULTS}')}"
TRAININGS = {  # result.json of each final training -> what it trains
    str(spec.folder(RESULTS).relative_to(RESULTS / PROFILE) / "result.json"): spec
    for spec in [*trainings(RESULTS, PROFILE), *table8.trainings(RESULTS, PROFILE)]
}
CLASSIFIERS = [output for output, spec in TRAININGS.items() if spec.space == "darts"]
LANGUAGE_MODELS = [output for output, spec in TRAININGS.items() if spec.space == "darts_rnn"]


def train_command(output):
    """The command of one training."""
    spec = TRAININGS[output]
    arch = spec.name.replace("random-", "random:")
    if arch.startswith("searched"):
        arch = found_cells(RESULTS, PROFILE, spec.space)[0]
    where = f"--profile {PROFILE} --results {quote(str(RESULTS))}"
    return f"{SEKI} train --arch {quote(str(arch))} --space {spec.space} --dataset {spec.dataset} --seed {spec.seed} {where}"


def source(name):
    return str(ROOT / "notebooks" / f"{name}.ipynb")


try:
    load()
    NO_TRANS101 = ""
except AssetError as error:
    NO_TRANS101 = str(error)

FIGURES3TO6 = [
    "figure3_self_evolution_prompts",
    "figure4_knowledge_inspiration_prompt",
    "figure5_self_evolution_example",
    "figure6_knowledge_inspiration_example",
]
FIGURES = ["figure2_data_flow", "nas201_best_so_far", "nas201_best_cell", *FIGURES3TO6]
NOTEBOOKS = [
    "00_setup",
    "02_self_evolution",
    "03_knowledge_inspiration",
    "04_final_training",
    "11_table1_cifar",
    "13_table3_nas201",
    "17_table7_llms",
    "18_table8_ptb",
    "20_figures",
]
TRANS101_FIGURES = ["trans101_ranks", "trans101_best_cells", "trans101_transfer"]
if not NO_TRANS101:
    FIGURES += TRANS101_FIGURES
    NOTEBOOKS += ["14_table4_trans101"]


rule all:
    input:
        expand("tables/{table}.{ending}", table=["table1", "table3", "table4", "table7", "table8"], ending=["csv", "md", "html"]),
        expand("figures/{name}.png", name=FIGURES),
        expand("notebooks/{name}.ipynb", name=NOTEBOOKS),


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
        f"searches/{{space}}/{{task}}/{folder_name(LLM)}/default/seed={{seed}}/result.json",
    log:
        "logs/search-{space}-{task}-seed={seed}.log",
    shell:
        f"{SEKI} search --space {{wildcards.space}} --task {{wildcards.task}} --llm {quote(LLM)} --profile {PROFILE}"
        f" --results {quote(str(RESULTS))} --seed {{wildcards.seed}} 2>&1 | tee {{log}}"


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


if NO_TRANS101:

    rule table4:
        input:
            "inputs.json",
        output:
            expand("tables/table4.{ending}", ending=["csv", "md", "html"]),
        run:
            table4_not_run(PROFILE, NO_TRANS101).write(Path("tables"))

else:

    rule table4:
        input:
            source("14_table4_trans101"),
            "inputs.json",
            [result(seed, "trans101", task) for task in TASKS for seed in TRANS101_SEEDS],
        output:
            "notebooks/14_table4_trans101.ipynb",
            expand("tables/table4.{ending}", ending=["csv", "md", "html"]),
            expand("figures/{name}.png", name=TRANS101_FIGURES),
        shell:
            f"{SEKI} notebook 14_table4_trans101 {COMMON} --parameter seeds={','.join(map(str, TRANS101_SEEDS))}"
            " --output {output[0]}"


rule table7:
    input:
        source("17_table7_llms"),
        "inputs.json",
        [result(seed) for seed in SEEDS],
    output:
        "notebooks/17_table7_llms.ipynb",
        expand("tables/table7.{ending}", ending=["csv", "md", "html"]),
    shell:
        f"{SEKI} notebook 17_table7_llms {COMMON} --output {{output[0]}}"


rule figures:
    input:
        source("20_figures"),
        "inputs.json",
        "notebooks/03_knowledge_inspiration.ipynb",
    output:
        "notebooks/20_figures.ipynb",
        expand("figures/{name}.png", name=FIGURES3TO6),
    shell:
        f"{SEKI} notebook 20_figures {COMMON} --parameter seed={SEEDS[0]} --output {{output[0]}}"


# No inputs, as for searches: `seki train` checks its settings.
rule train:
    output:
        "trainings/{space}/{dataset}/{name}/seed={seed}/result.json",
    log:
        "logs/train-{space}-{dataset}-{name}-seed={seed}.log",
    params:
        command=lambda wildcards, output: train_command(output[0]),
    shell:
        "{params.command} 2>&1 | tee {log}"


rule final_training:
    input:
        source("04_final_training"),
        "trainings.json",
        CLASSIFIERS[0],
    output:
        "notebooks/04_final_training.ipynb",
    shell:
        f"{SEKI} notebook 04_final_training {NO_LLM} --output {{output}}"


rule table1:
    input:
        source("11_table1_cifar"),
        "trainings.json",
        CLASSIFIERS,
    output:
        "notebooks/11_table1_cifar.ipynb",
        expand("tables/table1.{ending}", ending=["csv", "md", "html"]),
    shell:
        f"{SEKI} notebook 11_table1_cifar {NO_LLM} --output {{output[0]}}"


rule table8:
    input:
        source("18_table8_ptb"),
        "trainings.json",
        LANGUAGE_MODELS,
    output:
        "notebooks/18_table8_ptb.ipynb",
        expand("tables/table8.{ending}", ending=["csv", "md", "html"]),
    shell:
        f"{SEKI} notebook 18_table8_ptb {NO_LLM} --output {{output[0]}}"
