# What people do with this repository. Each target works on a fresh Debian machine that has Rust and make.

.DEFAULT_GOAL := help
.PHONY: help demo plugins test check bench test-kill test-servers test-adapters test-python test-sanitizers

# `make plugins`: NATIVE=1 builds for this machine alone, FEATURES=cuda (vulkan, metal) for an accelerator.
NATIVE ?=
FEATURES ?=

# Arguments for the programs of `make bench`, such as BENCH="--quick".
BENCH ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: ## Build the program and run a small recipe: several sources on several suites
	@scripts/demo.sh

plugins: ## Build llama.cpp and the library with its kinds into target/plugins
	@NATIVE="$(NATIVE)" FEATURES="$(FEATURES)" scripts/plugins.sh

test: ## Format, lints, documentation and all daily tests
	@scripts/test.sh

check: ## The same without running tests
	@scripts/check.sh

bench: ## Speed and memory on RMB beside a loop that only parses its files, then the inner parts
	@scripts/bench.sh $(BENCH)

test-kill: ## End a run at 200 random moments and resume it each time
	@scripts/test-kill.sh

test-servers: ## Ask a real third-party server that serves tiny models made for it
	@scripts/test-servers.sh

test-adapters: ## From an empty folder to a report in each language, commands counted and timed
	@scripts/test-adapters.sh

test-python: ## The Python package, its ready adapters held against transformers
	@scripts/test-python.sh

test-sanitizers: ## The loader and plugins in C under AddressSanitizer and valgrind
	@scripts/test-sanitizers.sh
