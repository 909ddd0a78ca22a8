# The commands of the course; `make help` lists them.
#
# PYTHON   the Python (>= 3.10) from which .venv is made
# WORKERS  how many test processes `make test` runs side by side
# SOURCE   the folder with the original data files, for `make data`

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help lesson notebooks lab test format train bench data source-given clean distclean

PYTHON ?= python3
WORKERS ?= 2
SOURCE ?=

VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin/python

# Caches go where `make clean` and .gitignore know them.
export RUFF_CACHE_DIR := build/cache/ruff
# Kernels without the user's own IPython start-up files and history.
IPYTHON := $(CURDIR)/build/cache/ipython
lesson notebooks test: export IPYTHONDIR := $(IPYTHON)

help:
	@echo 'make lesson     run every notebook, write build/lesson/index.html'
	@echo 'make lab        open JupyterLab on the notebooks'
	@echo 'make test       check the code and every printed output of the lesson'
	@echo 'make train      train every recipe again, into data/weights/ (long)'
	@echo 'make bench      compare the training speed with the alternatives'
	@echo 'make data SOURCE=DIR'
	@echo '                build data/mnist.h5 from the four original files in DIR'
	@echo 'make notebooks [ONLY="02 05"]'
	@echo '                run notebooks and save their outputs into them (for authors)'
	@echo 'make format     put code and notebooks into the form that make test wants'
	@echo 'make clean      remove what the commands made; distclean: .venv as well'

lesson: $(READY)
	@mkdir -p $(IPYTHON)
	@$(RUN) notebooks/run_lesson.py

notebooks: $(READY)
	@mkdir -p $(IPYTHON)
	@$(RUN) notebooks/run_lesson.py --write $(ONLY)

lab: $(READY)
	@$(RUN) -m jupyterlab notebooks

test: $(READY)
	@mkdir -p $(IPYTHON)
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@# workers that each use every core get in each other's way
	@threads=$$($(RUN) -c 'import os; print(max(1, os.cpu_count() // $(WORKERS)))'); \
	    OMP_NUM_THREADS=$$threads MKL_NUM_THREADS=$$threads \
	    $(RUN) -m pytest -n $(WORKERS) --dist loadscope

format: $(READY)
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

train: $(READY)
	@$(RUN) -m paddle_vae train --all

bench: $(READY)
	@$(RUN) -m pip install -r requirements-bench.txt
	@$(RUN) benchmarks/train_throughput.py
	@$(RUN) benchmarks/figures.py

data: source-given $(READY)
	@$(RUN) -m paddle_vae data build --source "$(SOURCE)"

source-given:
	@[ -n "$(SOURCE)" ] || { echo 'make data: say where the original files are: make data SOURCE=DIR' >&2; exit 2; }

clean:
	@rm -rf build *.egg-info
	@find . -name $(VENV) -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \
	    -o -name .pytest_cache -o -name .ruff_cache \) -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)

# ---- the environment -------------------------------------------------------
#
# Paddle's CPU and GPU wheels both own the folder paddle/, and installing one
# over the other breaks both. So a Paddle that is already there is kept: where
# PYTHON has one (AI Studio), .venv is made to see PYTHON's packages, and the
# requirements file is the one which that Paddle satisfies. Without a Paddle,
# .venv sees nothing but itself, and a working GPU decides.

define WHICH_PADDLE
import importlib.metadata
names = {(d.metadata["Name"] or "").lower() for d in importlib.metadata.distributions()}
print("gpu" if "paddlepaddle-gpu" in names else "cpu" if "paddlepaddle" in names else "")
endef

# The clone goes on .venv's path by a .pth file, which is what an editable
# installation does too, but needs no build tools and no network.
define ADD_CLONE
import pathlib, sysconfig
path = pathlib.Path(sysconfig.get_path("purelib"), "paddle_vae.pth")
path.write_text(f"{pathlib.Path.cwd()}\n", encoding="utf-8")
endef

# The package index has Paddle's GPU wheel for these only.
define GPU_WHEEL
import platform, sys
sys.exit(sys.version_info >= (3, 13) or platform.machine() not in ("x86_64", "AMD64"))
endef

export WHICH_PADDLE ADD_CLONE GPU_WHEEL

$(READY): requirements.txt requirements-cpu.txt
	@if ! $(RUN) -m pip --version >/dev/null 2>&1; then \
	    command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON): install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }; \
	    "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is older than Python 3.10: name a newer one: make PYTHON=/path/to/python3" >&2; exit 2; }; \
	    "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment: install its venv package (Debian, Ubuntu: apt install python3-venv), or name another: make PYTHON=/path/to/python3" >&2; exit 2; }; \
	    echo "Creating $(VENV)"; \
	    found="$$("$(PYTHON)" -c "$$WHICH_PADDLE")"; \
	    "$(PYTHON)" -m venv $${found:+--system-site-packages} $(VENV); \
	fi
	@set -eu -o pipefail; found="$$($(RUN) -c "$$WHICH_PADDLE")"; \
	if [ -z "$$found" ] && nvidia-smi -L 2>/dev/null | grep -q '^GPU' && $(RUN) -c "$$GPU_WHEEL"; then found=gpu; fi; \
	if [ "$$found" = gpu ]; then file=requirements.txt; else file=requirements-cpu.txt; fi; \
	echo "Installing the packages of $$file (some hundred MB, minutes):"; \
	$(RUN) -m pip install --disable-pip-version-check -r $$file | while read -r word name rest; do \
	    case $$word in Collecting) printf ' %s' "$${name%%[<>=!~;([]*}" ;; Installing) printf '\nUnpacking ...\n' ;; esac; \
	done
	@$(RUN) -c "$$ADD_CLONE"
	@touch $@
