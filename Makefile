# SPDX-License-Identifier: MIT
#
# basin. `make help` lists the targets.

BUILD  := build
CC     := gcc
OPT    := -O3
EXTRA  :=
PREFIX := /usr/local

# the CUDA compiler, empty for none, and the architectures of the module; the newest is kept as PTX too
NVCC       := $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_ARCHS := 80 90

# `make V=1` shows the commands
ifeq ($(V),)
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

# ---- flags ----

LIBS     := hdf5 libfyaml libxxhash openblas
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Werror
# the libraries' headers are -isystem: their warnings are not ours to mend
CPPFLAGS := -D_GNU_SOURCE -Iinclude -Ihost -I$(BUILD) \
            $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBS) 2>/dev/null))
# contraction off: the same bits with and without FMA units (include/hd.h)
CFLAGS   := -std=c17 $(OPT) -g -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARN) $(EXTRA)
# OpenBLAS is opened when it is first needed (host/blas.c): of it the header alone
LDLIBS   := $(shell pkg-config --libs-only-L $(LIBS) 2>/dev/null) -lhdf5_hl -lhdf5 -lfyaml -lxxhash -ldl -lm -lpthread

CUDA     := $(if $(NVCC),$(patsubst %/bin/,%,$(dir $(realpath $(NVCC)))))
CUFLAGS  := -std=c++17 -O3 -g -fmad=false -cudart static -Werror all-warnings \
            -Xcompiler -fPIC,-fvisibility=hidden,-ffp-contract=off,-Wall,-Wextra,-Werror \
            $(foreach arch,$(CUDA_ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) \
            -gencode arch=compute_$(lastword $(CUDA_ARCHS)),code=compute_$(lastword $(CUDA_ARCHS))

# ---- what there is ----

comma := ,
MODELS := $(sort $(basename $(notdir $(wildcard include/models/*.h))))
DYNAMICS := population flow direct projected mixed
ISAS   := generic $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),avx2 avx512)
CPPFLAGS += $(if $(filter avx512,$(ISAS)),-DBASIN_X86=1)
FLAGS_generic := -DBASIN_SIMD=0
FLAGS_avx2    := -DBASIN_SIMD=2 -mavx2 -mfma
FLAGS_avx512  := -DBASIN_SIMD=5 -mavx512f -mavx512dq -mfma

HOST    := $(filter-out host/main.c host/lanes.c host/fixed.c host/sample.c host/model_entry.c,$(wildcard host/*.c))
LANES   := $(foreach isa,$(ISAS),$(foreach dynamics,$(DYNAMICS),$(MODELS:%=$(BUILD)/lanes_%_$(isa)_$(dynamics).o)))
SAMPLE  := $(foreach isa,$(ISAS),$(MODELS:%=$(BUILD)/sample_%_$(isa).o))
FIXED   := $(foreach isa,$(ISAS),$(MODELS:%=$(BUILD)/fixed_%_$(isa).o))
PER_MODEL := $(MODELS:%=$(BUILD)/model_%.o) $(LANES) $(SAMPLE) $(FIXED)
OBJECTS := $(HOST:host/%.c=$(BUILD)/%.o) $(PER_MODEL)
TESTS   := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
FUZZERS := $(patsubst tests/%.c,%,$(wildcard tests/fuzz_*.c))
SOURCES := $(wildcard host/*.[ch] include/*.h include/models/*.h cuda/*.cu cuda/*.h tests/*.[ch] bench/*.[ch])
CU      := $(filter-out cuda/lanes.cu cuda/teams.cu cuda/fixed.cu,$(wildcard cuda/*.cu))

.PHONY: all check-gpu bench-gpu module gpu-alone cudasim demo demo-run fuzzers check check-run check-slurm unit lint format fuzz soak bench bench-campaign bench-fixed bench-neuron bench-sampled setup info man install clean help FORCE
.DELETE_ON_ERROR:

all: $(BUILD)/basin module ## build the program, build/basin, and the CUDA module where there is nvcc

$(BUILD)/basin: $(BUILD)/main.o $(BUILD)/libbasin.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libbasin.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: host/%.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/models.o: $(BUILD)/models.inc

# the models that there are: rebuilt when one comes or goes
$(BUILD)/models.inc: $(BUILD)/flags
	$(Q)printf 'BASIN_MODEL(%s)\n' $(MODELS) > $@

define model_rules
$(BUILD)/model_$(1).o: host/model_entry.c $(BUILD)/flags
	$$(call say,CC,$$< ($(1)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
define lane_rules
$(BUILD)/lanes_$(1)_$(2)_$(3).o: host/lanes.c $(BUILD)/flags
	$$(call say,CC,$$< ($(1)$(comma) $(2)$(comma) $(3)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(2)) -DBASIN_DYNAMICS=$(3) \
	  -DBASIN_ISA=$(2) -DBASIN_MODEL=$(1) \
	  -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
define fixed_rules
$(BUILD)/fixed_$(1)_$(2).o: host/fixed.c $(BUILD)/flags
	$$(call say,CC,$$< ($(1)$(comma) $(2)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(2)) -DBASIN_ISA=$(2) -DBASIN_MODEL=$(1) \
	  -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
define sample_rules
$(BUILD)/sample_$(1)_$(2).o: host/sample.c $(BUILD)/flags
	$$(call say,CC,$$< ($(1)$(comma) $(2)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(2)) -DBASIN_ISA=$(2) -DBASIN_MODEL=$(1) \
	  -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
$(foreach model,$(MODELS),$(eval $(call model_rules,$(model))))
$(foreach isa,$(ISAS),$(foreach model,$(MODELS),$(eval $(call sample_rules,$(model),$(isa)))))
$(foreach isa,$(ISAS),$(foreach model,$(MODELS),$(foreach dynamics,$(DYNAMICS),\
  $(eval $(call lane_rules,$(model),$(isa),$(dynamics))))))
$(foreach isa,$(ISAS),$(foreach model,$(MODELS),$(eval $(call fixed_rules,$(model),$(isa)))))

# ---- the CUDA module ----

ifneq ($(NVCC),)
module: $(BUILD)/libbasin_cuda.so ## build the CUDA module: build/libbasin_cuda.so
else
module:
	@echo '  SKIP  $(BUILD)/libbasin_cuda.so: no nvcc'
endif

# ptxas says what each kernel needs; tests/e2e_cuda.sh reads it in the .log files
$(BUILD)/cuda/%.o: cuda/%.cu $(BUILD)/cuda/flags $(BUILD)/models.inc
	$(call say,NVCC,$<)
	$(Q)$(NVCC) -Iinclude -I$(BUILD) $(CUFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

define cuda_model_rules
$(BUILD)/cuda/$(2)_$(1).o: cuda/$(firstword $(subst _, ,$(2))).cu $(BUILD)/cuda/flags
	$$(call say,NVCC,$$< ($(1)$(if $(3),$(comma) $(3))))
	$$(Q)$$(NVCC) -Iinclude -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"models/$(1).h"' $(if $(3),-DBASIN_DYNAMICS=$(3)) \
	  $$(CUFLAGS) -Xptxas -v -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$< 2> $$(@:.o=.log) || { cat $$(@:.o=.log); exit 1; }
endef
$(foreach model,$(MODELS),$(eval $(call cuda_model_rules,$(model),lanes))$(eval $(call cuda_model_rules,$(model),fixed))\
  $(foreach dynamics,$(DYNAMICS),$(eval $(call cuda_model_rules,$(model),teams_$(dynamics),$(dynamics)))))
CUDA_MODELS := $(foreach model,$(MODELS),lanes_$(model) fixed_$(model) $(DYNAMICS:%=teams_%_$(model)))

$(BUILD)/libbasin_cuda.so: $(CU:cuda/%.cu=$(BUILD)/cuda/%.o) $(CUDA_MODELS:%=$(BUILD)/cuda/%.o)
	$(call say,LD,$@)
	$(Q)$(NVCC) $(CUFLAGS) -shared -o $@ $^ -Xlinker --exclude-libs,ALL

$(BUILD)/cuda/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(NVCC) $(CUFLAGS) $(MODELS)' | cmp -s - $@ || echo '$(NVCC) $(CUFLAGS) $(MODELS)' > $@

# a change of compiler, flags or models rebuilds
$(BUILD)/flags: FORCE | $(BUILD)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(MODELS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(MODELS)' > $@
FORCE:

$(BUILD):
	mkdir -p $@

# ---- the two commands of the README ----

demo: ## build, run Table 1 of the ResNet paper, show it beside the published numbers and draw it
	@.ci/setup build plot
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory demo-run

demo-run: all
	@rm -f table1.h5
	@$(BUILD)/basin run data/experiments/resnet-table1.yaml -o table1.h5
	@echo
	@$(BUILD)/basin compare table1.h5 data/published/resnet-table1.csv
	@$(BUILD)/basin plot table1.h5 -o table1.svg --published data/published/resnet-table1.csv
	@$(BUILD)/basin plot table1.h5 -o table1.png --published data/published/resnet-table1.csv
	@echo
	@echo 'wrote table1.h5, table1.svg and table1.png'
	@echo 'next: $(BUILD)/basin run data/experiments/cnn-table5-1.yaml, or copy an experiment and change it'

check: ## build everything and pass all tests
	@.ci/setup build plot check slurm
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory check-run

check-run: all
	@tests/run_all

check-slurm: all ## the tests of campaigns under a private one-node Slurm alone
	@.ci/setup build slurm
	@tests/e2e_slurm.sh $(BUILD)

# ---- tests ----

$(BUILD)/tests:
	mkdir -p $@

# dmath.h per instruction set, for tests/test_dmath.c
define dmath_rules
$(BUILD)/tests/dmath_lanes_$(1).o: tests/dmath_lanes.c $(BUILD)/flags | $(BUILD)/tests
	$$(call say,CC,$$< ($(1)))
	$$(Q)$$(CC) $$(CPPFLAGS) -Itests $$(CFLAGS) $$(FLAGS_$(1)) -DBASIN_ISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call dmath_rules,$(isa))))

$(BUILD)/tests/test_dmath $(BUILD)/tests/test_relu_sum: LDLIBS += -lquadmath
$(BUILD)/tests/test_dmath: $(ISAS:%=$(BUILD)/tests/dmath_lanes_%.o)
$(BUILD)/tests/test_%: tests/test_%.c $(BUILD)/libbasin.a $(BUILD)/flags | $(BUILD)/tests
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -MT $@ -MF $@.d -o $@ $< $(filter %.o,$^) $(BUILD)/libbasin.a \
	  $(LDLIBS) -lcmocka

# the CUDA module as the simulator executes it, where the toolkit's headers are; SIM is plain, asan or tsan
SIM     := plain
CUDASIM := $(if $(shell bash -c '. tests/cudasim/cudasim.sh; cudasim_toolkit'),$(BUILD)/tests/cudasim/libbasin_cuda.so)
$(BUILD)/tests/cudasim/libbasin_cuda.so: tests/build_cudasim $(wildcard tests/cudasim/* cuda/* include/*.h include/models/*.h)
	$(call say,SIM,$@)
	$(Q)tests/build_cudasim $(SIM) $(@D)
cudasim: $(CUDASIM)
$(BUILD)/tests/test_cuda $(BUILD)/tests/test_teams: | $(CUDASIM)

# the module against the lanes, with next to nothing else
ALONE := $(PER_MODEL) $(BUILD)/backend_cpu.o $(BUILD)/backend_cuda.o $(BUILD)/error.o $(BUILD)/inputs.o \
         $(BUILD)/blas_plain.o
$(BUILD)/blas_plain.o: host/blas.c $(BUILD)/flags
	$(call say,CC,$< (plain))
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DBASIN_PLAIN_PRODUCTS -MMD -MP -c -o $@ $<
$(BUILD)/gpu_alone: tests/gpu_alone.c $(ALONE) $(BUILD)/models.inc
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(ALONE) -lm -lpthread
gpu-alone: $(BUILD)/gpu_alone module ## build/gpu_alone: bits and rate of the module, built without the libraries

unit: $(TESTS:%=$(BUILD)/tests/%) $(BUILD)/gpu_alone ## build the unit tests: build/tests/test_*

# fuzzers are a build of their own, with clang and its sanitizers
$(BUILD)/tests/fuzz_%: tests/fuzz_%.c $(BUILD)/libbasin.a $(BUILD)/flags | $(BUILD)/tests
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -fsanitize=fuzzer -MMD -MP -MT $@ -MF $@.d -o $@ $< $(BUILD)/libbasin.a $(LDLIBS)

fuzzers: $(FUZZERS:%=$(BUILD)/tests/%)

FUZZ_SECONDS := 600
fuzz: ## fuzz the readers for FUZZ_SECONDS each (default 600)
	@.ci/setup build check
	@tests/fuzz $(FUZZ_SECONDS)

soak: all ## the long versions of the tests that do harm
	@.ci/setup build plot check slurm
	@BASIN_SOAK=1 tests/run_all

lint: ## formatting and static analysis
	@tests/lint

format: ## put the sources into the project's format
	clang-format -i $(SOURCES)

# ---- the rest ----

bench: all ## measure basin beside NumPy and JAX, as ratios in one run
	@.ci/setup build bench
	@bench/run $(BUILD)
	@bench/sampled $(BUILD)
	@bench/neuron $(BUILD)

bench-neuron: all ## measure the over-parameterised neuron beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/neuron $(BUILD)

bench-sampled: all ## measure sampled gradients beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/sampled $(BUILD)

$(BUILD)/bench/fixed: bench/fixed.c $(BUILD)/blas.o $(BUILD)/error.o
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $^ $(LDLIBS)

bench-fixed: all $(BUILD)/bench/fixed ## measure fixed data sets beside NumPy and the matrix products alone
	@.ci/setup build bench
	@bench/fixed $(BUILD)

bench-campaign: all ## measure the merging of 10^8 trials in 10^4 parts (6 GB of disk)
	@bench/campaign $(BUILD)

check-gpu: all unit ## on a machine with an NVIDIA GPU: bit identity with the CPU, compute-sanitizer
	@.ci/setup build check
	@tests/check_gpu $(BUILD)

bench-gpu: all $(BUILD)/gpu_alone ## on a machine with an NVIDIA GPU: measure the CUDA backend beside JAX and PyTorch
	@.ci/setup build bench
	@NVCC='$(NVCC)' bench/run_gpu $(BUILD)

setup: ## install the packages that building and testing need (apt)
	@.ci/setup build plot check slurm

info: all ## what this build has
	@echo 'models              $(MODELS)'
	@echo 'instruction sets    $(ISAS)'
	@echo 'CUDA module         $(if $(NVCC),$(BUILD)/libbasin_cuda.so: $(CUDA_ARCHS:%=sm_%)$(comma) PTX; $(NVCC),not built: no nvcc)'
	@$(BUILD)/basin info

man: $(BUILD)/basin.1 ## the manual page: build/basin.1
$(BUILD)/basin.1: $(BUILD)/basin
	$(BUILD)/basin help --man > $@

install: all man ## install the program, the CUDA module and the manual page under PREFIX (default /usr/local)
	install -D -m 755 $(BUILD)/basin $(DESTDIR)$(PREFIX)/bin/basin
	$(if $(NVCC),install -D -m 755 $(BUILD)/libbasin_cuda.so $(DESTDIR)$(PREFIX)/lib/basin/libbasin_cuda.so)
	install -D -m 644 $(BUILD)/basin.1 $(DESTDIR)$(PREFIX)/share/man/man1/basin.1

clean: ## remove build/ and what `make demo` wrote
	rm -rf $(BUILD) table1.h5 table1.h5.parts table1.h5.tmp table1.svg table1.png

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-17s %s\n", $$1, $$2 }'

-include $(wildcard $(BUILD)/*.d $(BUILD)/cuda/*.d $(BUILD)/tests/*.d)
