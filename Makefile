# The verbs of this project; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python
# What `make test` and `make check` run beside a stack of their own, three tests at a time.
SUITE := $(PYTHON) -m deploy.native exec -- \
	pytest tests/test_architecture.py tests/unit tests/integration tests/browser \
	tests/faults/test_outages.py tests/shipping --deselect tests/shipping/test_storm.py --numprocesses 3
# How many messages `make fuzz-messages` makes up.
MESSAGES ?= 10000
# What `make soak` does: jobs to be accepted, troubles, and what repeats their order (0: any).
JOBS ?= 20000
FAULTS ?= 60
SEED ?= 0
STORM := $(PYTHON) -m tests.faults.soak --jobs $(JOBS) --faults $(FAULTS) --seed $(SEED)

.PHONY: help
help: ## List these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Install what is missing, start everything, print where it is; Ctrl-C stops it
	@deploy/native/install
	@exec $(PYTHON) -m deploy.native run

.PHONY: stop
stop: ## Stop what `make run` started, if its terminal is gone
	@exec $(PYTHON) -m deploy.native stop

.PHONY: test
test: ## Run unit, integration, browser and fault tests beside a stack of their own (ARGS="-k name")
	@deploy/native/install --tests
	@exec $(SUITE) $(ARGS)

.PHONY: unit
unit: ## Run the unit tests: seconds, no service needed (ARGS="-k name")
	@deploy/native/install --environment --tests
	@exec $(PYTHON) -m pytest tests/test_architecture.py tests/unit $(ARGS)

.PHONY: soak
soak: ## Break a stack for most of an hour, and see all promises kept (JOBS=20000 FAULTS=60 SEED=1)
	@deploy/native/install --tests
	@$(PYTHON) -m pytest tests/faults/test_each_outage.py tests/shipping/test_storm.py
	@exec $(STORM)

.PHONY: test-shipping
test-shipping: ## Ship 20,000 log lines with rsyslog, which is killed, and print the figures; a minute
	@deploy/native/install --tests
	@$(PYTHON) -m pytest tests/shipping $(ARGS)

.PHONY: soak-logs
soak-logs: ## Write 200,000 log lines from processes that are killed, and find each once; a minute
	@deploy/native/install --environment --tests
	@exec $(PYTHON) -m tests.faults.log_writers $(ARGS)

.PHONY: soak-compose
soak-compose: ## The storm over containers, which are killed, stopped and paused (needs Docker)
	@deploy/native/install --environment --tests
	@exec $(STORM) --compose

.PHONY: fuzz
fuzz: ## Make up 20,000 calls to the API, beside a stack of its own; minutes
	@deploy/native/install --tests
	@PYTHONPATH=. exec $(PYTHON) -m deploy.native exec -- bash -c ' \
		.venv/bin/schemathesis --config-file tests/schemathesis.toml \
		run "$$JOBS_PUBLIC_URL/openapi.json" --max-examples 750 --continue-on-failure $(ARGS)'

.PHONY: fuzz-messages
fuzz-messages: ## Put 10,000 made-up messages into the queues, and see each end once; half an hour (MESSAGES=10000)
	@deploy/native/install --tests
	@FUZZ_MESSAGES=$(MESSAGES) exec $(PYTHON) -m deploy.native exec -- \
		pytest tests/integration/isolated/test_strange_messages.py $(ARGS)

.PHONY: bench
bench: ## Measure Jobs beside other systems, and write bench/results/systems.md; half an hour (ARGS="--quick")
	@deploy/native/install --bench
	@exec $(PYTHON) -m bench.systems $(ARGS)

.PHONY: lint
lint: ## Check format, lint rules and types
	@deploy/native/install --environment --tests
	@$(PYTHON) -m ruff format --check --config .ci/ruff.toml .
	@$(PYTHON) -m ruff check --config .ci/ruff.toml .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy deploy/gunicorn/gunicorn.conf.py

.PHONY: check
check: lint test ## All of it: format, lint rules, types, tests

.PHONY: format
format: ## Format the code, and fix what the linter can fix
	@deploy/native/install --environment --tests
	@$(PYTHON) -m ruff check --fix --quiet --config .ci/ruff.toml . || true
	@$(PYTHON) -m ruff format --config .ci/ruff.toml .

.PHONY: lock
lock: ## Renew the locks from what setup.cfg declares; versions stay (newest ones: ARGS=--upgrade)
	@deploy/native/install --environment --tests
	@.ci/lock $(ARGS)

.PHONY: up
up: ## Build and start the same system in containers, in the background
	@docker compose up --build --detach --wait

.PHONY: down
down: ## Stop the containers; what they keep stays in their volumes
	@docker compose down
