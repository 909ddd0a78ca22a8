# The commands of the course, as course.py has them: `make help` lists them.
#
# PYTHON   the Python (3.10 or newer) that runs course.py, and from which .venv is made
# WORKERS  how many notebooks or test processes run side by side in lesson and test: 2
# ONLY     the notebooks for `make notebooks` and `make lesson`: ONLY="02 05"
# EDITION  the language for `make lesson` and `make lab`: en, or zh, the Chinese edition
# OPTIONS  for `make lab` (JupyterLab's) and `make kernel`: OPTIONS="--port 9000"
# SOURCE   the folder with the original data files, for `make data`
# OUT      the new folder for `make handout`

.DEFAULT_GOAL := help
COMMANDS := help lesson notebooks lab kernel test stubs solutions translate zh handout format \
	train bench data compat clean distclean
.PHONY: $(COMMANDS)

# All seven reach course.py in the environment: no shell reads what stands in them.
PYTHON ?= python3
export PYTHON WORKERS ONLY EDITION OPTIONS SOURCE OUT

$(COMMANDS):
	@command -v "$$PYTHON" >/dev/null || { echo "There is no $$PYTHON: install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$$PYTHON" course.py $@
