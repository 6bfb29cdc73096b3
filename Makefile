# Needs Python 3.11 or newer and make, nothing else. Every path is relative, so the checkout may lie in a folder with spaces.
#
#   make demo             train the digits sample
#   make test             lint, types, floors, tests
#   make bench            side by side with other frameworks
#   make update-goldens   rewrite the files that golden tests compare with
#   make env              only make the environment, .venv
#   make clean            remove it, and the caches

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Tests may call make themselves, and must not inherit how this one was called.
unexport MAKEFLAGS MFLAGS MAKELEVEL

.PHONY: env demo lint test bench update-goldens clean
.DELETE_ON_ERROR:

env: .venv/.installed

# torch first and alone: whatever build of it the machine's index offers then stays, and the rest settles around it.
.venv/.installed: pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nnc needs Python 3.11 or newer, and this is %d.%d: name another one with `make PYTHON=python3.12 ...`" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet "$$(grep '^torch==' constraints.txt)"
	$(PIP) install --quiet -c constraints.txt -e ".[test]"
	@touch $@

.venv/.installed-bench: .venv/.installed
	$(PIP) install --quiet -c constraints.txt -e ".[bench]"
	@touch $@

demo: .venv/.installed
	$(BIN)/nnc train samples/digits.nn

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

bench: .venv/.installed-bench
	$(BIN)/python -m benchmarks

update-goldens: .venv/.installed
	$(BIN)/python -m pytest -m golden --update-goldens

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build
