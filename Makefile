# SPDX-License-Identifier: BSD-3-Clause
#
# make               the commands
# make check         every test; T=unit, T=model, T=fuzz, T=sim, T=vm or T=NAME for some. Installs what it needs (as root)
# make demo          smart idle poll at work in a VM. Installs what it needs (as root)
# make bench-check   every figure that was aimed at: target, value, verdict
# make modules       the kernel modules for KERNELDIR
# make install       commands, helpers, man pages; PREFIX and DESTDIR as usual
# make dkms-install  the guest's modules through DKMS
# make fuzz          parsers under libFuzzer, a minute each
# make sim           the resctrl simulator, and what runs a command in it (tests/sim/README.md)
# make style         formatting, SPDX lines, man pages
# V=1 shows the commands.

VERSION    := 0.1.0
PREFIX     ?= /usr/local
DESTDIR    ?=
CC         ?= cc
CFLAGS     ?= -O2 -g
KERNELDIR  ?= /lib/modules/$(shell uname -r)/build
DKMS       ?= dkms
T          ?=

BINDIR     := $(PREFIX)/bin
SBINDIR    := $(PREFIX)/sbin
LIBEXECDIR := $(PREFIX)/libexec/isolat
MANDIR     := $(PREFIX)/share/man
COMPDIR    := $(PREFIX)/share/bash-completion/completions
EXAMPLEDIR := $(PREFIX)/share/doc/isolat/examples
B          := build

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2);
MAKEFLAGS += --no-print-directory
endif

WARN       := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-result
PKG_LIBS   := hwloc jansson libarchive libcyaml libkmod libtraceevent yaml-0.1
pkg_cflags  = $(shell pkg-config --cflags $(PKG_LIBS))
pkg_libs    = $(shell pkg-config --libs $(PKG_LIBS))
ALL_CFLAGS  = -std=gnu11 $(WARN) -D_GNU_SOURCE -DISOLAT_VERSION='"$(VERSION)"' \
	      -DISOLAT_LIBEXECDIR='"$(LIBEXECDIR)"' -Iinclude -Icpusets -Ipqos-integration -Itools -Ibench -Ibench/microvm -Iguest $(pkg_cflags) $(CFLAGS)

# ---- What is built from what -------------------------------------------------------------------------------------

