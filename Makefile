# Each target sets up what it needs: a virtual environment in .venv, filled from requirements.lock.
# Needs Python 3.11 or newer and nothing else; PYTHON=/path/to/python chooses one.
# Plain make only (GNU make 3.81 and BSD make both do).

VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

help:
	@echo "make demo    break a PMS, watch it remediated, read the audit log (KEEP=1 leaves it running)"
	@echo "make test    run the tests (ARGS='-k name' passes options to pytest)"
	@echo "make check   formatting, lint, types, layers and common security mistakes"
	@echo "make advisories  ask the network for known faults of the pinned versions (needs uv)"
	@echo "make bench   measure, and write docs/performance.md's table (ONLY='name' runs one and prints it)"
	@echo "make torture try for 20 minutes to break what is promised (ARGS='--only name --seed 1')"
	@echo "make docs    write the generated pages under docs/ again"
	@echo "make lock    pin the dependencies again (needs uv)"
	@echo "make clean   remove the virtual environment and caches"

demo: $(READY)
	@$(BIN)/remediator demo $${KEEP:+--keep}

test: $(READY)
	@$(BIN)/python -m pytest $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --recursive remediator 2>$(VENV)/bandit.log || { cat $(VENV)/bandit.log; exit 1; }

# Asks the network which of the pinned versions are known to be vulnerable.
advisories: $(READY)
	@uvx pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

bench: $(READY)
	@$(BIN)/python -m bench $(ONLY)

torture: $(READY)
	@$(BIN)/python -m torture $(ARGS)

docs: $(READY)
	@$(BIN)/python -m remediator.authoring.reference

lock:
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build demo/run
	@find remediator tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  for python in $$PYTHON python3.11 python3.12 python3.13 python3; do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      found=$$python; break; \
	    fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "make: needs Python 3.11 or newer with its venv module; install one" \
	      "(on Debian: apt-get install python3-venv) or name one: make PYTHON=/path/to/python" >&2; \
	    exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null || exit 1; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $(READY)

.PHONY: help demo test check advisories bench torture docs lock clean
