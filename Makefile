# Every target sets itself up: it needs python3 (3.10 or newer), make and, the first time, the network.
#   make demo         classify the bundled digits, and compare with the reference's bits
#   make test         lint, types and tests; under ten minutes on two cores
#   make lint         ruff and mypy alone
#   make conformance  every operator and type against the reference, at length, and a table of it (EXAMPLES=400 a case)
#   make bench        time a call beside LiteRT: MODELS="a.tflite b.tflite" AGAINST=litert,litert-ref,openvino
#   make pages        generate docs/operators.md and docs/quirks.md
#   make clean        remove what these made

PYTHON ?= python3
EXAMPLES ?= 400
LEAST ?= 200
PYTEST_FLAGS ?= -n auto
MODELS ?= $(wildcard tools/digits/models/*.tflite)
AGAINST ?= litert,litert-ref

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(VENV)/src

.PHONY: demo test lint conformance bench pages clean

demo: $(VENV)/.installed
	$(BIN)/q31 demo

test: lint
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# The repository root is the package q31: mypy finds it under that name through a link.
	mkdir -p $(SOURCES)
	ln -sfn ../.. $(SOURCES)/q31
	cd $(SOURCES) && ../bin/mypy --config-file q31/pyproject.toml -p q31

conformance: $(VENV)/.installed-test
	Q31_CONFORMANCE_EXAMPLES=$(EXAMPLES) Q31_CONFORMANCE_LEAST=$(LEAST) \
	  $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/conformance

bench: $(VENV)/.installed-test
	$(BIN)/q31 bench $(MODELS) --against $(AGAINST)

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

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "q31 needs Python 3.10 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
