# Everything here sets itself up: a virtual environment of its own, and what it needs in it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check bench interop faults torture mutants wheel lock clean

help:
	@echo "make demo     record a thread, list it, show it (a minute at most)"
	@echo "make test     the tests"
	@echo "make check    lint, types, architecture"
	@echo "make bench    the benchmarks, as ratios (several minutes)"
	@echo "make interop  against the real Codex binaries (needs npm)"
	@echo "make faults   killed 2,000 times, 200 power cuts, full disks, every call to the system failed"
	@echo "make mutants  a safeguard of recording less at a time: a test sees each"
	@echo "make wheel    build the wheel and try it"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	$(PIP) install --requirement requirements/dev.txt
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest --ignore tests/interop $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_docs.py

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ARGS)

interop: $(VENV)/.dev
	$(BIN)/python -m pytest tests/interop $(ARGS)

faults: $(VENV)/.dev
	THREADLOG_KILLS=2000 THREADLOG_CUTS=200 THREADLOG_TURNS=500 $(BIN)/python -m pytest \
		tests/test_kill.py tests/test_power_cut.py tests/local/test_recorder_faults.py \
		tests/faults $(ARGS)

mutants: $(VENV)/.dev
	$(BIN)/python tools/mutants.py

wheel: $(VENV)/.dev
	$(BIN)/python tools/try_wheel.py

lock: $(BIN)/python
	$(PIP) install --upgrade build hatchling hypothesis msgspec mypy orjson pytest ruff watchfiles
	$(PIP) freeze --exclude-editable > requirements/dev.txt

clean:
	rm -rf $(VENV) .cache build dist
