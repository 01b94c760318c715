# Everything here sets itself up: a virtual environment of its own, and what it needs in it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two of an area's parts run at once, as a machine has two processors at least, and whichever ends makes
# room for the next: so the large ones come first, and what no part names is in the one called rest.
TWO := $(MAKE) -j2 --output-sync=target
TEST_local := tests/local
TEST_cli := tests/cli
TEST_served := tests/app tests/agents tests/codex
TEST_web := tests/html tests/web tests/browser
TEST_rest := tests $(addprefix --ignore=,tests/interop tests/faults $(TEST_local) $(TEST_cli) $(TEST_served) $(TEST_web))
INTEROP_cells := $(addprefix tests/interop/test_,matrix.py walk.py)
INTEROP_lists := $(addprefix tests/interop/test_,listing.py reading.py transcripts.py)
INTEROP_beside := $(addprefix tests/interop/test_,operations_beside.py register.py app_fuzz.py app_sdk.py)
INTEROP_rest := tests/interop $(addprefix --ignore=,$(INTEROP_cells) $(INTEROP_lists) $(INTEROP_beside))
TEST_PARTS := $(addprefix test-,rest local cli served web)
INTEROP_PARTS := $(addprefix interop-,cells lists beside rest)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check check-types check-rest conformance bench interop interop-all $(TEST_PARTS) $(INTEROP_PARTS) \
	faults faults-ended faults-other torture mutants wheel lock clean

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

# With ARGS one process, that chooses among all.
test: $(VENV)/.dev
ifdef ARGS
	$(BIN)/python -m pytest --ignore tests/interop --ignore tests/faults $(ARGS)
else
	$(TWO) $(TEST_PARTS)
endif

$(TEST_PARTS): test-%:
	$(BIN)/python -m pytest $(TEST_$*)

check: $(VENV)/.dev
	$(TWO) check-types check-rest

check-types:
	$(BIN)/mypy

check-rest:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
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
	$(TWO) $(INTEROP_PARTS)
endif

$(INTEROP_PARTS): interop-%:
	$(BIN)/python -m pytest $(INTEROP_$*)

CELLS := .cache/cells.jsonl
interop-all: $(VENV)/.dev
	-PYTHONPATH=tests $(BIN)/python -m interop.codex_process
	mkdir -p .cache && rm -f $(CELLS)
	THREADLOG_CELLS=all THREADLOG_CELLS_SEEN=$(CURDIR)/$(CELLS) $(TWO) --keep-going $(INTEROP_PARTS); seen=$$?; \
	PYTHONPATH=tests $(BIN)/python -m interop.matrix_page $(CELLS) && exit $$seen

# Two at once: some wait for disks and other processes, some for the processor.
FAULTS := THREADLOG_KILLS=5000 THREADLOG_CUTS=200 THREADLOG_TURNS=500 THREADLOG_FUZZ=50000 THREADLOG_STRIDE=40
TORTURE := THREADLOG_KILLS=250000 THREADLOG_CUTS=5000 THREADLOG_TURNS=5000 THREADLOG_WRITERS=16 \
	THREADLOG_FUZZ=1000000 THREADLOG_STRIDE=1
ENDED := tests/faults/test_kill.py tests/faults/test_power_cut.py tests/faults/test_writers.py

faults: $(VENV)/.dev
	$(TWO) faults-ended faults-other CHOSEN="$(FAULTS)"

torture: $(VENV)/.dev
	$(TWO) faults-ended faults-other CHOSEN="$(TORTURE)"

faults-ended:
	$(CHOSEN) $(BIN)/python -m pytest $(ENDED) $(ARGS)

faults-other:
	$(CHOSEN) $(BIN)/python -m pytest tests/faults $(addprefix --ignore=,$(ENDED)) $(ARGS)

mutants: $(VENV)/.dev
	$(BIN)/python tools/mutants.py $(ARGS)

wheel: $(VENV)/.dev
	$(BIN)/python tools/try_wheel.py

lock: $(BIN)/python
	$(PIP) install --upgrade axe-playwright-python build hatchling hypothesis jsonschema-rs matplotlib msgspec mypy openai orjson \
		playwright pygments pytest ruff starlette textual uvicorn watchfiles
	$(PIP) freeze --exclude-editable > requirements/dev.txt

clean:
	rm -rf $(VENV) .cache build dist
