# Everything a fresh clone needs: `make demo` and `make test` set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.relume-ready
LIGHT := $(VENV)/.relume-light

.DEFAULT_GOAL := help
.PHONY: help demo test browser check web cases bench docs clean

help:  ## say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-7s %s\n", $$1, $$2}'

# Both by one recipe; the demo needs far less than the tests do.
$(READY): EXTRA := dev
$(LIGHT): EXTRA := examples
$(READY) $(LIGHT): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "relume needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=/path/to/python"; \
		exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing relume[$(EXTRA)] into $(VENV) (once; minutes, for torch is large)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[$(EXTRA)]'
	@touch $@

# Where the tests' set is installed, the demo uses that.
demo: $(or $(wildcard $(READY)),$(LIGHT))  ## a broken training on real data, and what relume says about it
	@$(BIN)/relume run --exit-zero examples/digits_deep_sigmoid.py

# The browser tests take the system's Chromium. Root on a Debian gets it; others are told.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "installing chromium for the browser tests (once)" \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	} || echo "no Chromium here: the browser tests will be skipped"

# In four goes: a browser's event loop, Keras' choice of a backend and the like stay among their own.
GOES = "tests/acts tests/record" "tests/rules tests/checks tests/policy tests/cli tests/instrument src" \
	"tests/docs tests/integrations tests/atlas tests/trial tests/release tests/hostile" \
	"tests/fixes tests/report tests/web tests/cards tests/cases $(wildcard tests/test_*.py)"

test: $(READY) browser  ## all tests but the sweeps
	@failed=0; for go in $(GOES); do \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile $$go || failed=1; \
	done; exit $$failed

check: $(READY)  ## lint, format, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/python -m pytest -q tests/web/test_bundle.py
	@if [ -d web/node_modules ]; then cd web && npx tsc --noEmit; fi

web:  ## build the JavaScript bundle from web/ (needs Node)
	@cd web && npm ci --silent && npx tsc --noEmit && node build.mjs

cases: $(READY)  ## the case zoo's table by family, then the other sweeps
	@$(BIN)/python tests/cases/table.py --part all --jobs 2
	@$(BIN)/python -m pytest -q -m slow

bench: $(READY)  ## the tables that README and docs quote
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(READY)  ## the documentation, in site/
	@OMP_NUM_THREADS=1 $(BIN)/mkdocs build --strict --quiet

clean:  ## remove what was built and recorded, and .venv
	rm -rf $(VENV) .relume build dist site .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
