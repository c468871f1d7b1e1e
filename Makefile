# SPDX-License-Identifier: Apache-2.0
# make demo | test | lint | notebook | bench-rtl | clean. Each makes .venv first; a second run is quick.
# make finn-env | pytest-finn: the FINN flow in an environment of its own, part of make test.
.DEFAULT_GOAL := help
.PHONY: help demo test lint pytest finn-env pytest-finn notebook bench-rtl clean

VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FINN_VENV := .venv-finn
FINN_INSTALLED := $(FINN_VENV)/.installed

# make demo TASK=mr RUN=mr FROM=export TO=verify
TASK ?= trec
RUN ?= demo
FROM ?=
TO ?=

help:
	@echo "make demo      train, export, compile, simulate and verify the demo model; prints its report"
	@echo "               TASK=trec|mr  RUN=name  FROM=step  TO=step (FROM=export: attached checkpoint)"
	@echo "make test      every check and test"
	@echo "make lint      the static checks alone"
	@echo "make finn-env  the environment of the FINN flow (docs/finn.md); make pytest-finn runs its tests"
	@echo "make notebook  run the quickstart; build/quickstart.ipynb holds the outputs"
	@echo "make bench-rtl the whole accelerator at BERT-base size in cosim; writes benchmarks/results/bat_rtl.json"
	@echo "make clean     remove build products and caches (not .venv, not runs/)"

$(INSTALLED): pyproject.toml scripts/bootstrap.sh
	@scripts/bootstrap.sh $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet -e '.[formal]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/batflow demo --task $(TASK) --run $(RUN) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

# FINN's environment stands before the tests, for those of verify's rungs.
test: lint finn-env pytest pytest-finn

lint: $(INSTALLED)
	@scripts/lint.sh $(VENV)

pytest: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadscope

$(FINN_INSTALLED): scripts/finn_env.sh
	@scripts/finn_env.sh $(FINN_VENV)
	@touch $@

finn-env: $(FINN_INSTALLED)

pytest-finn: $(FINN_INSTALLED)
	@OMP_NUM_THREADS=1 $(FINN_VENV)/bin/python -m pytest -q tests/hls/finn

notebook: $(INSTALLED)
	@mkdir -p build
	@$(BIN)/jupyter-execute --kernel_name=python3 --output="$(CURDIR)/build/quickstart.ipynb" notebooks/quickstart.ipynb

bench-rtl: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bat_rtl

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(FINN_VENV)/*' -prune -exec rm -rf {} +
