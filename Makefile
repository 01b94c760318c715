# Everything here sets itself up: a virtual environment of its own, and what it needs in it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCAL := tests/local tests/codex tests/agents tests/app/test_process.py
LISTED := $(addprefix tests/interop/test_,compressed_by_us.py corpus.py damage.py default_list.py listing.py \
	live_thread.py operations_beside.py readers_of_others.py reading.py register.py resumed_by_us.py session_meta.py \
	transcripts.py app_fuzz.py app_sdk.py params.py)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check conformance bench interop interop-all test-local test-other interop-listed interop-other faults faults-ended faults-other torture mutants wheel lock clean

help:
	@echo "make demo     record a thread, list it, show it (a minute at most)"
	@echo "make test     the tests"
	@echo "make check    lint, types, architecture"
	@echo "make conformance  tests/CONFORMANCE.md, of the marks in the tests"
	@echo "make bench    the benchmarks, as ratios (several minutes)"
	@echo "make interop  against the real Codex binaries (needs npm)"
	@echo "make interop-all  every cell of docs/interop.md, which it writes anew"
	@echo "make faults   killed 5,000 times, 200 power cuts, full disks, every call failed, 50,000 hostile inputs"
	@echo "make torture  the same for hours: 250,000 times, 5,000 power cuts, a million inputs"
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

# Two at once, as a machine has two processors at least; with ARGS one, that chooses among all.
OTHERS := --ignore tests/interop --ignore tests/faults
test: $(VENV)/.dev
ifdef ARGS
	$(BIN)/python -m pytest $(OTHERS) $(ARGS)
else
	$(MAKE) -j2 --output-sync=target test-local test-other
endif

test-local:
	$(BIN)/python -m pytest $(LOCAL)

test-other:
	$(BIN)/python -m pytest $(OTHERS) $(addprefix --ignore=,$(LOCAL))

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_docs.py

conformance: $(VENV)/.dev
	$(BIN)/python tests/conformance.py

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ARGS)

interop: $(VENV)/.dev
ifdef ARGS
	$(BIN)/python -m pytest tests/interop $(ARGS)
else
	-PYTHONPATH=tests $(BIN)/python -m interop.codex_process
	$(MAKE) -j2 --output-sync=target interop-listed interop-other
endif

interop-listed:
	$(BIN)/python -m pytest $(LISTED)

interop-other:
	$(BIN)/python -m pytest tests/interop $(addprefix --ignore=,$(LISTED))

CELLS := .cache/cells.jsonl
interop-all: $(VENV)/.dev
	-PYTHONPATH=tests $(BIN)/python -m interop.codex_process
	mkdir -p .cache && rm -f $(CELLS)
	THREADLOG_CELLS=all THREADLOG_CELLS_SEEN=$(CURDIR)/$(CELLS) $(MAKE) -j2 --output-sync=target --keep-going \
		interop-listed interop-other; seen=$$?; \
	PYTHONPATH=tests $(BIN)/python -m interop.matrix_page $(CELLS) && exit $$seen

# Two at once: some wait for disks and other processes, some for the processor.
FAULTS := THREADLOG_KILLS=5000 THREADLOG_CUTS=200 THREADLOG_TURNS=500 THREADLOG_FUZZ=50000 THREADLOG_STRIDE=40
TORTURE := THREADLOG_KILLS=250000 THREADLOG_CUTS=5000 THREADLOG_TURNS=5000 THREADLOG_WRITERS=16 \
	THREADLOG_FUZZ=1000000 THREADLOG_STRIDE=1
ENDED := tests/faults/test_kill.py tests/faults/test_power_cut.py tests/faults/test_writers.py

faults: $(VENV)/.dev
	$(MAKE) -j2 --output-sync=target faults-ended faults-other CHOSEN="$(FAULTS)"

torture: $(VENV)/.dev
	$(MAKE) -j2 --output-sync=target faults-ended faults-other CHOSEN="$(TORTURE)"

faults-ended:
	$(CHOSEN) $(BIN)/python -m pytest $(ENDED) $(ARGS)

faults-other:
	$(CHOSEN) $(BIN)/python -m pytest tests/faults $(addprefix --ignore=,$(ENDED)) $(ARGS)

mutants: $(VENV)/.dev
	$(BIN)/python tools/mutants.py $(ARGS)

wheel: $(VENV)/.dev
	$(BIN)/python tools/try_wheel.py

lock: $(BIN)/python
	$(PIP) install --upgrade build hatchling hypothesis jsonschema-rs msgspec mypy openai orjson pytest ruff textual watchfiles
	$(PIP) freeze --exclude-editable > requirements/dev.txt

clean:
	rm -rf $(VENV) .cache build dist
