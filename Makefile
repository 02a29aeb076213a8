# `make run` and `make test` install what they need. `make help` lists all targets.
PREPARE := @sh packaging/prepare.sh
BIN := .venv/bin
# Tests of one file share their fixtures, so they run in one process.
PARALLEL := -n auto --dist loadfile

# Pass FILE through the environment, so that a name may contain any character.
export AURALSCOPE_FILE = $(value FILE)

.PHONY: run test bench lint setup help

run:  ## open the app (FILE="song.flac" opens that file); without a display it writes a report instead
	$(PREPARE) run
	@$(BIN)/auralscope $${AURALSCOPE_FILE:+"$$AURALSCOPE_FILE"}

test:  ## lint, types, import directions and all tests, under virtual displays (ARGS="-k word" narrows it)
	$(PREPARE) test
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

bench:  ## measure speed
	$(PREPARE) bench
	@$(BIN)/python -m benchmarks $(ARGS)

lint:  ## ruff, mypy and import-linter
	$(PREPARE) test
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

setup:  ## install everything that the other targets need
	$(PREPARE) run test bench

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 14
