# Everything a fresh clone needs: `make demo` and `make test` set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.relume-ready

.DEFAULT_GOAL := help
.PHONY: help demo test check cases bench docs clean

help:  ## say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-7s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "relume needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=/path/to/python"; \
		exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing relume and what its tests need into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)  ## a broken training on real data, and what relume says about it
	@$(BIN)/relume run --exit-zero examples/digits_deep_sigmoid.py

test: $(READY)  ## all tests but the sweeps
	@$(BIN)/python -m pytest -q -m "not slow"

check: $(READY)  ## lint, format, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright

cases: $(READY)  ## the case zoo's table by family, then the other sweeps
	@$(BIN)/python tests/cases/table.py --part all --jobs 2
	@$(BIN)/python -m pytest -q -m slow

bench: $(READY)  ## the tables that README and docs quote
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(READY)  ## the documentation, in site/
	@$(BIN)/mkdocs build --strict --quiet

clean:  ## remove what was built and recorded, and .venv
	rm -rf $(VENV) .relume build dist site .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
