# Two commands: `make demo` runs the main job, `make test` the tests. Each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
SITE := build/docs/html

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow mutation faults bench docs check definition freeze-shipped clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY) ## Create .venv with the tested set of libraries

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quintile needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## Train the real model on the built-in market and write its report
	$(BIN)/quintile run filter_negative

check: $(READY) ## Lint, format, types, layers and the measures of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/house.py

# Two workers of one thread each: more threads than cores spin against each other and take ten times as long. A file of
# tests goes to one worker, so that what it prepares is prepared once.
test: check ## Everything that must pass before a change lands, under six minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile -m "not slow"

test-slow: $(READY) ## The rest: real bars, whole trainings, kills; an hour or more
	$(BIN)/pytest -v -m slow

mutation: $(READY) ## Break the arithmetic on purpose and count how often a test notices; an hour
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py

faults: $(READY) ## Try every fault of the table and write docs/faults.md; an hour
	$(BIN)/python -m tests.faults --page

bench: $(READY) ## Measure every workload, with peers, and write benchmarks/README.md
	$(BIN)/python -m benchmarks

docs: $(DOCS_READY) ## Build the documentation's site, offline, and say where it is
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --conf-dir docs --builder html . $(SITE)
	@echo "file://$(CURDIR)/$(SITE)/docs/index.html"

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

definition: $(READY) ## Render STRATEGY_DEFINITION.md from the newest version of the default strategy
	$(BIN)/quintile versions --quiet --definition STRATEGY_DEFINITION.md

# A version names its strategy and its number: make freeze-shipped FILTER_NEGATIVE=1.1.0 QUINTILE_LONG_SHORT=1.0.0
freeze-shipped: $(READY) ## Train on the built-in market and freeze both shipped strategies; takes their two numbers
	@test -n "$(FILTER_NEGATIVE)" -a -n "$(QUINTILE_LONG_SHORT)" || \
		{ echo "which numbers? make freeze-shipped FILTER_NEGATIVE=1.1.0 QUINTILE_LONG_SHORT=1.0.0"; exit 1; }
	$(BIN)/quintile run filter_negative --out runs
	$(BIN)/quintile freeze latest --as filter_negative@$(FILTER_NEGATIVE) --out runs
	$(BIN)/quintile run quintile_long_short --out runs
	$(BIN)/quintile freeze latest --as quintile_long_short@$(QUINTILE_LONG_SHORT) --out runs
	$(BIN)/quintile verify filter_negative@$(FILTER_NEGATIVE)
	$(BIN)/quintile verify quintile_long_short@$(QUINTILE_LONG_SHORT)
	$(MAKE) definition

clean: ## Remove .venv and caches; runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist benchmarks/.peers
