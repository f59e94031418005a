# Everything a person does here. `make` alone tells what there is.
# On a fresh machine Python 3.11 or newer with pip and venv, git and make are enough.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
OLDEST := .venv-oldest
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Each takes a core and some hundred MB; where a container names the cores of its host, four is as far as a guess may go.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 4 ? 4 : n)))

# DuckDB allocates and frees small pieces all the time: glibc is to keep more of them at hand, which saves the tests a fifteenth.
TUNED := glibc.malloc.tcache_count=8000:glibc.malloc.mxfast=0

.DEFAULT_GOAL := help
.PHONY: help demo test oldest lint format types bench score lab lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Load the sample logs, print the findings, write demo/report.html
	@$(BIN)/grantlens demo --out demo

test: $(READY) ## Run every test, notebooks and command line included
	GLIBC_TUNABLES=$(TUNED) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q

oldest: ## Run the demo and the examples in the code with the oldest packages that pyproject.toml allows
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -c "import tomllib; print(*(each.partition(',')[0].replace('>=', '==') \
		for each in tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']), sep='\n')" > $(OLDEST)/oldest.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $(OLDEST)/oldest.txt pytest
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps .
	$(OLDEST)/bin/grantlens demo --out $(OLDEST)/demo > $(OLDEST)/demo.txt
	$(OLDEST)/bin/python -m pytest -q -p no:cacheprovider src

lint: $(READY) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY) ## Put the code in its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure loads, questions and cases beside hand-written yardsticks
	$(BIN)/python -m benchmarks

score: $(READY) ## Print precision and recall of every rule, and of the list of grants, on simulated truth
	$(BIN)/python -m benchmarks.score

lab: $(READY) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

lock: ## Pin every dependency again, with hashes and without addresses (needs uv)
	uv pip compile pyproject.toml --group dev --extra notebook --extra dialects --extra aws --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" --upgrade -o requirements.txt

clean: ## Remove the environment and what demo wrote
	rm -rf $(VENV) $(OLDEST) demo

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "grantlens needs Python 3.11 or newer with venv; name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned requirements into $(VENV); this takes a minute or two the first time." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation -e .
	@touch $@
