# The DAG: one search per task and seed, then the notebooks that show them. Called by `make reproduce`; paths are relative
# to results/<profile>. The searches keep more files than these outputs, and go on from them when they were stopped.
import sys
from pathlib import Path
from shlex import quote

from seki_lib.ablations import Setting, full_grid, k_xi_settings, lambda_settings, trunk
from seki_lib.errors import AssetError
from seki_lib.evaluators.trans101_table import TASKS, load
from seki_lib.notebook import ROOT
from seki_lib.profiles import get_profile, parse_seeds
from seki_lib.report import table8
from seki_lib.report.table1 import trainings
from seki_lib.report.table2 import images_missing, trainings2
from seki_lib.report.table4 import table4_not_run
from seki_lib.runs import RunSpec, folder_name
from seki_lib.training.protocol import IMAGENET, SUPERNETS, SupernetSpec, dataset_at_hand
from seki_lib.trust import alone_specs

PROFILE, LLM, RESULTS = config["profile"], config["llm"], Path(config["results"])
SEEDS, TRANS101_SEEDS = parse_seeds(config["seeds"]), parse_seeds(config["trans101_seeds"])
SEKI = f"{quote(sys.executable)} -m seki_lib.cli"
COMMON = f"--parameter profile={PROFILE} --parameter {quote(f'llm={LLM}')} --parameter {quote(f'results={RESULTS}')}"


def done(folder):
    """The mark that a command brought this folder up to date. Its own files are the command's: it keeps or redoes them."""
    return f"done/{folder.relative_to(RESULTS / PROFILE)}"


def result(seed, space="nas201", task="cifar10"):
    """The mark of one search."""
    return done(RunSpec(space, task, LLM, PROFILE, int(seed)).folder(RESULTS))


NO_LLM = f"--parameter profile={PROFILE} --parameter {quote(f'results={RESULTS}')}"
TABLE2 = [spec for _, spec in trainings2(RESULTS, PROFILE)]
TRAININGS = {  # mark of each final training of a known cell -> what it trains
    done(spec.folder(RESULTS)): spec
    for spec in [*trainings(RESULTS, PROFILE), *TABLE2, *table8.trainings(RESULTS, PROFILE)]
    if not spec.name.startswith("searched")
}
PHOTOGRAPHS = [output for output, spec in TRAININGS.items() if spec in TABLE2]
CLASSIFIERS = [output for output, spec in TRAININGS.items() if spec.space == "darts" and spec not in TABLE2]
LANGUAGE_MODELS = [output for output, spec in TRAININGS.items() if spec.space == "darts_rnn"]


def train_command(output):
    """The command of one training."""
    spec = TRAININGS[output]
    where = f"--profile {PROFILE} --results {quote(str(RESULTS))}"
    arch = spec.name.replace("random-", "random:")
    return f"{SEKI} train --arch {arch} --space {spec.space} --dataset {spec.dataset} --seed {spec.seed} {where}"


SETTINGS = get_profile(PROFILE)
FULL_SEEDS = parse_seeds(config["ablations"]) if config.get("ablations") is not None else ()  # of `make ablations`
IMAGES = dataset_at_hand("cifar10", SUPERNETS[PROFILE]["darts"])
ALONE = [done(spec.folder(RESULTS)) for spec in alone_specs(PROFILE, IMAGES, SETTINGS.alone_cells)]


def supernet(space):
    return done(SupernetSpec(space, IMAGES, PROFILE).folder(RESULTS))


def darts_results(settings, seed):
    """The marks of the searches of some settings of Tables 5 and 6."""
    spec = RunSpec("darts", "cifar10", LLM, PROFILE, seed)
    return [done(setting.spec(spec, SETTINGS).folder(RESULTS)) for setting in settings]


OWN = Setting(SETTINGS.lam, SETTINGS.k, SETTINGS.xi)
GRIDS = {seed: SETTINGS for seed in SETTINGS.ablation_seeds} | {seed: full_grid(SETTINGS) for seed in FULL_SEEDS}
ABLATIONS = {  # seed -> the settings of Tables 5 and 6 that it runs, the one that others fork from first
    seed: list(dict.fromkeys([trunk(grid), *lambda_settings(grid), *k_xi_settings(grid)]))
    for seed, grid in GRIDS.items()
}
FIRST = 100  # priority of what much waits for
ALL_DARTS = [path for seed, settings in ABLATIONS.items() for path in darts_results(settings, seed)]
FOUND = "trainings/found.txt"  # names the training of the best cell that the searches found
DIRECT = not images_missing(PROFILE)  # the search on ImageNet itself, or on its sample: † of Table 2
SEARCHED_DIRECTLY = [result(0, "darts", "imagenet")] if DIRECT else []
FOUND_DIRECTLY = ["trainings/found_on_imagenet.txt"] if DIRECT else []
FIGURES9AND10 = ["figure9", "figure10"] if DIRECT else []


def source(name):
    return str(ROOT / "notebooks" / f"{name}.ipynb")


try:
    load()
    NO_TRANS101 = ""
