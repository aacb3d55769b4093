# Two commands do everything on a fresh machine: `make demo` and `make test`. Both install what they need below .venv.
# Needs: Python 3.11 or newer with its venv module, and make. PostgreSQL's server is used where it is installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COUNT ?= 100
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
SIZE ?= small

.PHONY: install demo test lint catalogue soak lock clean

install: $(VENV)/.installed

# The lock file is whole and holds the hash of every package: what is installed today is what was tested. So pip has
# nothing to resolve (its resolver would look at a newer release of a pinned package that is asked for with extras,
# and refuse it for having no hash); that the parts fit together is checked afterwards.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --disable-pip-version-check
	touch $@

# The main job: lab up, seed, a workload that never pauses, backup, restore test in the second region, report, lab down.
demo: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m dr.lab.demo --size $(SIZE)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not soak and (not catalogue or one_of_a_kind)" $(ARGS)

# Every fault of the catalogue, each caught by the check and at the level that it names; writes docs/catalogue.md.
catalogue: install
	rm -rf .catalogue
	DR_CATALOGUE=$(CURDIR)/.catalogue $(BIN)/pytest -n 2 --dist loadfile -m catalogue tests/catalogue $(ARGS)
	$(BIN)/python -m tests.catalogue .catalogue

# Long proofs, whole: a hundred backup-and-restore rounds, and so on. `make soak COUNT=15 SEED=7` is a shorter one at a
# seed of your own. Figures of the last full one are in docs/measured.md.
soak: install
	DR_SOAK_COUNT=$(COUNT) DR_SOAK_SEED=$(SEED) $(BIN)/pytest -m soak -n 2 --dist load -rA --timeout 14400 $(ARGS)

# Resolve the dependencies anew. No index is named in the result: pip takes its own.
lock: install
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --all-extras --no-header \
	  --no-emit-index-url pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
