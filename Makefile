# Makefile - the goals of this repository; "make help" lists them. How things are built is in mk/.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += --jobs=$(shell nproc)
endif

PROGRAMS := $(patsubst %/main.c,%,$(wildcard *_svc/main.c gateway/main.c))
PYTHON := /usr/bin/python3

include mk/variant.mk
include mk/rules.mk

.PHONY: all run stop test test-all test-compose unit coverage integration lint fuzz fuzz-programs bench bench-fresh bench-takeover bench-rebuild bench-idle bench-reads bench-gateway bench-growth load torture help clean

all: $(PROGRAMS:%=$(B)/%) compile_commands.json ## build all programs

run: all ## build, install what is missing, start everything, wait until it works
	@deploy/install run kafka
	deploy/stack up
	@deploy/wait-ready

stop: ## stop what "make run" started; the data stays
	deploy/stack down

test: ## unit tests with sanitizers, the gateway, and integration tests
	@tests/run

test-all: ## the same, and the thread sanitizer, valgrind and the slow tests
	@tests/run --all

WANTED_TESTS := $(foreach test,$(UNIT_TESTS),$(if $(or $(if $T,,all),$(findstring $T,$(test))),$(test)))
unit: $(WANTED_TESTS) ## unit tests only; with T=name only those whose path contains it
	@tests/unit/run $(B) $(WANTED_TESTS)

coverage: ## which lines the unit tests reach
	@rm -rf build/cov/obj
	@$(MAKE) unit COVERAGE=1
	@$(PYTHON) tests/unit/coverage.py build/cov/obj

integration: all ## integration tests without the slow ones; with T=expression as pytest's -k
	@deploy/install run kafka test
	@tests/run integration $(if $(T),-k "$(T)")

test-compose: ## the shop in containers, whole and with each part away; with T=expression as pytest's -k
	@tests/compose/run $(if $(T),-k "$(T)")

lint: ## the rules of the code, and what clang, cppcheck and shellcheck say
	@deploy/install test lint
	@tests/lint/run

fuzz: ## feed the parsers with nonsense, FUZZ_S seconds each (10)
	@deploy/install build lint
	@$(MAKE) fuzz-programs FUZZ=1 CC=clang SANITIZER=address,undefined
	@tests/fuzz/run build/clang-asan-fuzz/tests/fuzz

fuzz-programs: $(FUZZ_PROGRAMS)

bench: $(BENCH_PROGRAMS)

bench-fresh: all bench ## how long a commit takes to be visible at the neighbours
	@deploy/install run kafka test
	tests/bench/fresh $(ARGS)

bench-takeover: all ## how long a change waits when the instance that carries it dies
	@deploy/install run kafka test
	tests/bench/takeover $(ARGS)

bench-rebuild: all bench ## how fast an emptied Redis is filled again
	@deploy/install run kafka test
	tests/bench/rebuild $(ARGS)

bench-idle: all ## memory of each service with nothing to do
	@deploy/install run kafka test
	tests/bench/idle $(ARGS)

bench-reads: all ## requests a second and latency of item_svc
	@deploy/install run kafka test bench
	tests/bench/reads $(ARGS)

bench-gateway: all ## what a request costs the gateway, beside HAProxy
	@deploy/install test bench
	tests/bench/gateway $(ARGS)

bench-growth: all ## reads and stores as items, alarms and users become more
	@deploy/install run kafka test bench
	tests/bench/growth $(ARGS)

load: ## load scripts against the shop that "make run" started; ARGS names some of them
	@tests/load/run $(ARGS)

torture: all ## writers, readers and faults on a private stack, MINUTES long, and what was wrong; SEED=n repeats a run
	@deploy/install run kafka test
	@$(PYTHON) -B tests/torture/torture.py --minutes $(or $(MINUTES),1) $(if $(MUTANT),--mutant $(MUTANT)) $(if $(SEED),--seed $(SEED)) $(ARGS)

clean: ## remove what was built; downloads and data stay
	rm -rf build compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  SANITIZER=address,undefined, SANITIZER=thread, COVERAGE=1 and CC=clang build into"
	@echo "  folders of their own; V=1 shows the commands. How to run single parts: deploy/stack help"
