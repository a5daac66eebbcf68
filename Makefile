.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help local setup demo test browser lint lint-sql docs bench soak lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Both make .venv and profiles.yml, again only when something changed. The pinned packages of the one are among those of the
# other.
local: $(VENV)/.local profiles.yml ## Install what one machine needs: for runs by hand, with DuckDB

setup: $(VENV)/.installed profiles.yml ## Install the rest too: Prefect, Azure, Power BI, what tests need

# uv installs the packages in seconds; compiling them once spares every later start that work.
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode

$(VENV)/.local: requirements-local.lock pyproject.toml | $(BIN)/uv
	$(UV_INSTALL) --require-hashes --requirement requirements-local.lock
	$(UV_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	$(UV_INSTALL) --no-deps --editable .
	@touch $(VENV)/.local $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Customer 360 needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version). Set PYTHON=… to another one."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ { found = 1 } found && /^ *#/ { exit } found' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.txt

profiles.yml: profiles.example.yml
	@if [ -e $@ ]; then echo "profiles.example.yml changed; your profiles.yml is kept. Compare: diff $@ $<"; touch $@; else cp $< $@; fi

demo: local ## Make sample data, run the whole flow over it, print the answers
	$(BIN)/c360 demo

# A file's tests run in one process, since they share what they build; the files in the order they are collected: fast ones
# first, then the longest ones (tests/integration/conftest.py).
test: setup browser ## Run every test, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Playwright would download a browser of its own from elsewhere; the tests use the system's.
browser:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "Installing Chromium for the tests" && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends chromium fonts-liberation >/dev/null; \
	} || { echo "The tests open pages in Chromium. Install it (Debian: sudo apt-get install chromium), or set CHROMIUM to its path."; exit 1; }

lint: setup ## Check style and types: ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory lint-sql

lint-sql: setup ## Check the style of SQL: sqlfluff
	@mkdir -p target/lint
	C360_HOME=target/lint DBT_TARGET_PATH=target/lint $(BIN)/sqlfluff lint models seeds tests/dbt analyses

docs: local ## Write the documentation site from the last run's warehouse
	$(BIN)/c360 docs

bench: local ## Time full runs at 1, 10 and 30 million transactions beside a hand-written script, then a day's at 10 and 30
	$(BIN)/python -m bench
	$(BIN)/python -m bench day

soak: setup ## Kill 200 operations at random moments while readers look; takes hours
	$(BIN)/python -m tests.soak

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header

lock: $(BIN)/uv ## Pin the newest allowed versions again in requirements.lock and requirements-local.lock
	$(COMPILE) --upgrade --all-extras --output-file requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --output-file requirements-local.lock pyproject.toml

clean: ## Remove what set-up and runs made, except profiles.yml
	rm -rf $(VENV) .c360 target logs
