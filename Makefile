# What is here and what it needs: `make help`, `make doctor`. Longer work is in scripts/.
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
export PATH := $(PATH):/usr/sbin:/sbin
# Manual pages and what tests compare are in English.
unexport LC_ALL LC_MESSAGES
export LANG := C.UTF-8

machine := $(shell uname -m)
# The kernel's name for the processor, which libbpf's macros for registers go by.
ARCH := $(if $(filter aarch64,$(machine)),arm64,x86)

bin := .build/release
out := .build/bpf
skeleton := Sources/CLibbpf/tcplinger.skel.h

BPF_FLAGS := -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -I/usr/include/$(machine)-linux-gnu \
	-g -O2 -ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Wno-unused-parameter -Werror

c_files := $(filter-out %.skel.h,$(wildcard bpf/*.[ch] Sources/*/*.[ch] Sources/*/include/*.h Tests/*/*.[ch] scripts/*/*.[ch]))
swift_files := $(wildcard Package.swift Sources Tests)
shell_files := .ci/run $(filter-out $(addprefix scripts/,benchmark check-links manual picture),$(wildcard scripts/*))

# Only root may trace.
as_root := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help build picture demo run test test-unit test-kernels test-false-alarms bench fmt lint release test-release doctor clean

build: set-up-build $(skeleton) ## The release binary: .build/release/tcplinger
	@swift build -c release

picture: build ## docs/terminal-*.svg: a real terminal with the demonstration in it
	@$(as_root) scripts/picture

demo: build ## Traces for 10 s while a built-in workload makes trouble
	@$(as_root) $(bin)/tcplinger-workload demo -- $(bin)/tcplinger --duration 10s

run: build ## Traces until Ctrl-C: make run ARGS='--json --peer-port 443'
	@$(as_root) $(bin)/tcplinger $(ARGS)

test: set-up-test build ## Every test; those of the kernel need root
	@swift test --no-parallel 2>&1 | tee .build/test.log || { \
		echo "What failed, of all that is in .build/test.log:"; grep '^✘' .build/test.log; exit 1; }

test-unit: set-up-build $(skeleton) ## The tests that need no root, in a minute
	@swift test --skip KernelTests --skip EndToEndTests

test-kernels: set-up-kernels build ## The kernel tests on other kernels, in virtual machines
	@swift build --build-tests
	@scripts/test-kernels

test-false-alarms: set-up-test-false-alarms build ## Two minutes of ordinary traffic: doctor must find nothing worse than a note
	@$(as_root) /usr/bin/python3 Tests/FalseAlarms/play.py $(bin)/tcplinger

bench: set-up-bench build ## Cost beside other tools, 7 minutes, into docs/performance.md: make bench BENCH=--growth
	@$(as_root) /usr/bin/python3 scripts/benchmark $(BENCH)

lint: set-up-lint ## Style of Swift, C and shell, and the links of the docs
	@failed=0; \
	swift format lint --strict --recursive $(swift_files) || failed=1; \
	clang-format --dry-run -Werror $(c_files) || failed=1; \
	shellcheck $(shell_files) || failed=1; \
	scripts/check-links || failed=1; \
	exit $$failed

fmt: set-up-lint ## The same in place, where it can be mended
	@swift format --in-place --recursive $(swift_files)
	@clang-format -i $(c_files)

release: set-up-release build ## dist/: static executable, Debian package, checksums
	@scripts/release

test-release: set-up-kernels release ## The release in an empty root, and under the oldest kernel
	@scripts/test-release

doctor: ## What this machine lacks
	@scripts/doctor

clean:
	rm -rf .build dist $(skeleton)

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

# Adds what is missing, and says so. Nothing missing: nothing done.
set-up-%:
	@scripts/setup $*

$(out)/programs.o: $(wildcard bpf/*) Makefile | set-up-build
	@mkdir -p $(@D)
	@"$$(scripts/bpf-clang)" $(BPF_FLAGS) -c bpf/tcplinger.bpf.c -o $@

# Without what only a debugger reads.
$(out)/tcplinger.bpf.o: $(out)/programs.o
	@bpftool gen object $@ $<

# Swift builds anew what sees this header, so it changes only when the programs do, and at once.
$(out)/tcplinger.skel.h: $(out)/tcplinger.bpf.o
	@bpftool gen skeleton $< name tcplinger_bpf >$@

$(skeleton): $(out)/tcplinger.skel.h
	@cmp -s $< $@ || { cp $< $(out)/new.skel.h && mv $(out)/new.skel.h $@; }
