# Everything a person types. What `up` does is in deploy/local.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## Install Mooring and its Python dependencies, by hash, into .venv
	@deploy/local/venv.sh $(PYTHON) $(VENV)

up: venv ## Bring up the whole platform; what runs already is left alone
	@$(RUN) -m deploy.local up

down: venv ## Stop what `make up` started; WIPE=1 also forgets the data
	@$(RUN) -m deploy.local down $(if $(filter 1,$(WIPE)),--wipe)

status: venv ## Show every part's state; JSON=1 for programs
	@$(RUN) -m deploy.local status $(if $(filter 1,$(JSON)),--json)

.PHONY: help venv up down status
