# Everything a person or CI runs. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The newest interpreter from 3.11 to 3.13 that runs; PYTHON=/path/to/python names another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	  $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	  && { command -v $$p; break; }; done)
WORKERS ?= 2

.PHONY: help install run test test-long test-all test-cluster check format generate bench soak up down secrets pin-images lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(READY)  ## create .venv from the locked, hash-pinned requirements

$(READY): requirements.lock requirements-bootstrap.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 with its venv module was found."; \
	  echo "Allowed: Python 3.11, 3.12 or 3.13."; \
	  echo "To do: install one (Debian and Ubuntu: apt install python3 python3-venv), or run make PYTHON=/path/to/python"; \
	  exit 2; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@echo "Installing the locked packages into $(VENV) ..."
	@# Byte code is compiled once here, or every process of a run would compile every import again.
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY)  ## run the whole main job on the simulated shop, through Airflow
	@$(BIN)/segmentry demo

# Tests of a file go to one worker, so that what a file prepares for its tests is made once.
test: $(READY)  ## run the test suite; what takes longer is in test-all
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10 -m "not cluster and not soak and not slow"

test-long: $(READY)  ## whole jobs, through Airflow too; every documented command; public data
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10 -m "slow and not cluster and not soak"

test-all: test test-long  ## everything but the cluster and the soak

test-cluster: $(READY)  ## the many-machines layout: PostgreSQL, Redis, two Celery workers, on loopback
	@$(BIN)/python -m pytest -m cluster

soak: $(READY)  ## the long tests: a thousand kills, two hundred schedules, a search for new counterexamples
	@$(BIN)/python -m pytest -m soak
	@$(BIN)/python -m pytest tests/properties --hypothesis-profile=search
	@SEGMENTRY_ALL_KINDS=1 $(BIN)/python -m pytest tests/e2e/test_corrupted_files.py
	@SEGMENTRY_ALL_SHOPS=1 $(BIN)/python -m pytest tests/e2e/test_degenerate_shops.py

check: $(READY)  ## linters, types, import rule, budgets, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes $(WORKERS) dbt_project/models dbt_project/tests
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@$(BIN)/segmentry check generated
	@$(BIN)/segmentry check segments
	@$(BIN)/segmentry check classes
	@$(BIN)/python -m pytest tests/house

format: $(READY)  ## format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

generate: $(READY)  ## write the generated files again (contract of profiles, references)
	@$(BIN)/segmentry check generated --write

bench: $(READY)  ## benchmarks: ratios, printed and written to benchmarks/results/
	@$(BIN)/python -m benchmarks

up: $(READY)  ## serve Airflow, the console, MLflow, Data Docs and dbt docs on loopback
	@$(BIN)/segmentry up

down: $(READY)  ## stop what `make up` started
	@$(BIN)/segmentry down

secrets:  ## make the secrets of docker-compose.yml that are missing, in deploy/secrets
	@$(PYTHON) deploy/make_secrets.py

pin-images:  ## pin the images of docker-compose.yml and Dockerfile to digests (needs docker and the network)
	@$(PYTHON) deploy/pin_images.py

lock: $(READY)  ## resolve the requirements again, with hashes, one lock for all Pythons
	@$(BIN)/uv pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --universal --python-version 3.11 --custom-compile-command "make lock" --quiet -o requirements.lock
	@grep -A200 -E '^uv==' requirements.lock | awk 'NR==1 || /^    --hash/ {print} NR>1 && !/^    --hash/ {exit}' | sed '$$ s/ \\$$//' > requirements-bootstrap.lock

clean:  ## remove the environment and all state
	rm -rf $(VENV) .segmentry build ./*.egg-info
