# Everything a newcomer needs. `make help` lists it.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up once test quick check format chaos bench bench-inbox bench-matching bench-live bench-memory simulate messages requirements clean

help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into .venv (the other targets do it by themselves)

$(READY): requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jobwire needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")'
	@echo "Installing into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## run the main job once, then stay up for you to try
	@$(BIN)/jobwire up --demo

up: $(READY) ## start everything and stay up
	@$(BIN)/jobwire up

once: $(READY) ## run the main job once and stop
	@$(BIN)/jobwire up --once

test: $(READY) ## all tests but the long chaos and benchmark runs
	@$(BIN)/python -m pytest

quick: $(READY) ## rules and units within a minute: no server, no browser, no process
	@$(BIN)/python -m pytest --quick -q

check: $(READY) ## lint, types, borders between the packages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

chaos: $(READY) ## 30,000 commands while consumers, Kafka and MongoDB are killed (about ten minutes)
	@$(BIN)/python -m tests.chaos

bench: $(READY) ## commands per second and round trips, as ratios within one run
	@$(BIN)/python -m deploy.bench

bench-inbox: $(READY) ## lists and searches in 100,000 jobs, as ratios to the bare queries (about ten minutes)
	@$(BIN)/python -m deploy.bench.inbox

bench-matching: $(READY) ## 100,000 partners: memory, selections, changes and live requests (about five minutes)
	@$(BIN)/python -m deploy.bench.matching

bench-live: $(READY) ## a live event with 5,000 listeners, beside a walk over all of them (about ten minutes)
	@$(BIN)/python -m deploy.bench.live

bench-memory: $(READY) ## each service's memory under a backlog of 200,000 commands (long)
	@$(BIN)/python -m deploy.bench.memory

simulate: $(READY) ## a made-up market under ours and simpler ways to match, with plots in .jobwire/simulation
	@$(BIN)/python -m deploy.simulation --seeds 101-106 --processes 2 --out .jobwire/simulation

messages: $(READY) ## collect new strings into the catalogues
	@$(BIN)/pybabel -q extract -F babel.cfg --no-wrap --sort-by-file --add-location=file --project=Jobwire --version=1 -o shared/locale/jobwire.pot .
	@$(BIN)/pybabel -q update -i shared/locale/jobwire.pot -d shared/locale -D jobwire --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@rm shared/locale/jobwire.pot

requirements: $(READY) ## pin anew what pyproject.toml asks for (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q --upgrade pyproject.toml -o requirements/runtime.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q --upgrade --all-extras pyproject.toml -o requirements/all.txt

clean: ## forget the local Kafka, MongoDB and caught mails
	rm -rf .jobwire
