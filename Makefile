# Every target does its own set-up: a virtual environment in .venv, ffmpeg through apt where one may.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Label Studio's server pins other versions of what we use, so it lives alone.
SERVER := .venv-label-studio

.PHONY: help install demo test benchmark lint label-studio clean

help:
	@echo "make demo          run the whole job on real video: collect, propose, annotate, release, score"
	@echo "make test          install what the tests need, and run them"
	@echo "make benchmark     score every task on a simulated corpus (under 15 minutes on 2 cores)"
	@echo "make lint          ruff and mypy"
	@echo "make label-studio  open the demo's project in a real Label Studio on this machine"
	@echo "make install       only set up .venv"
	@echo "make clean         remove what the targets made (not your dataset, nor the cache of weights)"

install: $(VENV)/.installed | ffmpeg

demo: install $(SERVER)/.installed
	$(BIN)/mgcollect demo

test: $(VENV)/.tested $(SERVER)/.installed | ffmpeg
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: install
	$(BIN)/mgcollect benchmark --out results

label-studio: install $(SERVER)/.installed
	$(BIN)/mgcollect demo --serve

clean:
	rm -rf $(VENV) $(SERVER) demo results build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -------------------------------------------------------------------------------------------------------------

$(VENV)/.installed: pyproject.toml
	@$(call venv,$(VENV))
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[test,lint]'
	@touch $@

$(SERVER)/.installed:
	@$(call venv,$(SERVER))
	$(SERVER)/bin/pip install --quiet 'label-studio>=1.23.1'
	@touch $@

.PHONY: ffmpeg
ffmpeg:
	@command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || { $(call apt,ffmpeg); }

# Debian and Ubuntu ship Python without ensurepip; its package brings it.
define venv
test -x $(1)/bin/pip || $(PYTHON) -m venv --clear $(1) 2>/dev/null || { $(call apt,python3-venv) && $(PYTHON) -m venv --clear $(1); }
endef

# Install a Debian package where this user may; else show the command that does.
define apt
if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1); \
elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends $(1); \
else echo "$(1) is missing. Install it with:  sudo apt-get install $(1)   and run make again."; exit 1; fi
endef
