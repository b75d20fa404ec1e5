# Everything a newcomer needs: `make demo` and `make test`. Nothing is installed outside this folder except, as root,
# the distribution's database servers for the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test fast lint bench pictures lock clean

demo: $(VENV)/.demo
	@exec $(BIN)/ferrybot demo $(ARGS)

# Stories wait more than they compute: three at a time on two cores, each with servers of its own. xdist would begin
# with the files of most tests; tests/conftest.py knows which take longest.
test: lint servers
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

fast: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not story and not browser and not kill and not slow" -x -q $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

servers: $(VENV)/.dev
	sh tools/fetch_servers.sh

# What README and docs show, drawn anew by the tests in a browser.
pictures: servers
	FERRYBOT_SCREENSHOTS=docs $(BIN)/python -m pytest -q tests/story/test_browser.py tests/bot/test_pictures.py

bench: servers
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench.chat

# The marks say which lock the environment was made from, so that a changed lock is installed anew.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ferrybot needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements-demo.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-demo.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

# Exact versions and hashes of everything, without any index's address in the files.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate -q --python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate -q --python-version 3.11 --extra demo pyproject.toml -o requirements-demo.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate -q --python-version 3.11 --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
