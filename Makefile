# Every target sets itself up: it needs python3 (3.10 or newer), make and, the first time, the network.
#   make demo         classify the bundled digits, and compare with the reference's bits
#   make test         lint, types and tests; under ten minutes on two cores
#   make test-browser click through the page of q31 report in Chromium (installs it and its driver where it may)
#   make lint         ruff and mypy alone
#   make mnist        make every kind of quantized model of a classifier of digits, and measure them (examples/mnist);
#                     IMAGES=FILE LABELS=FILE: MNIST's, where they lie elsewhere
#   make conformance  every operator and type against the reference, at length, and a table of it (EXAMPLES=400 a case);
#                     golden vectors against C and Verilog (installs gcc and iverilog where it may)
#   make bench        time calls and starts beside LiteRT and OpenVINO: the bundled models, those of SHARED, those of
#                     KERAS=DIR (docs/benchmarks.md), or MODELS="a.tflite b.tflite"; THREADS=1,2 BATCH=1,32
#   make docs         build the guide and the reference as a site in build/site (mkdocs-material, matplotlib)
#   make pages        generate docs/operators.md and docs/quirks.md
#   make clean        remove what these made

PYTHON ?= python3
EXAMPLES ?= 400
LEAST ?= 200
PYTEST_FLAGS ?= -n auto
# Images and sounds: published models where they lie beside this folder, and what q31.tools.keras_models made.
SHARED ?= ../shared/models
KERAS ?= keras
PUBLISHED := coral/* mlperf_tiny/* tflm/person_detect* tflm/micro_speech* tflm/mnist_lstm*
MODELS ?= $(wildcard tools/digits/models/*.tflite $(addprefix $(SHARED)/,$(addsuffix .tflite,$(PUBLISHED))) \
  $(KERAS)/*.tflite)
# Models whose starts are timed, cold ones among them, which compile for seconds.
START ?= $(or $(filter %digits_integer_int8.tflite %_mobilenet_v2_1.0_224_ptq.tflite $(KERAS)/%,$(MODELS)),$(MODELS))
AGAINST ?= litert,openvino
THREADS ?= 1,2
BATCH ?= 1

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(VENV)/src

.PHONY: docs chromium test-browser demo mnist test lint conformance benches bench pages clean

demo: $(VENV)/.installed
	$(BIN)/q31 demo

mnist: $(VENV)/.installed
	$(BIN)/python examples/mnist/quantize_digits.py $(if $(IMAGES)$(LABELS),--images "$(IMAGES)" --labels "$(LABELS)")

test: lint
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-browser: $(VENV)/.installed-browser chromium
	$(BIN)/python -m pytest tests/browser

# Without them the tests in tests/browser are skipped.
chromium:
	@missing=; for tool in chromium chromedriver; do command -v $$tool >/dev/null || missing=1; done; \
	[ -z "$$missing" ] || { \
	  if [ "$$(id -u)" = 0 ]; then root=; else root="sudo -n"; fi; \
	  command -v apt-get >/dev/null && $$root apt-get update -qq && $$root apt-get install -y -qq chromium chromium-driver; \
	} || echo "not installed: chromium and its driver (needs apt-get as root, or sudo): the tests are skipped"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# The repository root is the package q31: mypy finds it under that name through a link.
	mkdir -p $(SOURCES)
	ln -sfn ../.. $(SOURCES)/q31
	cd $(SOURCES) && ../bin/mypy --config-file q31/pyproject.toml -p q31

conformance: $(VENV)/.installed-test benches
	Q31_CONFORMANCE_EXAMPLES=$(EXAMPLES) Q31_CONFORMANCE_LEAST=$(LEAST) \
	  $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/conformance tests/vectors

# What compiles the C and simulates the Verilog of tests/vectors; without them those tests are skipped.
benches:
	@missing=; for tool in gcc iverilog; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || { \
	  if [ "$$(id -u)" = 0 ]; then root=; else root="sudo -n"; fi; \
	  command -v apt-get >/dev/null && $$root apt-get update -qq && $$root apt-get install -y -qq $$missing; \
	} || echo "not installed:$$missing (needs apt-get as root, or sudo): the tests in tests/vectors that use them are skipped"

bench: $(VENV)/.installed-bench
	$(BIN)/q31 bench $(MODELS) --against $(AGAINST) --threads $(THREADS) --batch $(BATCH)
	$(BIN)/q31 bench --start $(START) --against $(AGAINST)

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/reference.py docs
	$(BIN)/python docs/plots/rounding.py docs/plots/rounding.svg
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site is in build/site: $(BIN)/python -m http.server --directory build/site"

pages: $(VENV)/.installed
	mkdir -p docs
	$(BIN)/q31 ops --markdown > docs/operators.md
	$(BIN)/q31 ops --quirks --markdown > docs/quirks.md

clean:
	rm -rf $(VENV) build dist q31.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	touch $@

$(VENV)/.installed-bench: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

$(VENV)/.installed-docs: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "q31 needs Python 3.10 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
