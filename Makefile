# calprod: build the environment, try it, check it. Needs a shell, make, any Python 3 and a compiler.
#
# Every path is relative to this folder, so that blanks in its name and 'make -C' do no harm.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
STAMP := .venv/.installed
# An environment whose Python has gone (an upgrade, a moved folder) is built anew, whatever its stamp says.
ALIVE := $(shell $(BIN)/python -c '' 2>/dev/null && echo yes)
# pytest-xdist's workers; the tests of a file stay on one worker, as they share what is dear to make (loadfile). In the
# order of their names the long walks come in the middle, and the end is not one worker waiting for the other.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# More for pytest, such as: make test PYTEST="-k gate -x"
PYTEST ?=

.PHONY: help
help: ## Show this list
	@echo 'calprod: automated calibration production. Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: venv
venv: $(STAMP) ## Make .venv from requirements.lock (finds Python 3.12 or 3.13; CALPROD_PYTHON names one)

$(STAMP): requirements.lock pyproject.toml $(wildcard deployments/bootstrap/*)
	@sh deployments/bootstrap/install.sh
	@touch $(STAMP)

ifeq ($(ALIVE),)
.PHONY: $(STAMP)
endif

.PHONY: demo
demo: $(STAMP) ## A simulated LATISS night, from raw frames to two matching sites, in demo/
	@rm -rf demo
	$(BIN)/calprod demo demo

.PHONY: demo-full
demo-full: $(STAMP) ## A night that holds every calibration, made, approved and released, in demo-full/
	@rm -rf demo-full
	$(BIN)/calprod demo demo-full --night complete

.PHONY: test
test: $(STAMP) test-packages ## All tests but the slow ones (more for pytest: PYTEST="-k gate -x")
	$(BIN)/python -m pytest $(SPREAD) --benchmark-skip -m "not slow" $(PYTEST)

.PHONY: test-slow
test-slow: $(STAMP) test-packages ## The slow tests: full-size frames, long walks
	$(BIN)/python -m pytest $(SPREAD) --benchmark-skip -m slow $(PYTEST)

.PHONY: test-packages
test-packages: ## What the tests need from Debian (browser, PostgreSQL), where absent
	@sh deployments/bootstrap/test_packages.sh

.PHONY: lint
lint: $(STAMP) ## ruff, mypy --strict, import contracts, the rules of the house
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/architecture

.PHONY: format
format: $(STAMP) ## Let ruff mend what it can
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

.PHONY: bench
bench: $(STAMP) ## Benchmarks, each beside a peer in the same run
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-group-by=group $(PYTEST)

.PHONY: lock
lock: $(STAMP) ## Resolve pyproject.toml anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
	    --no-header --all-extras pyproject.toml -o requirements.lock

.PHONY: clean
clean: ## Remove .venv, demo/ and everything else that was built
	rm -rf .venv .venv.lock demo demo-full build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks \
	    .import_linter_cache .coverage
	find flows tasks infra deployments tests -name __pycache__ -type d -prune -exec rm -rf {} +
