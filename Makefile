# make reproduce   set up, then regenerate every table and figure of a profile     PROFILE= LLM= SEEDS= JOBS=
#                  bounds on what LLMs may take in this profile                    MAX_USD= MAX_TOKENS= MAX_CALLS=
#                  show searches and trainings in TensorBoard, W&B, MLflow or trackio   LOG=mlflow,tensorboard
#                  1 lets searches go on that random neighbours lead               ALLOW_FALLBACKS=
#                  on a SLURM cluster (docs/cluster.md)    CLUSTER=slurm CLUSTER_OPTIONS= CLUSTER_GPUS= CLUSTER_MINUTES=
# make table5      one table and what it needs, or `make figures`: the same settings
# make replay      the tables of LLMs once more from the kept searches, without a model: one to two minutes
# make page        results/<profile>/index.html once more: all of a profile's results as one file    PROFILE=
# make compare     what differs between a profile's tables and the kept ones, and whether that is normal    PROFILE=
# make evidence    whether the numbers in the tables of README.md and docs/ stand in kept files
# make plan        what `make reproduce` would run now, by which command, and why
# make ablations   the same, and all settings of Tables 5 and 6 by the surrogate for 10 seeds: some hours of one core  SEEDS=
# make controls    the same, and all arms of notebook 21 for 20 seeds: did the LLM help, or remember?  SEEDS= JOBS=
# make ladder      searches of NAS-Bench-201 by two models of 0.5 and 1.5 B parameters, after 1.6 GB of download: hours of one core  SEEDS=
# make trust       how far f(α) can be trusted, over three supernets (notebook 01)       PROFILE= SEEDS=
# make test        set up, then run all tests
# make lint        ruff, mypy, and report notebooks without outputs
# make lab         JupyterLab on the notebooks
# make lessons     run the course in notebooks/learn anew and keep its outputs: some minutes
# make docs        the site, in site/: pages, notebooks (executed, after `make reproduce`), API; every link is checked
# Python 3.11 or newer and a package index are all it takes. Every target is safe to stop and to call again.
PYTHON ?= python3
PROFILE ?= laptop
LLM ?= local:smollm2-135m
SEEDS ?=
JOBS ?=
# not `?=`: many sites export a CLUSTER of their own
CLUSTER =
CLUSTER_OPTIONS =
CLUSTER_GPUS =
CLUSTER_MINUTES =
BIN := .venv/bin
ON = --cluster "$(CLUSTER)" --cluster-gpus "$(CLUSTER_GPUS)" --cluster-minutes "$(CLUSTER_MINUTES)"

LOG :=
SEKI_LOG := $(or $(LOG),$(SEKI_LOG))

export MAX_USD MAX_TOKENS MAX_CALLS ALLOW_FALLBACKS SEKI_LOG CLUSTER_OPTIONS

.PHONY: reproduce replay page compare evidence plan ablations controls ladder trust test lint lab lessons docs setup data preflight

reproduce: data $(if $(CLUSTER),.venv/cluster)
	@$(BIN)/seki reproduce --profile "$(PROFILE)" --llm "$(LLM)" --seeds "$(SEEDS)" --jobs "$(or $(JOBS),0)" $(ON)

TABLES := table1 table2 table3 table4 table5 table6 table7 table8
.PHONY: $(TABLES) figures
$(TABLES) figures: data $(if $(CLUSTER),.venv/cluster)
	@$(BIN)/seki reproduce --only $@ --profile "$(PROFILE)" --llm "$(LLM)" --seeds "$(SEEDS)" --jobs "$(or $(JOBS),0)" $(ON)

replay: setup
	@$(BIN)/seki data need nas201
	@$(BIN)/seki data need trans101 || echo "make: going on without it; Table 4 will read 'not run'"
	@$(BIN)/seki replay

page: setup
	@$(BIN)/seki page --profile "$(PROFILE)"

compare: setup
	@$(BIN)/seki compare "results/$(PROFILE)" results/reference

evidence: setup
	@$(BIN)/python tools/evidence.py

plan: data
	@$(BIN)/seki reproduce --plan --profile "$(PROFILE)" --llm "$(LLM)" --seeds "$(SEEDS)" $(ON)

ablations: data $(if $(CLUSTER),.venv/cluster)
	@$(BIN)/seki reproduce --profile "$(PROFILE)" --llm "$(LLM)" --ablations "$(or $(SEEDS),8 9 10 11 12 13 14 15 16 17)" --jobs "$(or $(JOBS),0)" $(ON)

controls: data $(if $(CLUSTER),.venv/cluster)
	@$(BIN)/seki reproduce --profile "$(PROFILE)" --llm "$(LLM)" --controls "$(or $(SEEDS),8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27)" --jobs "$(or $(JOBS),0)" $(ON)

ladder: data
	@for llm in local:qwen2.5-coder-0.5b local:qwen2.5-coder-1.5b; do \
	  for seed in $(or $(SEEDS),8 9 10 11 12 13 14 15); do \
	    $(BIN)/seki search --llm $$llm --profile "$(PROFILE)" --seed $$seed || exit 1; \
	  done; \
	done

trust: data
	@$(BIN)/seki notebook 01_supernet_training --parameter "profile=$(PROFILE)" --parameter "seeds=$(or $(SEEDS),0,1,2)"

test: data
	@$(BIN)/pytest -n auto

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

lab: data
	@$(BIN)/seki lab

lessons: data
	@$(BIN)/python tools/lessons.py

docs: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]" || \
	  { echo "make: pip could not install the packages of the site (see above). Is a package index reachable?"; exit 1; }
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "open site/index.html"

data: setup
	@$(BIN)/seki data need nas201 smollm2-135m
	@$(BIN)/seki data need trans101 || echo "make: going on without it; Table 4 will read 'not run'"
	@$(BIN)/seki data need yahpo_nb301 || echo "make: going on without it; ridge regression scores DARTS cells in its place"

setup: preflight .venv/installed

.venv/installed: pyproject.toml constraints.txt | preflight
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing into .venv (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all]" || \
	  { echo "make: pip could not install the packages (see above). Is a package index reachable? The same command goes on."; exit 1; }
	@touch $@

.venv/cluster: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cluster]" || \
	  { echo "make: pip could not install Snakemake's SLURM executor (see above). Is a package index reachable?"; exit 1; }
	@touch $@

preflight:
	@$(PYTHON) tools/preflight.py "PROFILE=$(PROFILE)" "LLM=$(LLM)" "SEEDS=$(SEEDS)" "JOBS=$(JOBS)" "CLUSTER=$(CLUSTER)"