except AssetError as error:
    NO_TRANS101 = str(error)

FIGURES1AND3TO6 = [
    "figure1",
    "figure3_self_evolution_prompts",
    "figure4_knowledge_inspiration_prompt",
    "figure5_self_evolution_example",
    "figure6_knowledge_inspiration_example",
]
SUPERNET_FIGURES = ["supernet_path", "supernet_curve", "f_against_truth"]
DARTS_FIGURES = ["figure7", "figure8", "table5_differences", "table6_differences"]
FIGURES = [*SUPERNET_FIGURES, *DARTS_FIGURES, *FIGURES9AND10, "figure2_data_flow", "nas201_best_so_far", "nas201_best_cell", *FIGURES1AND3TO6]
NOTEBOOKS = [
    "00_setup",
    "01_supernet_training",
    "02_self_evolution",
    "03_knowledge_inspiration",
    "04_final_training",
    "11_table1_cifar",
    "12_table2_imagenet",
    "13_table3_nas201",
    "15_table5_lambda",
    "16_table6_k_xi",
    "17_table7_llms",
    "18_table8_ptb",
    "20_figures",
]
TRANS101_FIGURES = ["trans101_ranks", "trans101_best_cells", "trans101_transfer"]
if not NO_TRANS101:
    FIGURES += TRANS101_FIGURES
    NOTEBOOKS += ["14_table4_trans101"]


TABLES = ["table1", "table2", "table3", "table4", "table5", "table6", "table7", "table8", "trust"]


rule all:
    input:
        expand("tables/{table}.{ending}", table=TABLES, ending=["csv", "md", "html"]),
        expand("figures/{name}.png", name=FIGURES),
        expand("notebooks/{name}.ipynb", name=NOTEBOOKS),
        ALL_DARTS,  # or finished tables would hide that more settings were asked for


rule setup:
    input:
        source("00_setup"),
        "inputs.json",
    output:
        "notebooks/00_setup.ipynb",
    shell:
        f"{SEKI} notebook 00_setup {COMMON} --output {{output}}"


# What decides a search by its code stands in code/: `seki search` looks whether it has changed, and redoes only that.
rule search:
    input:
        "code/search-{space}.json",
    output:
        touch(f"done/searches/{{space}}/{{task}}/{folder_name(LLM)}/default/seed={{seed}}"),
    wildcard_constraints:
        space="nas201|trans101",
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
        FOUND,
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
        FOUND,
    output:
        "notebooks/20_figures.ipynb",
        expand("figures/{name}.png", name=FIGURES1AND3TO6),
    shell:
        f"{SEKI} notebook 20_figures {COMMON} --parameter seed={SEEDS[0]} --output {{output[0]}}"


rule supernet:
    priority: FIRST  # most of what takes long waits for it
    input:
        "code/supernet-{space}.json",
    output:
        touch("done/supernets/{space}/{dataset}/{kind}/seed=0"),
    wildcard_constraints:
        kind="single_path|pc_darts|darts",
    log:
        "logs/supernet-{space}-{dataset}-{kind}.log",
    shell:
        f"{SEKI} supernet --space {{wildcards.space}} --dataset {{wildcards.dataset}} --kind {{wildcards.kind}}"
        f" --profile {PROFILE} --results {quote(str(RESULTS))} 2>&1 | tee {{log}}"


rule alone:
    input:
        "code/supernet-darts.json",
    output:
        touch(ALONE),
    log:
        "logs/supernet-alone.log",
    shell:
        f"{SEKI} supernet --alone --dataset {IMAGES} --profile {PROFILE} --results {quote(str(RESULTS))} 2>&1 | tee {{log}}"


rule supernet_training:
    input:
        source("01_supernet_training"),
        "trainings.json",
        supernet("darts"),
        supernet("nas201"),
        ALONE,
    output:
        "notebooks/01_supernet_training.ipynb",
        expand("tables/trust.{ending}", ending=["csv", "md", "html"]),
        expand("figures/{name}.png", name=SUPERNET_FIGURES),
    shell:
        f"{SEKI} notebook 01_supernet_training {NO_LLM} --output {{output[0]}}"


