# The DAG: one search per seed, then the notebooks that show them. Called by `make reproduce`; paths are relative to
# results/<profile>. The searches keep more files than these outputs, and go on from them when they were stopped.
import sys
from pathlib import Path
from shlex import quote

from seki_lib.notebook import ROOT
from seki_lib.profiles import parse_seeds
from seki_lib.runs import RunSpec

PROFILE, LLM, RESULTS = config["profile"], config["llm"], Path(config["results"])
SEEDS = parse_seeds(config["seeds"])
SEKI = f"{quote(sys.executable)} -m seki_lib.cli"
COMMON = f"--parameter profile={PROFILE} --parameter {quote(f'llm={LLM}')} --parameter {quote(f'results={RESULTS}')}"


def result(seed):
    """The file that closes one search, relative to the profile's folder."""
    spec = RunSpec("nas201", "cifar10", LLM, PROFILE, int(seed))
    return str(spec.folder(RESULTS).relative_to(RESULTS / PROFILE) / "result.json")


def source(name):
    return str(ROOT / "notebooks" / f"{name}.ipynb")


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
    "13_table3_nas201",
    "17_table7_llms",
    "20_figures",
]


rule all:
    input:
        expand("tables/{table}.{ending}", table=["table3", "table7"], ending=["csv", "md", "html"]),
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
