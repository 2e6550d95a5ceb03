# Everything a person types. What `up` does is in deploy/local.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
BEGAN := $(shell date +%s)

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## Install Mooring and its Python dependencies, by hash, into .venv
	@deploy/local/venv.sh $(PYTHON) $(VENV)

up: venv ## Bring up the whole platform; what runs already is left alone; SIMULATED_NODES=n adds nodes for scale, 0 takes them away
	@$(RUN) -m deploy.local up $(WHOLE) $(if $(SIMULATED_NODES),--simulated-nodes $(SIMULATED_NODES))

down: venv ## Stop what `make up` started; WIPE=1 also forgets the data
	@$(RUN) -m deploy.local down $(if $(filter 1,$(WIPE)),--wipe)

status: venv ## Show every part's state; JSON=1 for programs
	@$(RUN) -m deploy.local status $(if $(filter 1,$(JSON)),--json)

# Groups side by side as far as two cores bear it: what waits for the cluster in more processes than what computes.
# tests/conftest.py orders the groups within a run; each run prints its own summary, with where the time went, and all run
# even after a failure. worksteal: a process goes through whole files, so that what a file makes once is made once.
TOLD := --dist worksteal --durations=15 --durations-min=1
test: WHOLE := --whole
test: lint up ## Run all tests; ONLY="unit e2e" runs those folders only
	@ended=0; for run in "2 unit workflow replay integration" "4 e2e" "8 faults" "0 parts"; do \
	  set -- $$run; processes=$$1; shift; chosen=(); \
	  for group in "$$@"; do case " $(or $(ONLY),$$*) " in *" $$group "*) chosen+=("tests/$$group");; esac; done; \
	  [ $${#chosen[@]} = 0 ] || $(RUN) -m pytest -q -n $$processes $(TOLD) "$${chosen[@]}" || ended=1; \
	done; exit $$ended

bench: up ## Measure speed as ratios; PAIRS=n, ONLY="P1 P3" for some
	@HELM=$$($(RUN) -m deploy.local helm) && export HELM && $(RUN) -m bench --pairs $(or $(PAIRS),7) $(ONLY)

demo: up ## Run the main job: build, deploy, upgrade under SIGKILL, fail, mend
	@. .local/env && $(RUN) -m demo --began $(BEGAN)

lint: venv ## Check style, types, imports and documents
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

.PHONY: help venv up down status test bench demo lint
