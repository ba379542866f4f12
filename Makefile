# Each target makes its own .venv from nothing, and is quiet when there is nothing to do.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
# Compat mode: in the default one Twisted does not see the plugin of an editable install.
INSTALL := $(RUN) pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat --editable

# Where it is set, each of the some hundred processes that the tests start compiles all of chatproto again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test docs clean

demo: $(VENV)/.for-running
	@$(VENV)/bin/chatproto demo

# Most tests wait for disks, databases and clocks: four files at once, each on its own reactor, also on few cores.
test: $(VENV)/.for-testing
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

docs: $(VENV)/.for-docs
	@$(RUN) sphinx --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
	@echo "Open file://$(CURDIR)/build/docs/index.html"

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.for-running: pyproject.toml setup.py | $(VENV)/bin/python
	@echo "Installing chatproto ..."
	@$(INSTALL) .
	@touch $@

$(VENV)/.for-testing: pyproject.toml setup.py | $(VENV)/bin/python
	@echo "Installing chatproto and its tests ..."
	@$(INSTALL) ".[test,lint]"
	@touch $@ $(VENV)/.for-running $(VENV)/.for-docs

$(VENV)/.for-docs: pyproject.toml setup.py | $(VENV)/bin/python
	@echo "Installing chatproto and what makes its documents ..."
	@$(INSTALL) ".[docs]"
	@touch $@ $(VENV)/.for-running