# The launcher, as a library for isolat, its own command and the tests.
MICROVM_SRC := $(addprefix bench/microvm/,accel.c host_root.c image.c kernel.c microvm.c qemu.c qmp.c spawn.c)
RDT_EMU_SRC := $(wildcard bench/microvm/rdt_emu*.c) bench/microvm/rdt_state.c
TOOLS_SRC   := $(filter-out tools/isolat.c tools/exitless_timerd.c,$(wildcard tools/*.c))
BENCH_SRC   := $(filter-out $(wildcard bench/*_guest.c bench/*_main.c) bench/guest_commands.c,$(wildcard bench/*.c))
GUEST_SRC   := guest/idle_predictor.c guest/tsc_map.c

CPUSETS_SRC := $(wildcard cpusets/*.c)
PQOS_HELPER := $(wildcard pqos-integration/pqos_helper*.c)
RDT_SRC     := $(filter-out $(PQOS_HELPER),$(wildcard pqos-integration/*.c))

LIB_SRC     := $(MICROVM_SRC) $(CPUSETS_SRC) $(RDT_SRC) $(addprefix bench/microvm/,rdt_state.c rdt_emu_model.c rdt_emu_config.c) $(TOOLS_SRC) $(BENCH_SRC) $(GUEST_SRC)
LIB_OBJ     := $(LIB_SRC:%.c=$(B)/obj/%.o)

PROGRAMS    := $(B)/isolat $(B)/isolat-microvm $(B)/rdt-state $(B)/idle-replay $(B)/idle-gen $(B)/exitless-bench
HELPERS     := $(B)/isolat-init $(B)/kvm_halt_poll.so $(B)/rdt_emu.so $(B)/idle-bench-guest $(B)/timer-bench-guest $(B)/isolat-pqos
DAEMONS     := $(B)/exitless-timerd
MAN_PAGES   := $(wildcard docs/*.[1-8])

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all check check-built fuzz demo demo-built bench-check kernels modules install uninstall dkms-install style clean deps

all: $(PROGRAMS) $(DAEMONS) $(HELPERS)

deps:
	$(Q)./.ci/install-packages

$(B)/obj/%.o: %.c | $(B)/have-libpqos
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# libpqos ships no .pc file: see whether its header and library are there.
$(B)/have-libpqos:
	@mkdir -p $(B)
	@printf '#include <pqos.h>\nint main(void) { return pqos_fini(); }\n' | \
		$(CC) -x c - -lpqos -o $@ 2>/dev/null || \
		{ echo 'isolat: no libpqos (pqos.h, -lpqos): install the package intel-cmt-cat' >&2; exit 3; }

$(B)/libisolat.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(B)/isolat: $(B)/obj/tools/isolat.o $(B)/libisolat.a
$(B)/exitless-timerd: $(B)/obj/tools/exitless_timerd.o $(B)/libisolat.a
$(B)/isolat-microvm: $(B)/obj/bench/microvm/main.o $(B)/libisolat.a
$(B)/rdt-state: $(B)/obj/bench/microvm/rdt_state_main.o $(B)/libisolat.a
$(B)/idle-replay: $(B)/obj/bench/idle_replay_main.o $(B)/libisolat.a
$(B)/idle-gen: $(B)/obj/bench/idle_gen_main.o $(B)/libisolat.a
$(B)/exitless-bench: $(B)/obj/bench/exitless_bench_main.o $(B)/libisolat.a
$(B)/idle-predictor-bench: $(B)/obj/bench/idle_predictor_main.o $(B)/libisolat.a
$(B)/plan-bench: $(B)/obj/bench/plan_main.o $(B)/libisolat.a
$(PROGRAMS) $(DAEMONS) $(B)/idle-predictor-bench $(B)/plan-bench:
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)

# libpqos lives here, and in no other program.
$(B)/isolat-pqos: $(PQOS_HELPER:%.c=$(B)/obj/%.o) $(B)/libisolat.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpqos $(shell pkg-config --libs jansson)

# Programs that run inside micro-VMs are static: nothing else is there.
$(B)/isolat-init: bench/microvm/init.c bench/microvm/init_scan.c bench/microvm/init_scan.h bench/microvm/microvm.h
	$(call say,LD,$@)mkdir -p $(B) && $(CC) $(ALL_CFLAGS) -static -o $@ $(filter %.c,$^)

GUEST_LIB := bench/microvm/guest.c bench/microvm/guest.h
BENCH_GUEST_LIB := bench/guest_commands.c bench/guest_commands.h bench/microvm/microvm.h $(GUEST_LIB)
$(B)/idle-bench-guest: bench/idle_guest.c bench/idle_periods.c bench/idle_periods.h bench/idle_trace.c bench/idle_trace.h $(BENCH_GUEST_LIB)
$(B)/timer-bench-guest: bench/timer_guest.c $(BENCH_GUEST_LIB)
$(B)/idle-bench-guest $(B)/timer-bench-guest:
	$(call say,LD,$@)mkdir -p $(B) && $(CC) $(ALL_CFLAGS) -static -o $@ $(filter %.c,$^) -lpthread

$(B)/%.so: bench/microvm/%.c
	$(call say,LD,$@)mkdir -p $(B) && $(CC) $(ALL_CFLAGS) -shared -fPIC -fvisibility=hidden -o $@ $(filter %.c,$^) -ldl -lpthread

$(B)/kvm_halt_poll.so: CFLAGS += -fvisibility=default
$(B)/rdt_emu.so: $(RDT_EMU_SRC) $(wildcard bench/microvm/rdt_*.h)

# ---- Kernels and modules ------------------------------------------------------------------------------------------

KERNELS := 6.1 6.12

kernels: $(KERNELS:%=$(B)/kernels/%/complete)
$(B)/kernels/%/complete: bench/microvm/fetch-kernel.sh
	$(call say,FETCH,$*)bench/microvm/fetch-kernel.sh $* $(B)/kernels/$* && touch $@

GUEST_MODULE_SRC := $(wildcard guest/*.c guest/*.h) guest/Kbuild include/isolat/exitless_timer.h
TEST_MODULE_SRC  := $(wildcard tests/vm/modules/*.c) tests/vm/modules/Kbuild

# Kbuild writes beside its sources, so each kernel gets a copy of them.
define module_rule
$(B)/$(1)/$(2)/built: $(3) | $(B)/kernels/$(2)/complete
	$$(call say,MODULE,$(1)/$(2))mkdir -p $$(@D) && cp -u $(3) $$(@D) && \
		$$(MAKE) -s -C $(B)/kernels/$(2)/headers M=$$(abspath $$(@D)) W=1 modules 2> $$(@D)/log || \
		{ cat $$(@D)/log >&2; exit 1; }
	$(Q)touch $$@
endef
$(foreach k,$(KERNELS),$(eval $(call module_rule,guest,$(k),$(GUEST_MODULE_SRC))))
$(foreach k,$(KERNELS),$(eval $(call module_rule,tests/vm/modules,$(k),$(TEST_MODULE_SRC))))

MODULES_BUILT := $(foreach k,$(KERNELS),$(B)/guest/$(k)/built $(B)/tests/vm/modules/$(k)/built)

modules:
	$(Q)$(MAKE) -C $(KERNELDIR) M=$(abspath guest) modules

# ---- Tests --------------------------------------------------------------------------------------------------------

UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))

# What tests of the planner share.
$(B)/tests/unit/test_plan $(B)/tests/unit/test_plan_refuse: $(addprefix $(B)/obj/tests/unit/plan_,machines.o check.o check_rdt.o)
$(B)/tests/unit/test_plan_properties: $(addprefix $(B)/obj/tests/unit/plan_,machines.o random.o check.o check_rdt.o brute.o)

# What tests of transactions share.
$(patsubst %,$(B)/tests/unit/test_transaction%,_kill _fail _random) $(B)/tests/unit/test_transaction: \
	$(addprefix $(B)/obj/tests/unit/transaction_,store.o fixture.o)
$(B)/tests/unit/test_transaction_left: $(B)/obj/tests/unit/transaction_fixture.o
# An RDT engine in memory, and made-up folders of the kernel.
$(B)/tests/unit/test_step_rdt $(B)/tests/unit/test_step_rdt_back $(patsubst %,$(B)/tests/unit/test_apply_%,report steps): $(addprefix $(B)/obj/tests/unit/fake_,engine.o tree.o)
$(B)/tests/unit/test_vm_find: $(B)/obj/tests/unit/fake_tree.o
$(B)/tests/unit/test_step_cgroup $(B)/tests/unit/test_step_affinity: $(addprefix $(B)/obj/tests/unit/fake_,cgroup.o tree.o)

# VMs for the timer's scanner.
$(patsubst %,$(B)/tests/unit/test_timer_scan%,_park _limits _race _more) $(B)/tests/unit/test_timer_scan: $(B)/obj/tests/unit/timer_fake.o
$(B)/tests/unit/test_timer_scanner $(B)/tests/unit/test_timer_supervise: $(B)/obj/tests/unit/timer_fake.o

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libisolat.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/libisolat.a $(pkg_libs) $(shell pkg-config --libs cmocka)

$(B)/tests/vm/run: $(addprefix $(B)/obj/tests/vm/,run.o jobs.o) $(B)/libisolat.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)

# An RDT engine from the command line, for the tests in the simulator.
$(B)/tests/sim/engine: $(B)/obj/tests/sim/engine.o $(B)/libisolat.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs jansson)

# The resctrl simulator, and what runs a command before it.
SIM_FUSE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/sim/sim_*.c))
SIM_RUN_OBJ  := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/sim/run_*.c) tests/sim/sim_machine.c tests/sim/sim_cpus.c)
SIM_PROGRAMS := $(addprefix $(B)/tests/sim/,resctrl-sim sim-run sim-ctl crowd)
$(B)/tests/sim/resctrl-sim: $(SIM_FUSE_OBJ)
$(B)/tests/sim/sim-run: $(SIM_RUN_OBJ)
$(B)/tests/sim/sim-ctl: $(B)/obj/tests/sim/ctl_main.o
$(B)/tests/sim/crowd: $(B)/obj/tests/sim/crowd.o
$(SIM_PROGRAMS):
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs fuse3)

.PHONY: sim
sim: $(SIM_PROGRAMS)

# What runs inside the test VMs.
VM_CASES := $(patsubst tests/vm/cases/%.c,$(B)/tests/vm/cases/%,$(wildcard tests/vm/cases/*.c))
$(B)/tests/vm/cases/%: tests/vm/cases/%.c $(wildcard tests/vm/cases/*.h) $(GUEST_LIB)
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -static -o $@ $(filter %.c,$^) -lpthread

# What kills isolat at one of its changes.
$(B)/tests/vm/kill_at.so: tests/vm/kill_at.c
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -shared -fPIC -o $@ $< -ldl

# This one replays, with what idle-replay replays with.
$(B)/tests/vm/cases/sip_answers: bench/idle_csv.c bench/idle_policy.c bench/idle_replay.c $(GUEST_SRC)

# Parsers, and the timer's page, under libFuzzer, AddressSanitizer and UBSan.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS   := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g -O1 -std=gnu11 -D_GNU_SOURCE -DISOLAT_LIBEXECDIR='"$(LIBEXECDIR)"'
FUZZ_TARGETS := profile resctrl timer_page
FUZZERS      := $(FUZZ_TARGETS:%=$(B)/fuzz/%-fuzz)

TEST_ENV = FUZZ_TARGETS="$(FUZZ_TARGETS)" ISOLAT_KERNELS=$(abspath $(B)/kernels) ISOLAT_CACHE=$(abspath $(B)/cache) ISOLAT_BUILD=$(abspath $(B))

check: deps
	$(Q)$(MAKE) check-built
check-built: all $(UNIT_TESTS) $(B)/tests/unit/timer_peer $(SIM_PROGRAMS) $(B)/tests/sim/engine $(B)/tests/vm/run $(B)/tests/vm/kill_at.so $(VM_CASES) $(MODULES_BUILT) $(FUZZERS)
	$(Q)$(TEST_ENV) tests/run.sh $(T)

demo: deps
	$(Q)$(MAKE) demo-built
demo-built: all $(MODULES_BUILT)
	$(Q)$(TEST_ENV) $(B)/isolat bench idle --host-polling off
	@echo
	$(Q)$(TEST_ENV) $(B)/isolat bench timer --intervals 200

bench-check: deps
	$(Q)$(MAKE) all sim $(B)/idle-predictor-bench $(B)/plan-bench $(MODULES_BUILT) $(B)/tests/vm/run $(VM_CASES)
	$(Q)$(TEST_ENV) bench/bench-check.sh

fuzz: deps
	$(Q)$(MAKE) $(FUZZERS)
	$(Q)tests/fuzz/run.sh $(B) $(FUZZ_SECONDS) $(FUZZ_TARGETS)

$(B)/fuzz/profile-fuzz: $(wildcard tools/profile*.c)
$(B)/fuzz/resctrl-fuzz: $(RDT_SRC)
$(B)/fuzz/timer_page-fuzz: $(addprefix tools/timer_,page.c scan.c scan_park.c scan_visit.c)
$(B)/fuzz/%-fuzz: tests/fuzz/%.c $(wildcard include/isolat/*.h tools/*.h pqos-integration/*.h)
	$(call say,CLANG,$@)mkdir -p $(@D) && \
		clang $(FUZZ_FLAGS) -Iinclude -Itools -Ipqos-integration -o $@ $(filter %.c,$^) \
		$$(pkg-config --cflags --libs libcyaml yaml-0.1 jansson)

style: deps
	$(Q)tests/style.sh

# ---- Installation -------------------------------------------------------------------------------------------------

install: all
	$(Q)install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(COMPDIR)
	$(Q)install -m 755 $(PROGRAMS) $(DESTDIR)$(BINDIR)
	$(Q)install -D -m 755 -t $(DESTDIR)$(SBINDIR) $(DAEMONS)
	$(Q)install -m 755 $(HELPERS) bench/microvm/fetch-kernel.sh $(DESTDIR)$(LIBEXECDIR)
	$(Q)for page in $(MAN_PAGES); do install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit; done
	$(Q)install -D -m 644 -t $(DESTDIR)$(EXAMPLEDIR) tools/examples/*.yaml
	$(Q)install -m 644 tools/completion/isolat.bash $(DESTDIR)$(COMPDIR)/isolat
	$(Q)ln -sf isolat $(DESTDIR)$(COMPDIR)/isolat-microvm

uninstall:
	$(Q)rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(EXAMPLEDIR)
	$(Q)rm -f $(PROGRAMS:$(B)/%=$(DESTDIR)$(BINDIR)/%) $(DAEMONS:$(B)/%=$(DESTDIR)$(SBINDIR)/%) $(addprefix $(DESTDIR)$(COMPDIR)/,isolat isolat-microvm)
	$(Q)for page in $(notdir $(MAN_PAGES)); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

dkms-install:
	$(Q)install -d $(DESTDIR)/usr/src/isolat-guest-$(VERSION)
	$(Q)install -m 644 $(GUEST_MODULE_SRC) guest/dkms.conf $(DESTDIR)/usr/src/isolat-guest-$(VERSION)
	$(Q)$(DKMS) install isolat-guest/$(VERSION)

clean:
	$(Q)rm -rf $(filter-out $(B)/kernels $(B)/cache,$(wildcard $(B)/*))

-include $(shell [ -d $(B)/obj ] && find $(B)/obj -name '*.d')
