# One door for newcomers; everything else is CMake (see CMakePresets.json).
PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## install Debian packages and LibTorch (idempotent)
	@scripts/setup.sh

build: setup ## build everything; the program is build/release/scalselect
	@cmake --preset $(PRESET) --log-level=WARNING
	@cmake --build $(BUILD) --parallel $(JOBS)

program: setup ## build build/release/scalselect alone
	@cmake --preset $(PRESET) --log-level=WARNING
	@cmake --build $(BUILD) --parallel $(JOBS) --target scalselect

demo: program ## the main job on the mini world, about ten minutes on two cores
	@$(BUILD)/scalselect experiment=mini/demo

install: program ## install into PREFIX (/usr/local); `make package` makes a .deb and a tarball
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

package: program ## build/release/scalselect-*.deb and .tar.gz, LibTorch's CPU half inside
	@scripts/setup.sh --package
	@cd $(BUILD) && cpack -G "DEB;TGZ"

test: build ## all tests
	@ctest --test-dir $(BUILD) --output-on-failure --parallel $(JOBS)

lint: ## formatting, include arrows, shell, and the fast checks of clang-tidy (some minutes)
	@scripts/setup.sh --lint
	@scripts/lint.sh

tidy: build ## the same with all checks of clang-tidy (about 15 minutes on two cores)
	@scripts/setup.sh --lint
	@scripts/lint.sh --tidy

format: ## rewrite sources in the project's format
	@git ls-files '*.h' '*.cpp' '*.cu' | xargs clang-format-14 -i

bench: build ## Google Benchmark programs
	@for program in $(BUILD)/bench_*; do $$program || exit 1; done

clean: ## remove builds (caches and results stay)
	@rm -rf build

.PHONY: help setup build program demo install package test lint tidy format bench clean
.DEFAULT_GOAL := help
