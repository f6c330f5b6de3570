# The two commands that matter: `make demo` and `make test`. Each sets up all it needs by itself,
# in a virtual environment of its own (.venv), and starts at once the second time.
#
#     make demo PYTHON=python3.12     chooses the interpreter (3.11 or newer)
#     make test ARGS="-k recipe"      hands arguments to pytest

PYTHON ?=
VENV   ?= .venv
ARGS   ?=
UV     := 0.13.9

BIN    := $(VENV)/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip --disable-pip-version-check -qq
CODE   := framework0 octo orchestrator scriptlets server src tests benchmarks docs

# A failing command must fail its target also where its output is piped.
SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

# Print a command as a person would type it, then run it.
show = printf '\n$$ %s\n' "$(1)"; PATH="$(abspath $(BIN)):$$PATH" $(1)

.PHONY: help demo test check lint types contracts docs references site bench bench-peers lock format clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

demo: $(VENV)/.core ## Run a real recipe over a real CSV and show what it left in the context
	@$(call show,framework0 run orchestrator/recipes/compute_median.yaml)
	@$(call show,framework0 show)
	@$(call show,framework0 show --context 'statistics.*')
	@printf '\nTo go on:\n%s\n%s\n%s\n\n' \
	    "  source $(BIN)/activate" \
	    "  framework0 run orchestrator/recipes/enhanced_example.yaml --input region=north" \
	    "  framework0 --help                 and docs/getting_started.md, a quarter of an hour"

test: $(VENV)/.dev .engines/.made ## Run the whole test suite with branch coverage (95 % or it fails)
	@rm -f .coverage .coverage.*
	@$(PY) -m coverage run -m pytest -n 4 --dist worksteal -q $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(if $(ARGS),true,$(PY) -m coverage report)

check: lint types contracts docs ## Everything about the code that needs no run: format, lint, types, contracts, docs

lint: $(VENV)/.dev
	@$(PY) -m black --check --quiet . || { echo "make format puts it right"; exit 1; }
	@$(PY) -m ruff check --quiet $(CODE)
	@$(PY) -m flake8

types: $(VENV)/.dev
	@$(PY) -m mypy

contracts: $(VENV)/.dev
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/.dev ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

references: $(VENV)/.dev ## Write the reference pages that follow from the code
	@$(PY) docs/write_references.py

site: $(VENV)/.dev ## Serve the documentation on this machine, rebuilt at each change
	@$(PY) -m mkdocs serve

bench: $(VENV)/.dev ## Run the benchmarks: ratios to a floor measured in the same run
	@$(PY) -m benchmarks $(ARGS)

bench-peers: .bench/.made ## Install the peers that the benchmarks run beside us, into .bench

format: $(VENV)/.dev ## Format the code
	@$(PY) -m black --quiet .
	@$(PY) -m ruff check --quiet --fix $(CODE)

lock: $(VENV)/.dev ## Refresh the locked requirements (needs the network)
	@$(PIP) install "uv==$(UV)"
	@for lock in dev bench core ""; do \
	    name=requirements$${lock:+-$$lock}; \
	    before=; [ "$$lock" = dev ] || before="-c requirements-dev.txt"; \
	    ours=pyproject.toml; [ "$$lock" != bench ] || ours=; \
	    $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	        --custom-compile-command "make lock" $$before \
	        $$ours $$name.in -o $$name.txt || exit 1; \
	done
	@for peer in benchmarks/peers/locks/*.in; do \
	    $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	        --custom-compile-command "make lock" $$peer -o $${peer%.in}.txt || exit 1; \
	done

clean: ## Remove everything that was built, the virtual environment too
	@rm -rf $(VENV) .bench .engines site dist build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache \
	    .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------
# The environment. A stamp says which lock it was made from; a newer lock makes it anew.

$(PY):
	@$(SHELL) .ci/environment "$(VENV)" $(PYTHON)

$(VENV)/.core: requirements-core.txt pyproject.toml | $(PY)
	@echo "Installing what the product needs (once) ..." >&2
	@$(PIP) install --require-hashes -r requirements-core.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.core
	@echo "Installing what the tests and checks need (once) ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# Engines that no package index holds, for the tests of clusters: in a folder of their own, without root.
.engines/.made: .ci/engines
	@$(SHELL) .ci/engines .engines
	@touch $@

# The peers are in an environment of their own, made by the same interpreter: nothing of theirs is ours.
.bench/.made: requirements-bench.txt $(wildcard benchmarks/peers/locks/*.txt) | $(PY)
	@echo "Installing the peers to compare with (once) ..." >&2
	@$(PY) -m venv --clear .bench
	@.bench/bin/python -m pip --disable-pip-version-check -qq install --require-hashes -r requirements-bench.txt
	@for lock in benchmarks/peers/locks/*.txt; do \
	    peer=.bench/peers/$$(basename $$lock .txt); \
	    $(PY) -m venv $$peer || exit 1; \
	    $$peer/bin/python -m pip --disable-pip-version-check -qq install --require-hashes -r $$lock || exit 1; \
	done
	@touch $@
