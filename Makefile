# SPDX-License-Identifier: MIT
#
# basin. `make help` lists the targets.

BUILD  := build
CC     := gcc
OPT    := -O3
PREFIX := /usr/local

# ---- flags ----

WARN     := -Wall -Wextra -Wpedantic -Wconversion -Werror
LIBS     := hdf5 libfyaml libxxhash
# library headers are -isystem: their warnings are not ours to mend
CPPFLAGS := -D_GNU_SOURCE -Iinclude -Ihost -I$(BUILD) $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBS) 2>/dev/null))
# contraction off: the same bits with and without FMA units (include/hd.h)
CFLAGS   := -std=c17 $(OPT) -g -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARN) $(EXTRA)
LDLIBS   := $(shell pkg-config --libs-only-L $(LIBS) 2>/dev/null) -lhdf5_hl -lhdf5 -lfyaml -lxxhash -lm -lpthread

# ---- what there is ----

MODELS := $(sort $(basename $(notdir $(wildcard include/models/*.h))))
ISAS   := generic
ifneq (,$(filter x86_64%,$(shell $(CC) -dumpmachine)))
ISAS     += avx2 avx512
CPPFLAGS += -DBASIN_X86=1
endif
FLAGS_generic := -DBASIN_SIMD=0
FLAGS_avx2    := -DBASIN_SIMD=2 -mavx2 -mfma
FLAGS_avx512  := -DBASIN_SIMD=5 -mavx512f -mavx512dq -mfma

HOST    := $(filter-out host/main.c host/lanes.c host/model_entry.c,$(wildcard host/*.c))
OBJECTS := $(HOST:host/%.c=$(BUILD)/%.o) $(MODELS:%=$(BUILD)/model_%.o) \
           $(foreach isa,$(ISAS),$(MODELS:%=$(BUILD)/lanes_%_$(isa).o))

.PHONY: all demo check lint format fuzz soak bench setup info man install clean help
.DELETE_ON_ERROR:

all: $(BUILD)/basin

$(BUILD)/basin: $(BUILD)/main.o $(BUILD)/libbasin.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libbasin.a: $(OBJECTS)
	rm -f $@
	ar rcs $@ $^

# rebuilt when a model comes or goes
$(BUILD)/models.inc: $(MODELS:%=include/models/%.h) | $(BUILD)
	printf 'BASIN_MODEL(%s)\n' $(MODELS) > $@

$(BUILD)/%.o: host/%.c $(BUILD)/flags
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/models.o: $(BUILD)/models.inc

define model_rules
$(BUILD)/model_$(1).o: host/model_entry.c $(BUILD)/flags
	$$(CC) $$(CPPFLAGS) $$(CFLAGS) -DBASIN_MODEL=$(1) -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
define lane_rules
$(BUILD)/lanes_$(1)_$(2).o: host/lanes.c $(BUILD)/flags
	$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(2)) -DBASIN_ISA=$(2) -DBASIN_MODEL=$(1) \
	  -DBASIN_MODEL_HEADER='"models/$(1).h"' -MMD -MP -c -o $$@ $$<
endef
$(foreach model,$(MODELS),$(eval $(call model_rules,$(model))))
$(foreach isa,$(ISAS),$(foreach model,$(MODELS),$(eval $(call lane_rules,$(model),$(isa)))))

# a change of compiler, flags or models rebuilds
$(BUILD)/flags: FORCE | $(BUILD)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(MODELS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(MODELS)' > $@
FORCE:

$(BUILD):
	mkdir -p $@

-include $(wildcard $(BUILD)/*.d)