# The settings of Tables 5 and 6 fork from the longest self-evolution of their seed, the shortest one while that goes on.
ABLATE = f"{SEKI} ablations --llm {quote(LLM)} --profile {PROFILE} --results {quote(str(RESULTS))}"
for seed, settings in ABLATIONS.items():
    first = min(setting.lam for setting in settings)
    whole = darts_results(settings[:1], seed)
    forkable = whole  # what settings of the shortest self-evolution wait for
    staged = settings[0].lam - first > 10 and not (RESULTS / PROFILE / whole[0]).exists()
    if staged:  # not for few rounds: they are over before a process has begun
        forkable = f"{whole[0]},round={first}"

        rule:
            name:
                f"self_evolution_{first}_seed_{seed}"
            input:
                supernet("darts"),
                "code/search-darts.json",
            output:
                temp(touch(forkable)),
            log:
                f"logs/self_evolution-{first}-seed={seed}.log",
            params:
                command=f"{ABLATE} --trunk {first} --seed {seed}" + " --full" * (seed in FULL_SEEDS),
            priority: FIRST
            shell:
                "{params.command} 2>&1 | tee {log}"

    for setting in settings:

        rule:
            name:
                f"ablation_{setting.lam}_{setting.k}_{setting.xi}_seed_{seed}"
            input:
                (forkable if staged else supernet("darts"))
                if setting == settings[0]
                else (forkable if setting.lam == first else whole),
                "code/search-darts.json",
            output:
                touch(darts_results([setting], seed)),
            log:
                f"logs/ablation-lam={setting.lam},k={setting.k},xi={setting.xi},seed={seed}.log",
            params:
                command=f"{ABLATE} --lam {setting.lam} --k {setting.k} --xi {setting.xi} --seed {seed}"
                + " --full" * (seed in FULL_SEEDS),
            priority: FIRST if setting in (settings[0], OWN) else SETTINGS.rounds - setting.lam  # the longest fork first
            shell:
                "{params.command} 2>&1 | tee {log}"


for number, name in ((5, "15_table5_lambda"), (6, "16_table6_k_xi")):

    rule:
        name:
            f"table{number}"
        input:
            source(name),
            "inputs.json",
            "ablations.json",
            ALL_DARTS,
        output:
            f"notebooks/{name}.ipynb",
            expand(f"tables/table{number}.{{ending}}", ending=["csv", "md", "html"]),
            f"figures/table{number}_differences.png",
        params:
            command=f"{SEKI} notebook {name} {COMMON}",
        shell:
            "{params.command} --output {output[0]}"


rule train:
    input:
        "code/training-{space}.json",
    output:
        touch("done/trainings/{space}/{dataset}/{name}/seed={seed}"),
    log:
        "logs/train-{space}-{dataset}-{name}-seed={seed}.log",
    params:
        command=lambda wildcards, output: train_command(output[0]),
    shell:
        "{params.command} 2>&1 | tee {log}"


rule train_found:
    input:
        "code/training-darts.json",
        [path for seed in ABLATIONS for path in darts_results([OWN], seed)],
    output:
        FOUND,
    log:
        "logs/train-found.log",
    params:
        commands=" && ".join(
            f"{SEKI} train --arch found --dataset {spec.dataset} --seed {spec.seed} --profile {PROFILE}"
            f" --results {quote(str(RESULTS))}"
            for spec in {(spec.dataset, spec.seed): spec for spec in TRAININGS.values() if spec.space == "darts"}.values()
        ),
    shell:
        "({params.commands}) 2>&1 | tee {log} && tail -n 1 {log} > {output}"


rule final_training:
    input:
        source("04_final_training"),
        "trainings.json",
        FOUND,
    output:
        "notebooks/04_final_training.ipynb",
        expand("figures/{name}.png", name=["figure7", "figure8"]),
    shell:
        f"{SEKI} notebook 04_final_training {NO_LLM} --output {{output[0]}}"


rule table1:
    input:
        source("11_table1_cifar"),
        "trainings.json",
        FOUND,
        list(CLASSIFIERS),
    output:
        "notebooks/11_table1_cifar.ipynb",
        expand("tables/table1.{ending}", ending=["csv", "md", "html"]),
    shell:
        f"{SEKI} notebook 11_table1_cifar {NO_LLM} --output {{output[0]}}"


rule search_imagenet:
    input:
        done(SupernetSpec("darts", IMAGENET[PROFILE], PROFILE).folder(RESULTS)),
        "code/search-darts.json",
    output:
        touch(result(0, "darts", "imagenet")),
    log:
        "logs/search-darts-imagenet-seed=0.log",
    shell:
        f"{SEKI} search --space darts --task imagenet --llm {quote(LLM)} --profile {PROFILE}"
        f" --results {quote(str(RESULTS))} 2>&1 | tee {{log}}"


rule train_found_on_imagenet:
    input:
        "code/training-darts.json",
        result(0, "darts", "imagenet"),
        FOUND,  # should both searches find the same cell, it is trained once
    output:
        "trainings/found_on_imagenet.txt",
    log:
        "logs/train-found_on_imagenet.log",
    shell:
        f"{SEKI} train --arch found:imagenet --dataset {IMAGENET[PROFILE]} --profile {PROFILE} --results {quote(str(RESULTS))}"
        " 2>&1 | tee {log} && tail -n 1 {log} > {output}"


rule table2:
    input:
        source("12_table2_imagenet"),
        "trainings.json",
        FOUND,
        SEARCHED_DIRECTLY,
        FOUND_DIRECTLY,
        PHOTOGRAPHS,
    output:
        "notebooks/12_table2_imagenet.ipynb",
        expand("tables/table2.{ending}", ending=["csv", "md", "html"]),
        expand("figures/{name}.png", name=FIGURES9AND10),
    shell:
        f"{SEKI} notebook 12_table2_imagenet {NO_LLM} --output {{output[0]}}"


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
