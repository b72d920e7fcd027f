# SPDX-License-Identifier: MIT
#
# basin. `make help` lists the targets.

# -g1 has the lines that a backtrace tells; DEBUG=-g, for a debugger, takes the compiler half as long again, and twice as
# long with sanitizers
BUILD  := build
CC     := gcc
OPT    := -O3
DEBUG  := -g1
EXTRA  :=
PREFIX := /usr/local
VERSION   := $(shell sed -n 's/^.define BASIN_VERSION "\(.*\)"/\1/p' include/basin.h)
SOVERSION := 0

# the CUDA compiler, empty for none, and the architectures of the module, all of them from the PTX of the oldest, which
# is kept too: nothing is asked of a device that the oldest has not, so that of each comes out the same (tried: sm_90).
# Newer ones than those named take the PTX, which the driver compiles when a kernel is first used: '80 90 100 120'
NVCC       := $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_ARCHS := 80 90
CUDA_PTX   := compute_$(firstword $(CUDA_ARCHS))

# `make V=1` shows the commands
ifeq ($(V),)
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

# nvcc and gcc of other versions may have warnings of their own: `make NVWERROR=` lets them pass
NVWERROR := -Werror all-warnings -Xcompiler -Werror

# ---- flags ----

LIBS     := hdf5 libfyaml libxxhash
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Werror
# the libraries' headers are -isystem: their warnings are not ours to mend
DEFINES  := -D_GNU_SOURCE
CPPFLAGS := $(DEFINES) -Iinclude -Ihost -I$(BUILD) \
            $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBS) 2>/dev/null))
# contraction off: the same bits with and without FMA units (include/numeric/real.h)
# no path of this machine in the debugging information: the same bytes wherever the tree is
BITS     := -std=c17 -fPIC -ffp-contract=off -fno-math-errno -fno-trapping-math
CFLAGS   := $(BITS) $(OPT) $(DEBUG) -fdebug-prefix-map=$(CURDIR)=. -fvisibility=hidden $(WARN) $(EXTRA)
LDLIBS   := $(shell pkg-config --libs-only-L $(LIBS) 2>/dev/null) -lhdf5_hl -lhdf5 -lfyaml -lxxhash -ldl -lm -lpthread

