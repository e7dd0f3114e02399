# Everything that one does with Hoichan. `make help` lists it; nothing else is needed to work on the project.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := foundation identity notify media consult_rooms records_panel signaling web hoichan migrations
CLIENT := $(shell find web/client web/static/styles -type f 2>/dev/null)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help run setup test check chaos test-services migration lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

run: setup ## start Hoichan with demo data on http://127.0.0.1:8080 (HOICHAN_HOST, HOICHAN_PORT)
	@exec $(BIN)/hoichan run --demo

setup: .venv/.compiled .venv/.native web/static/built/manifest.json ## install what running needs, and nothing more

.venv/.setup: requirements-setup.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Hoichan needs Python 3.11 or newer (PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python has no ensurepip here: install your system's python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.txt
	@touch $@

.venv/.runtime: .venv/.setup requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Bytecode is written here, so that a start is quick even where Python is told to write none.
.venv/.compiled: .venv/.runtime $(shell find $(SOURCES) -name "*.py" 2>/dev/null)
	@$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@

# The forwarder's inner loops. Without a C compiler Python does the same, at a higher cost.
.venv/.native: .venv/.setup media/fan_out.c media/intake.c media/fan_out.h
	@cc -O2 -shared -fPIC -o media/_fan_out.so media/fan_out.c media/intake.c 2>/dev/null \
		|| { rm -f media/_fan_out.so; echo "No C compiler here (cc): media is forwarded by Python alone, which costs more"; }
	@touch $@

.venv/.node: .venv/.setup requirements-node.txt
	@node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null && npm --version >/dev/null 2>&1 \
		|| $(BIN)/uv pip install --quiet --require-hashes -r requirements-node.txt
	@touch $@

node_modules/.installed: .venv/.node package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/static/built/manifest.json: node_modules/.installed $(CLIENT)
	npm run --silent build
	@touch $@

.venv/.dev: .venv/.compiled requirements-dev.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

# Medplum's FHIR router, 104 MB, for tests and benches alone: a package of its own, so that running never fetches it.
tests/medplum/node_modules/.installed: .venv/.node tests/medplum/package.json tests/medplum/package-lock.json
	cd tests/medplum && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test-services: ## install Chromium, PostgreSQL, Redis and coturn from Debian packages when they are missing
	@sh tests/install-services.sh

# The tests' own bytecode is kept: without it each process would compile them for a quarter of a minute.
test: setup .venv/.dev tests/medplum/node_modules/.installed test-services ## run every test
	npm test --silent
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile -m "browser and not chaos"
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal -m "not chaos and not browser"

check: setup .venv/.dev ## ruff, mypy, import-linter, tsc, and documents that are generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm run --silent check
	$(BIN)/python -m signaling.protocol_document --check

chaos: setup .venv/.dev test-services ## long soak and fault runs
	$(BIN)/python -m pytest -m chaos --timeout 3600

migration: .venv/.dev ## write a migration from what the tables have become (NAME="add a column")
	$(BIN)/hoichan migrate --new "$(NAME)"

lock: .venv/.setup ## pin all Python packages anew, with hashes
	$(BIN)/uv pip compile -q requirements-setup.in --universal --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements-setup.txt
	$(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements-dev.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra node --universal --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements-node.txt

clean: ## remove what setup made; data below var/ stays
	rm -rf .venv node_modules tests/medplum/node_modules web/static/built media/_fan_out.so
