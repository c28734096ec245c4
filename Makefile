# `make` alone prints this help. Two targets matter: `make lab` and `make test`; each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
EMULATOR_VENV := .venv-emulator
CHECKOV_VENV := .venv-checkov
SITE_VENV := .venv-site
BIN := $(VENV)/bin
ARGS ?=
SCENARIOS := .pytest_cache/scenarios.json

# Where it is set, each of some hundred processes would compile the project and its tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Print this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

$(VENV)/.ready: requirements/dev.txt setup.cfg pyproject.toml deployment/venv.sh
	@deployment/venv.sh --small $(PYTHON) $(VENV) requirements/dev.txt .

# With its bytecode: many processes of the lab start at once, and each would make it.
$(EMULATOR_VENV)/.ready: requirements/emulator.txt deployment/venv.sh
	@deployment/venv.sh $(PYTHON) $(EMULATOR_VENV) requirements/emulator.txt

$(CHECKOV_VENV)/.ready: requirements/checkov.txt deployment/venv.sh
	@deployment/venv.sh --small $(PYTHON) $(CHECKOV_VENV) requirements/checkov.txt

$(SITE_VENV)/.ready: requirements/site.txt deployment/venv.sh
	@deployment/venv.sh $(PYTHON) $(SITE_VENV) requirements/site.txt

.PHONY: setup
setup: $(VENV)/.ready $(EMULATOR_VENV)/.ready ## Make the virtual environments with pinned dependencies

.PHONY: lab
lab: setup ## Launch the product on the local Region pair and watch a fleet cross over
	@$(BIN)/python -m lab run $(ARGS)

.PHONY: drill
drill: setup ## Launch the product on the local Region pair and rehearse a failover there and back
	@$(BIN)/python -m lab drill $(ARGS)

.PHONY: lab-up
lab-up: setup ## Start the local Region pair with the product launched and keep it running
	@$(BIN)/python -m lab up $(ARGS)

.PHONY: lab-down
lab-down: setup ## Stop what lab-up started
	@$(BIN)/python -m lab down

LINT := lint-types lint-templates lint-findings lint-style

.PHONY: lint
lint: ## ruff, mypy, shellcheck, generated templates current, cfn-lint, checkov
	@$(MAKE) --no-print-directory --jobs 4 --output-sync=target $(LINT)

.PHONY: $(LINT)
lint-style: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z --cached --others --exclude-standard | grep -zE '\.sh$$|^\.ci/run$$' | xargs -0 $(BIN)/shellcheck

lint-types: $(VENV)/.ready
	$(BIN)/mypy

lint-templates: $(VENV)/.ready
	$(BIN)/python generate.py --lint --check tests/golden

lint-findings: $(CHECKOV_VENV)/.ready
	$(CHECKOV_VENV)/bin/python -m tests.checkov_findings

# Virtual environments are made beside each other and beside what needs only one of them.
.PHONY: test
test: ## Lint, and every test: unit, property, contract, architecture, end to end; a table of scenarios
	@rm -f $(SCENARIOS)
	@$(MAKE) --no-print-directory --jobs 4 --output-sync=target setup $(LINT) compiled-tests
	@$(MAKE) --no-print-directory unit pair RECORD=--scenarios=$(SCENARIOS)

# Once, and not by each of the processes that run tests; what cannot be collected, these tell.
.PHONY: compiled-tests
compiled-tests: $(VENV)/.ready
	@$(BIN)/pytest --collect-only --quiet >/dev/null || true

.PHONY: unit
unit: setup ## Only the tests that need no Region pair
	$(BIN)/pytest -m "not lab" --ignore tests/e2e --numprocesses 3 $(RECORD) $(ARGS)

# Seven pairs at once on two cores: these tests wait as much as they compute.
.PHONY: pair
pair: setup ## Only the tests on the local Region pair
	$(BIN)/pytest -m "lab and not correction" -o testpaths="tests/contract tests/e2e" \
	  --numprocesses 7 --dist loadfile --no-loadscope-reorder $(RECORD) $(ARGS)

# The emulator is pinned: what it lacks changes with the pin and with lab/corrections alone.
.PHONY: corrections
corrections: setup ## Whether the emulator still needs each correction of the lab; after a change of its pin or of lab/
	$(BIN)/pytest -m correction --numprocesses 4 --dist loadfile $(ARGS)

.PHONY: e2e-aws
e2e-aws: setup ## Ask a real account what is only believed of AWS; it costs money, so it asks (docs/real-account.md)
	@$(BIN)/python -m tests.real_account $(ARGS)

.PHONY: mutation
mutation: setup ## Change every statement of reconcile/ in turn; a change that no test notices fails (docs/mutation.md)
	@$(BIN)/python -m tests.mutation

.PHONY: planted
planted: setup ## Plant the listed faults in turn, all or those that ARGS name; one that its tests miss fails
	@$(BIN)/python -m tests.planted $(ARGS)

.PHONY: simulate
simulate: setup ## Run the services under simulated time, faults and chance, a minute or as ARGS say (CONTRIBUTING.md)
	@$(BIN)/python -m tests.simulation $(ARGS)

.PHONY: simulation-teeth
simulation-teeth: setup ## Take each mend of replication back in a copy; the simulation must find a broken rule
	@$(BIN)/python -m tests.simulation.teeth $(ARGS)

.PHONY: golden
golden: setup ## Accept the templates and the reference pages that the code generates now
	$(BIN)/python generate.py --output tests/golden
	$(BIN)/python -m docs.reference

.PHONY: dist
dist: setup ## Build the assets as deployment/build-s3-dist.sh does, under a made-up prefix
	VENV=$(VENV) deployment/build-s3-dist.sh iot-dr-example disaster-recovery-for-aws-iot "v$$($(BIN)/python -c 'import iot_dr; print(iot_dr.__version__)')"

.PHONY: man
man: setup ## Write manual pages of iot-dr to man/
	$(BIN)/python -m docs.manual man

.PHONY: site
site: $(SITE_VENV)/.ready ## Build the documentation with search as a static site; any warning fails
	$(SITE_VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -c docs/site . site
	@echo "Open site/index.html"

.PHONY: lock
lock: setup ## Resolve the pinned requirements again (needs uv: pip install uv)
	cd requirements && for name in lambda tools templates dev emulator checkov site pip; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $$name.in -o $$name.txt || exit 1; done

.PHONY: clean
clean: ## Remove virtual environments, caches and build output
	rm -rf man site $(SITE_VENV) $(VENV) $(EMULATOR_VENV) .venv-build $(CHECKOV_VENV) .lab .mutation .mypy_cache .ruff_cache .pytest_cache .hypothesis deployment/global-s3-assets deployment/regional-s3-assets deployment/.build.*