CUDA     := $(if $(NVCC),$(patsubst %/bin/,%,$(dir $(realpath $(NVCC)))))
# one PTX for all architectures; or for each its own, of which some instructions are: of what has matrix units
CODES     = $(foreach code,$(CUDA_ARCHS:%=sm_%) $(CUDA_PTX),-gencode arch=$(CUDA_PTX),code=$(code))
OWN_CODES = $(foreach arch,$(CUDA_ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) -gencode arch=$(CUDA_PTX),code=$(CUDA_PTX)
HAS_UNITS := $(shell grep -rl numeric/matrix_unit.h include/models | cut -d/ -f3 | sort -u)
CUBITS    = -std=c++17 -O3 -fmad=false -cudart static $(CODES)
# the kernels compressed to less than half, where nvcc can (12.8)
PACKED    = $(eval PACKED := $(shell $(NVCC) --help 2>/dev/null | grep -q -e --compress-mode && echo --compress-mode=size))$(PACKED)
CUFLAGS   = $(CUBITS) -g $(NVWERROR) $(PACKED) -Xcompiler -fPIC,-fvisibility=hidden,-ffp-contract=off,-Wall,-Wextra

# ---- what there is ----

comma := ,
MODELS := $(sort $(basename $(notdir $(wildcard include/models/*.h))))
ISAS   := generic $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),avx2 avx512)
DEFINES += $(foreach isa,$(ISAS),-DBASIN_HAS_$(isa)=1)
CPPFLAGS += $(foreach isa,$(ISAS),-DBASIN_HAS_$(isa)=1)
FLAGS_generic := -DBASIN_SIMD=0
FLAGS_avx2    := -DBASIN_SIMD=2 -mavx2 -mfma
FLAGS_avx512  := -DBASIN_SIMD=5 -mavx512f -mavx512dq -mfma

# The one list of dynamics: what the headers of the models say (MODEL_DYNAMICS), as words model:kind; `input` stands for
# the single inputs of estimates, and `whole` for one trial at a time. Everything that must know of it, here, in the
# module, in tests and tools, expands this list or build/models.inc, which is made of it. Kinds in registers, whose number
# of states is neither 0 nor BASIN_LEAPS, which is negative, end with an @ in KINDS.
hash := \#
kinds_of = $(shell printf '%s\n' '$(hash)include "models/$(1).h"' '$(hash)define STATES(states, ...) states' \
  '$(hash)define X(kind) is_a_kind_$(hash)$(hash)kind MODEL_$(hash)$(hash)kind(STATES);' \
  'MODEL_DYNAMICS(X)' '$(hash)ifdef MODEL_INPUT' 'is_a_kind_input;' '$(hash)endif' \
  '$(hash)ifdef MODEL_WHOLE' 'is_a_kind_whole;' '$(hash)endif' | $(CC) -E -P -Iinclude -x c - 2>/dev/null | \
  grep -oE 'is_a_kind_[a-zA-Z0-9_]*( [a-zA-Z1-9])?' | sed -E 's/is_a_kind_/$(1):/; s/ .$$/@/')
KINDS := $(foreach model,$(MODELS),$(call kinds_of,$(model)))
PAIRS := $(KINDS:@=)
model_of = $(firstword $(subst :, ,$(1)))
kind_of  = $(lastword $(subst :, ,$(1)))
# what there is on a CPU alone
OF_CPU := %:input %:whole

# The engines may be built otherwise than the rest: more options, after all others. The fuzzers, which run none, leave out
# sanitizers and optimisation.
ENGINE_EXTRA :=

# What runs kinds on a CPU. Those in registers have an engine each; those in arrays have one for all, of the model `any`,
# which calls them: the calls of a model are compiled together. Beside them the sums over single inputs, and calls for one
# trial at a time.
IN_REGISTERS := $(patsubst %@,%,$(filter %@,$(KINDS)))
IN_ARRAYS    := $(filter-out $(OF_CPU) $(IN_REGISTERS),$(PAIRS))
ENGINES      := any:arrays any:leaps $(IN_REGISTERS) $(filter $(OF_CPU),$(PAIRS)) \
  $(foreach model,$(sort $(foreach pair,$(IN_ARRAYS),$(call model_of,$(pair)))),$(model):calls)
# of a pair of these its source and header; and what a kind is compiled for: 1 kind, 2 instruction set
source_of = $(or $(if $(filter input,$(1)),input_sums),$(if $(filter calls whole,$(1)),calls),lanes)
header_of = $(if $(filter any,$(1)),engine/any_model.h,models/$(1).h)
lanes_of  = $(if $(filter whole,$(1)),$(filter-out -DBASIN_SIMD=%,$(FLAGS_$(2))) -DBASIN_SIMD=0 -DBASIN_WHOLE=1,$(FLAGS_$(2)))

# gcc leaves the steps of the vectors in flight in their order, one behind the other, each a chain of its own, unless told
# to mix them: for the kinds in registers of models that say MODEL_MIXED.
MIX := $(shell printf '' | $(CC) -Werror -fschedule-insns -fsched-pressure -x c -fsyntax-only - 2>&1 | \
  grep -q . || echo -fschedule-insns -fsched-pressure)
MIXED := $(basename $(notdir $(shell grep -l 'define MODEL_MIXED' include/models/*.h)))
mix_of = $(if $(filter $(1):$(2),$(filter $(MIXED:%=%:%),$(IN_REGISTERS))),$(MIX))

TENSORS := tiled_product arrays
# compiled with a model each time
OF_ENGINES := $(foreach file,lanes calls input_sums,host/engine/$(file).c)
HOST    := $(filter-out host/cli/% host/model/entry.c $(OF_ENGINES) \
             $(TENSORS:%=host/engine/%.c),$(wildcard host/*/*.c))
CLI     := $(wildcard host/cli/*.c)
OF_MODELS := $(MODELS:%=$(BUILD)/models/%/entry.o) \
  $(foreach pair,$(ENGINES),$(ISAS:%=$(BUILD)/models/$(call model_of,$(pair))/$(call kind_of,$(pair))_%.o))
TILED   := $(ISAS:%=$(BUILD)/host/engine/tiled_product_%.o)
OF_TENSORS := $(foreach file,$(TENSORS),$(ISAS:%=$(BUILD)/host/engine/$(file)_%.o))
OBJECTS := $(HOST:%.c=$(BUILD)/%.o) $(OF_TENSORS) $(OF_MODELS)
TESTS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SOURCES := $(wildcard host/*/*.[ch] include/*.h include/*/*.h include/*/*/*.h cuda/*.cu cuda/*.h cuda/*/*.cu cuda/*/*.h \
             tests/*/*.[ch] bench/*.[ch])
CU      := $(filter-out cuda/lanes/lanes.cu,$(wildcard cuda/*.cu cuda/*/*.cu))

.PHONY: all program first-gpu check-gpu bench-gpu module gpu-alone cudasim demo demo-run fuzzers check check-run check-slurm unit lint format fuzz soak bench bench-campaign bench-dataset bench-factorisation bench-filter bench-networks bench-neuron bench-octopus bench-own bench-product bench-sampled bench-vectors setup info man install put uninstall deb clean help list FORCE
.DELETE_ON_ERROR:

all: program module ## build the program, build/basin, the library, and the CUDA module where there is nvcc

program: $(BUILD)/basin $(BUILD)/libbasin.so

$(BUILD)/basin: $(CLI:%.c=$(BUILD)/%.o) $(BUILD)/libbasin.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libbasin.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# of the same objects; what basin.h declares is all that it shows
$(BUILD)/libbasin.so: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F).$(SOVERSION) -Wl,-z,defs -o $@ $^ $(LDLIBS)
	@ln -sf $(@F) $@.$(SOVERSION)

$(BUILD)/host/%.o: host/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/host/model/registry.o: $(BUILD)/models.inc

# what one trial of a large network is computed by (seam/tensors.h): 1 file, 2 instruction set
define tensor_rules
$(BUILD)/host/engine/$(1)_$(2).o: host/engine/$(1).c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< ($(2)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(2)) $$(ENGINE_EXTRA) -DBASIN_ISA=$(2) -MMD -MP -c -o $$@ $$<
endef
$(foreach file,$(TENSORS),$(foreach isa,$(ISAS),$(eval $(call tensor_rules,$(file),$(isa)))))

# a number that changes with the seam: a module that was built from other headers is told by it
$(BUILD)/layout_word.h: include/basin.h include/numeric/law.h $(wildcard include/seam/*.h) | $(BUILD)
	@printf '#define BASIN_LAYOUT_WORD 0x%sull\n' $$(cat $^ | sha256sum | cut -c1-16) > $@
$(BUILD)/host/engine/cuda.o: $(BUILD)/layout_word.h

# What compiles a model that is not part of the build, while the program runs (host/own): the flags of the build, the
# sources, and what these are, so that others are not taken for them.
OWN_SOURCES := $(wildcard include/*.h include/*/*.h include/*/*/*.h) host/model/entry.c host/model/patches.h \
               $(OF_ENGINES) host/engine/any_model.h $(wildcard cuda/*.h cuda/lanes/*.h) cuda/lanes/lanes.cu
quoted = $(foreach word,$(1),"$(word)"$(comma))
$(BUILD)/own_build.h: FORCE | $(BUILD)
	@printf '%s\n' '#define BASIN_OWN_FLAGS $(call quoted,$(BITS) $(DEFINES))' \
	  '#define BASIN_OWN_ENGINE_FLAGS $(call quoted,$(OPT))' \
	  '#define BASIN_OWN_ISA_FLAGS $(foreach isa,$(ISAS),[BASIN_ISA_$(shell echo $(isa) | tr a-z A-Z)] = { $(call quoted,$(FLAGS_$(isa))) },)' \
	  '#define BASIN_OWN_CUDA_FLAGS $(call quoted,$(CUBITS) -Xcompiler -fPIC$(comma)-ffp-contract=off)' \
	  '#define BASIN_OWN_SOURCES $(call quoted,$(OWN_SOURCES))' \
	  "#define BASIN_OWN_SOURCES_HASH \"$$(cat $(OWN_SOURCES) | sha256sum | cut -c1-64)\"" \
	  "#define BASIN_OWN_SOURCES_SUM $$(cat $(OWN_SOURCES) | cksum | cut -d' ' -f1)u" > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/host/own/own.o $(BUILD)/host/own/compile.o: $(BUILD)/own_build.h

# rewritten, and what expands it rebuilt, when a model or a kind of dynamics comes or goes
$(BUILD)/models.inc: FORCE | $(BUILD)
	@printf '%s\n' $(foreach model,$(MODELS),'BASIN_MODEL($(model))') \
	  $(foreach pair,$(filter-out $(OF_CPU),$(PAIRS)),'BASIN_PAIR($(call model_of,$(pair)), $(call kind_of,$(pair)))') > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

define model_rules
$(BUILD)/models/$(1)/entry.o: host/model/entry.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< ($(1)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
# 1 model, 2 kind, 3 instruction set
define pair_rules
$(BUILD)/models/$(1)/$(2)_$(3).o: host/engine/$(call source_of,$(2)).c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< ($(1)$(comma) $(2)$(comma) $(3)))
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(call lanes_of,$(2),$(3)) $(call mix_of,$(1),$(2)) $$(ENGINE_EXTRA) $(if $(filter calls,$(2)),,-DBASIN_KIND=$(2)) \
	  -DBASIN_ISA=$(3) -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"$(call header_of,$(1))"' -MMD -MP -c -o $$@ $$<
endef
$(foreach model,$(MODELS),$(eval $(call model_rules,$(model))))
$(foreach pair,$(ENGINES),$(foreach isa,$(ISAS),\
  $(eval $(call pair_rules,$(call model_of,$(pair)),$(call kind_of,$(pair)),$(isa)))))

list: ## the models and their dynamics, as the build found them
	@printf '%s\n' $(PAIRS)

# ---- the CUDA module ----

ifneq ($(NVCC),)
module: $(BUILD)/libbasin_cuda.so ## build the CUDA module: build/libbasin_cuda.so
else
module:
	@echo '  SKIP  $(BUILD)/libbasin_cuda.so: no nvcc'
endif

# no library of the compiler's is needed where the module runs
ALONE_CXX := -Xcompiler -static-libgcc,-static-libstdc++

# ptxas says what each kernel needs; tests/tools/sass reads it in the .log files
$(BUILD)/cuda/%.o: cuda/%.cu $(BUILD)/cuda/flags
	@mkdir -p $(@D)
	$(call say,NVCC,$<)
	$(Q)$(NVCC) -Iinclude -Icuda -I$(BUILD) $(CUFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# 1 model, 2 kind
define cuda_rules
$(BUILD)/cuda/models/$(1)/$(2).o: cuda/lanes/lanes.cu $(BUILD)/cuda/flags
	@mkdir -p $$(@D)
	$$(call say,NVCC,$$< ($(1)$(comma) $(2)))
	$$(Q)$$(NVCC) -Iinclude -Icuda -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"models/$(1).h"' -DBASIN_KIND=$(2) \
	  $$(CUFLAGS) -Xptxas -v -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$< 2> $$(@:.o=.log) || { cat $$(@:.o=.log); exit 1; }
endef
$(BUILD)/cuda/module.o: $(BUILD)/models.inc $(BUILD)/layout_word.h
$(foreach model,$(HAS_UNITS),$(eval $(BUILD)/cuda/models/$(model)/%.o: private CODES = $(OWN_CODES)))
$(BUILD)/peak_gpu: private CODES = $(OWN_CODES)
CUDA_PAIRS := $(filter-out $(OF_CPU),$(PAIRS))
$(foreach pair,$(CUDA_PAIRS),$(eval $(call cuda_rules,$(call model_of,$(pair)),$(call kind_of,$(pair)))))

$(BUILD)/libbasin_cuda.so: $(CU:%.cu=$(BUILD)/%.o) $(foreach pair,$(CUDA_PAIRS),$(BUILD)/cuda/models/$(subst :,/,$(pair)).o)
	$(call say,LD,$@)
	$(Q)$(NVCC) $(CUFLAGS) -shared -o $@ $^ -Xlinker --exclude-libs,ALL $(ALONE_CXX)

$(BUILD)/peak_gpu: bench/peak.cu $(BUILD)/cuda/flags
	$(call say,NVCC,$<)
	$(Q)$(NVCC) -Iinclude $(CUFLAGS) -o $@ $< $(ALONE_CXX)

$(BUILD)/cuda/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(NVCC) $(CUFLAGS)' | cmp -s - $@ || echo '$(NVCC) $(CUFLAGS)' > $@

# a change of compiler or flags rebuilds
$(BUILD)/flags: FORCE | $(BUILD)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(ENGINE_EXTRA)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(ENGINE_EXTRA)' > $@
FORCE:

$(BUILD):
	mkdir -p $@

# ---- the two commands of the README ----

demo: ## build, run Table 1 of the ResNet paper, show it beside the published numbers and draw it
	@.ci/setup build plot
	@$(MAKE) --no-print-directory -j$$(nproc) program
	@$(MAKE) --no-print-directory demo-run

# the kernels take minutes to build: not before the table, and not where there is nothing to run them
demo-run: program
	@rm -f table1.h5
	@$(BUILD)/basin run data/experiments/resnet-table1.yaml -o table1.h5
	@echo
	@$(BUILD)/basin compare table1.h5 data/published/resnet-table1.csv
	@$(BUILD)/basin plot table1.h5 -o table1.svg --published data/published/resnet-table1.csv
	@$(BUILD)/basin plot table1.h5 -o table1.png --published data/published/resnet-table1.csv
	@echo
	@echo 'wrote table1.h5, table1.svg and table1.png'
	@echo 'next: $(BUILD)/basin run data/experiments/cnn-table5-1.yaml, or copy an experiment and change it'
ifneq ($(NVCC),)
	@if nvidia-smi -L 2>/dev/null | grep -q ^GPU; then \
	  echo 'and now the CUDA module, for the device here (minutes):'; $(MAKE) --no-print-directory -j$$(nproc) module; \
	else echo 'no CUDA device is here; `make` builds the module too, $(BUILD)/libbasin_cuda.so (minutes)'; fi
endif

check: ## build everything and pass all tests
	@.ci/setup build plot check slurm cuda
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory check-run

check-run: all
	@tests/tools/run_all

check-slurm: all ## the tests of campaigns under a private one-node Slurm alone
	@.ci/setup build slurm
	@tests/e2e/slurm.sh $(BUILD)

# ---- tests ----

TESTING := $(CPPFLAGS) -Itests/support -Itests
# tests that call functions of headers: each of these compiled once (numeric/real.h), and by the machine's own fma; the
# same bits. What the program runs is compiled as ever
PLAINLY := -O1 $(shell bash -c '. tests/cudasim/cudasim.sh; echo $$cudasim_plain') $(shell grep -qw fma /proc/cpuinfo && echo -mfma)

# dmath.h per instruction set, for tests/unit/test_dmath.c
define dmath_rules
$(BUILD)/tests/dmath_lanes_$(1).o: tests/support/dmath_lanes.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< ($(1)))
	$$(Q)$$(CC) $$(TESTING) $$(CFLAGS) $$(FLAGS_$(1)) -DBASIN_ISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call dmath_rules,$(isa))))

$(BUILD)/tests/test_dmath $(BUILD)/tests/test_formula $(BUILD)/tests/test_relu_sum: LDLIBS += -lquadmath
$(BUILD)/tests/test_dmath: $(ISAS:%=$(BUILD)/tests/dmath_lanes_%.o)
$(BUILD)/tests/test_%: tests/unit/test_%.c $(BUILD)/libbasin.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(TESTING) $(CFLAGS) $(PLAINLY) -MMD -MP -MT $@ -MF $@.d -o $@ $< $(filter %.o,$^) $(BUILD)/libbasin.a \
	  $(LDLIBS) -lcmocka

# the CUDA module from the very sources that nvcc compiles, as the simulator executes it, where the toolkit's headers
# are; SIM is plain, asan or tsan. On the machine's own FMA instructions: contraction stays off
SIM     := plain
SIMDIR  := $(BUILD)/tests/cudasim
TOOLKIT := $(shell bash -c '. tests/cudasim/cudasim.sh; cudasim_toolkit' 2>/dev/null)
CUDASIM := $(if $(TOOLKIT),$(SIMDIR)/libbasin_cuda.so)
PEAKSIM := $(if $(TOOLKIT),$(SIMDIR)/peak_gpu)
ifneq ($(TOOLKIT),)
SIMFLAGS := $(shell bash -c '. tests/cudasim/cudasim.sh; cudasim_flags $(SIM)') -march=native -DBASIN_CURAND -Iinclude -Icuda \
  -Itests/cudasim -I$(BUILD) -Wall -Wextra -Werror -Wno-unknown-pragmas
SIMLIB   := $(SIMDIR)/lib/libcudasim.a
$(SIMLIB): $(filter-out tests/cudasim/test_%,$(wildcard tests/cudasim/*))
	$(call say,SIM,$@)
	$(Q)bash -c '. tests/cudasim/cudasim.sh; cudasim_library $(SIM) $(@D)'
$(SIMDIR)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(SIMFLAGS)' | cmp -s - $@ || echo '$(SIMFLAGS)' > $@
$(SIMDIR)/cuda/%.o: cuda/%.cu $(SIMDIR)/flags
	@mkdir -p $(@D)
	$(call say,SIM,$<)
	$(Q)g++ $(SIMFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
$(SIMDIR)/cuda/module.o: $(BUILD)/models.inc $(BUILD)/layout_word.h
define sim_rules
$(SIMDIR)/models/$(1)/$(2).o: cuda/lanes/lanes.cu $(SIMDIR)/flags
	@mkdir -p $$(@D)
	$$(call say,SIM,$$< ($(1)$(comma) $(2)))
	$$(Q)g++ $$(SIMFLAGS) -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER=\"models/$(1).h\" -DBASIN_KIND=$(2) \
	  -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<
endef
$(foreach pair,$(CUDA_PAIRS),$(eval $(call sim_rules,$(call model_of,$(pair)),$(call kind_of,$(pair)))))
$(SIMDIR)/libbasin_cuda.so: $(CU:%.cu=$(SIMDIR)/%.o) $(foreach pair,$(CUDA_PAIRS),$(SIMDIR)/models/$(subst :,/,$(pair)).o) $(SIMLIB)
	$(call say,SIM,$@)
	$(Q)g++ $(shell bash -c '. tests/cudasim/cudasim.sh; cudasim_link $(SIM)') -shared -o $@ $^
$(SIMDIR)/peak_gpu: bench/peak.cu $(SIMLIB) $(SIMDIR)/flags
	$(call say,SIM,$@)
	$(Q)g++ $(SIMFLAGS) -o $@ $< -x none $(SIMLIB) $(shell bash -c '. tests/cudasim/cudasim.sh; cudasim_link $(SIM)')
endif
cudasim: $(CUDASIM) ## build the CUDA module as the simulator executes it
$(BUILD)/tests/test_cuda $(BUILD)/tests/test_teams $(BUILD)/tests/test_step_sizes: | $(CUDASIM)

# For machines that have next to nothing: libraries are looked for in lib/ beside the program first, and what these need
# is, too, which RUNPATH would not do.
CARRIED := -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/lib'
$(BUILD)/carried/basin: $(CLI:%.c=$(BUILD)/%.o) $(BUILD)/libbasin.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(CARRIED) -o $@ $^ $(LDLIBS)

# the module against the lanes, with next to nothing else
ALONE := $(OF_MODELS) $(OF_TENSORS) $(patsubst %,$(BUILD)/host/%.o,engine/blas engine/cpu engine/cuda engine/data base/error base/files \
         base/text base/hash model/patches own/own own/cache own/compile)
$(BUILD)/gpu_alone: tests/tools/gpu_alone.c tests/support/alone.h $(ALONE) $(BUILD)/models.inc
	$(call say,LD,$@)
	$(Q)$(CC) $(TESTING) $(CFLAGS) $(CARRIED) -o $@ $< $(ALONE) -lm -lpthread -ldl -lxxhash
gpu-alone: $(BUILD)/gpu_alone module ## build/gpu_alone: bits and rate of the module, built without the libraries

unit: $(TESTS:%=$(BUILD)/tests/%) $(BUILD)/gpu_alone $(BUILD)/carried/basin $(PEAKSIM) ## build the unit tests: build/tests/test_*

# fuzzers are a build of their own, with clang and its sanitizers; they reach the readers of the program too
OF_FUZZERS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out host/cli/main.c,$(CLI)))
$(BUILD)/tests/fuzz_%: tests/fuzz/fuzz_%.c $(OF_FUZZERS) $(BUILD)/libbasin.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(TESTING) $(CFLAGS) -fsanitize=fuzzer -MMD -MP -MT $@ -MF $@.d -o $@ $< $(OF_FUZZERS) $(BUILD)/libbasin.a $(LDLIBS)

fuzzers: $(FUZZERS:%=$(BUILD)/tests/%)

FUZZ_SECONDS := 600
fuzz: ## fuzz the readers for FUZZ_SECONDS each (default 600)
	@.ci/setup build check
	@tests/fuzz/fuzz $(FUZZ_SECONDS)

soak: all ## the long versions of the tests that do harm
	@.ci/setup build plot check slurm cuda
	@BASIN_SOAK=1 tests/tools/run_all

lint: ## formatting and static analysis
	@tests/tools/lint

format: ## put the sources into the project's format
	clang-format -i $(SOURCES)

# ---- the rest ----

bench: all ## measure basin beside NumPy and JAX, as ratios in one run
	@.ci/setup build bench
	@bench/run $(BUILD)
	@bench/sampled $(BUILD)
	@bench/neuron $(BUILD)
	@bench/factorisation $(BUILD)
	@bench/octopus $(BUILD)
	@bench/filter $(BUILD)

bench-factorisation: all ## measure the matrix factorisation beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/factorisation $(BUILD)

bench-octopus: all ## measure the staircase of saddle points beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/octopus $(BUILD)

bench-own: all ## measure models written as formulas beside JAX (run `make bench` first)
	@.ci/setup build bench
	@bench/own $(BUILD)

bench-filter: all ## measure one convolutional filter beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/filter $(BUILD)

bench-networks: all ## measure networks beside JAX (run `make bench` first)
	@.ci/setup build bench
	@bench/networks_span $(BUILD)
	@bench/networks $(BUILD)

bench-neuron: all ## measure the over-parameterised neuron beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/neuron $(BUILD)

bench-sampled: all ## measure sampled gradients beside NumPy and JAX (run `make bench` first for JAX)
	@.ci/setup build bench
	@bench/sampled $(BUILD)

$(BUILD)/bench/dataset: bench/dataset.c
	@.ci/setup build bench
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $$(pkg-config --cflags --libs openblas)

$(BUILD)/bench/product: bench/product.c $(TILED)
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs openblas 2>/dev/null)

$(BUILD)/bench/peak: bench/peak.c
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=c17 -O2 -ffp-contract=fast -pthread -o $@ $<

bench-product: $(BUILD)/bench/product $(BUILD)/bench/peak ## measure exact products beside OpenBLAS and the peak
	@.ci/setup build
	@bench/product $(BUILD)

bench-vectors: all ## measure the assembling of full vectors and trajectories beside plain writing (2 GB of disk)
	@.ci/setup build
	@bench/vectors $(BUILD)

bench-dataset: all $(BUILD)/bench/dataset ## measure fixed data sets beside NumPy and the matrix products alone
	@.ci/setup build bench
	@bench/dataset $(BUILD)

bench-campaign: all ## measure the merging of 10^8 trials in 10^4 parts (6 GB of disk)
	@bench/campaign $(BUILD)

# what check_gpu and first_gpu compare a device with, by the CPU backend: SHA-256 of files
$(BUILD)/gpu_cases.sha256: $(BUILD)/basin tests/tools/gpu_hashes tests/tools/gpu_cases $(wildcard data/experiments/*.yaml)
	$(call say,RUN,$@)
	$(Q)tests/tools/gpu_hashes $(BUILD) full own > $@

# where basin, JAX and PyTorch start from, and where that leads
$(BUILD)/gpu_starts: $(BUILD)/basin bench/run bench/run_gpu
	$(call say,RUN,$@)
	$(Q)rm -rf $@ && bench/run_gpu $(BUILD) starts $@

FIRST_GPU := $(BUILD)/first_gpu
ifneq ($(NVCC),)
first-gpu: $(BUILD)/carried/basin $(BUILD)/gpu_alone $(BUILD)/peak_gpu module $(BUILD)/gpu_cases.sha256 $(BUILD)/gpu_starts ## build/first_gpu: all that a first look at a GPU needs, to be carried there
	@.ci/setup build bench
	@bench/pack_gpu $(BUILD) $(FIRST_GPU) $(BUILD) $(OWN_SOURCES)
else
first-gpu:
	@echo 'the kernels are compiled by nvcc, which is not here: install the CUDA toolkit, or make NVCC=...'; exit 1
endif

check-gpu: all unit $(BUILD)/gpu_cases.sha256 ## on a machine with an NVIDIA GPU: bit identity with the CPU, compute-sanitizer
	@.ci/setup build check
	@tests/tools/check_gpu $(BUILD)

bench-gpu: first-gpu ## on a machine with an NVIDIA GPU: measure the CUDA backend beside JAX and PyTorch
	@$(FIRST_GPU)/bench/first_gpu $(BUILD)/bench/gpu rates sampled table1 jax torch

setup: ## install the packages that building and testing need (apt)
	@.ci/setup build plot check slurm cuda

info: all ## what this build has
	@echo 'models              $(MODELS)'
	@echo 'instruction sets    $(ISAS)'
	@echo 'CUDA module         $(if $(NVCC),$(BUILD)/libbasin_cuda.so: $(CUDA_ARCHS:%=sm_%)$(comma) PTX; $(NVCC),not built: no nvcc)'
	@$(BUILD)/basin info

man: $(BUILD)/basin.1 ## the manual page: build/basin.1
$(BUILD)/basin.1: $(BUILD)/basin
	$(Q)$< help --man > $@

# ---- installing ----

# the program finds the module in ../lib/basin, so the folders below PREFIX are fixed
DEST  = $(DESTDIR)$(PREFIX)
SHARE = $(DEST)/share/basin
PKGCONFIGDIR = $(PREFIX)/lib/pkgconfig
# where Python looks for modules below PREFIX; where it looks nowhere there: PYTHONPATH
PYTHONDIR = $(or $(shell python3 -c 'import sys; print(*[p for p in sys.path if p.startswith("$(PREFIX)/lib/") and \
  p.endswith("-packages")][:1])' 2>/dev/null),$(PREFIX)/lib/python3/dist-packages)

# what pkg-config tells: `library` can be set to :libbasin.a, and then --static has what that one needs
define PC
prefix=$(abspath $(PREFIX))
includedir=$${prefix}/include
libdir=$${prefix}/lib
library=basin

Name: basin
Description: very many independent gradient-descent trials, their outcomes and trajectories
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -l$${library}
Libs.private: $(LDLIBS)
endef
export PC

install: all man ## install program, library, Python module, manual page, CUDA module, experiments under PREFIX (/usr/local)
	$(call say,INST,$(DEST))
	$(Q)$(MAKE) --no-print-directory -s put

# what has been built, to its places; the pages of the README as they link to each other
PAGES = README.md $(wildcard */README.md */*/README.md data/*.md bench/*.md) data/figures/resnet-table1.svg
put:
	$(Q)install -D -m 755 $(BUILD)/basin $(DEST)/bin/basin
	$(Q)install -D -m 755 $(BUILD)/libbasin.so $(DEST)/lib/libbasin.so.$(VERSION)
	$(Q)ln -sf libbasin.so.$(VERSION) $(DEST)/lib/libbasin.so.$(SOVERSION)
	$(Q)ln -sf libbasin.so.$(SOVERSION) $(DEST)/lib/libbasin.so
	$(Q)install -m 644 $(BUILD)/libbasin.a $(DEST)/lib
	$(Q)if [ -e $(BUILD)/libbasin_cuda.so ]; then \
	  install -D -m 755 $(BUILD)/libbasin_cuda.so $(DEST)/lib/basin/libbasin_cuda.so; fi
	$(Q)install -D -m 644 include/basin.h $(DEST)/include/basin.h
	$(Q)install -d $(DESTDIR)$(PKGCONFIGDIR) && printf '%s\n' "$$PC" > $(DESTDIR)$(PKGCONFIGDIR)/basin.pc
	$(Q)install -D -m 644 host/python/basin.py $(DESTDIR)$(PYTHONDIR)/basin.py
	$(Q)install -D -m 644 $(BUILD)/basin.1 $(DEST)/share/man/man1/basin.1
	$(Q)install -D -m 644 host/cli/basin.bash $(DEST)/share/bash-completion/completions/basin
	$(Q)install -D -m 644 -t $(SHARE)/experiments data/experiments/*.yaml
	$(Q)install -D -m 644 -t $(SHARE)/published data/published/*.csv
	$(Q)for source in $(OWN_SOURCES); do install -D -m 644 $$source $(SHARE)/source/$$source; done
	$(Q)install -D -m 644 -t $(DEST)/share/doc/basin LICENSE CITATION.cff
	$(Q)for page in $(PAGES); do install -D -m 644 $$page $(DEST)/share/doc/basin/$$page; done

uninstall: all man ## remove what `make install` puts under PREFIX
	$(Q)rm -rf $(BUILD)/stage
	$(Q)$(MAKE) --no-print-directory -s put DESTDIR=$(abspath $(BUILD))/stage PREFIX=$(abspath $(PREFIX))
	$(Q)cd $(BUILD)/stage && find . ! -type d -exec rm -f '$(DESTDIR)/{}' \; && \
	  find . -depth -type d -path '*/basin*' -exec sh -c 'rmdir "$$1" 2>/dev/null || true' - '$(DESTDIR)/{}' \;
	$(Q)rm -rf $(BUILD)/stage

# The packages are made by debhelper, of host/debian, in $(DEBS)/deb. For one tree they have the same bytes: times in them
# are that of the changelog, or SOURCE_DATE_EPOCH.
DEBS = $(BUILD)
deb: all man ## build the Debian packages: build/basin_VERSION_ARCH.deb, and basin-cuda_... with the CUDA module
	@.ci/setup build deb
	@rm -rf $(DEBS)/deb $(DEBS)/basin_*.deb $(DEBS)/basin-cuda_*.deb
	@mkdir -p $(DEBS)/deb && cp -r host/debian $(DEBS)/deb/debian
	@test "$$(dpkg-parsechangelog -l host/debian/changelog -S Version)" = '$(VERSION)' || \
	  { echo 'host/debian/changelog is not of version $(VERSION)'; exit 1; }
	$(Q)$(MAKE) --no-print-directory -s put DESTDIR=$(abspath $(DEBS))/deb/installed PREFIX=/usr \
	  PYTHONDIR=/usr/lib/python3/dist-packages PKGCONFIGDIR=/usr/lib/$$(dpkg-architecture -q DEB_HOST_MULTIARCH)/pkgconfig
	$(Q)cd $(DEBS)/deb && env -u MAKEFLAGS -u MAKELEVEL debian/rules binary > log 2>&1 || { tail log; exit 1; }
	@rm -r $(DEBS)/deb
	@ls $(DEBS)/basin*_$(VERSION)_*.deb

clean: ## remove build/ and what `make demo` wrote
	rm -rf $(BUILD) table1.h5 table1.h5.parts table1.h5.tmp table1.svg table1.png

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-17s %s\n", $$1, $$2 }'

# those of an older tree may name sources that are no more: what came of these is made anew, by the rules of today
DEPENDENCIES := $(shell find $(BUILD) -maxdepth 6 -name '*.d' 2>/dev/null)
$(shell grep -ohE '[^ ]+\.cu?\b' /dev/null $(DEPENDENCIES) | sort -u | while read f; do test -e $$f || echo $$f; done): ;
-include $(DEPENDENCIES)
