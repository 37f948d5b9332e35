# rules.mk - how libraries, programs and unit tests are made of what lies in the folders.
#
# A new file in a folder, a new folder *_svc with a main.c and a new tests/unit/.../X_test.c are
# found by themselves. B is the folder of this build variant.

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' "$1" "$2")
objects = $(patsubst %.c,$(B)/obj/%.o,$1)

# Flags of the foreign libraries. Made before anything else: this is what installs them. hiredis asks
# for -D_FILE_OFFSET_BITS, which is for 32 bits; here it only gives pread and its like other names,
# which tests that wrap them would miss.
PACKAGES := build/packages.mk
ifneq ($(filter-out clean help stop lint test test-all test-compose coverage fuzz,$(or $(MAKECMDGOALS),all)),)
include $(PACKAGES)
endif

$(PACKAGES): deploy/install mk/rules.mk $(wildcard /var/lib/dpkg/status)
	@deploy/install build
	@mkdir -p $(@D)
	@mysql=$$(pkg-config --exists libmariadb && echo libmariadb || echo mysqlclient) && \
	set -- libmicrohttpd hiredis json-c rdkafka $$mysql && \
	cflags=$$(pkg-config --cflags "$$@") && libs=$$(pkg-config --libs "$$@") && \
	{ echo "PACKAGE_CFLAGS := $$cflags" | sed 's/ -I/ -isystem /g; s/ -D_FILE_OFFSET_BITS=64//'; echo "PACKAGE_LIBS := $$libs"; \
	echo "GATEWAY_LIBS := $$(pkg-config --libs libpcre2-8)"; } >$@

# --- when to build anew: other flags, or files that came or went ---------------------------------

SOURCES := $(wildcard shared/*/*.c *_svc/*.c gateway/*.c gateway/*/*.c)
TESTS := $(shell find tests/unit -name '*.c' 2>/dev/null | sort)
BENCHES := $(wildcard tests/bench/*.c)
FUZZERS := $(wildcard tests/fuzz/*_fuzz.c)

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) $(PACKAGE_CFLAGS)
stamp = @mkdir -p $(@D); echo '$1' | cmp -s - $@ || echo '$1' >$@

.PHONY: always
$(B)/flags: always
	$(call stamp,$(COMPILE) $(LDFLAGS) $(PACKAGE_LIBS))
$(B)/files: always
	$(call stamp,$(SOURCES) $(TESTS) $(BENCHES) $(FUZZERS))

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

# Fuzz targets are for clang only.
ALL_OBJECTS := $(call objects,$(SOURCES) $(TESTS) $(BENCHES) $(if $(findstring clang,$(CC)),$(FUZZERS)))
-include $(ALL_OBJECTS:.o=.d)

.PHONY: objects
objects: $(ALL_OBJECTS)
.SECONDARY: $(ALL_OBJECTS)

# --- libraries, highest layer first: each may use those that follow ------------------------------

LAYERS := $(filter $(notdir $(patsubst %/,%,$(wildcard shared/*/))),events svc io base)
from = $(if $(filter $1,$(LAYERS)),$(call drop_until,$1,$(LAYERS)),$(LAYERS))
drop_until = $(if $(filter $1,$(firstword $2)),$2,$(call drop_until,$1,$(wordlist 2,$(words $2),$2)))
libraries = $(patsubst %,$(B)/lib%.a,$1)

define library
$(B)/lib$1.a: $(call objects,$(wildcard shared/$1/*.c)) $(B)/files
	$$(call say,AR,$$@)
	$(Q)rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach layer,$(LAYERS),$(eval $(call library,$(layer))))

# The gateway's parts, which are libc's and shared/base's only.
$(B)/libgateway.a: $(call objects,$(wildcard gateway/*/*.c)) $(B)/files
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

LINK = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

# --- programs -----------------------------------------------------------------------------------

define program
$(B)/$1: $(call objects,$(wildcard $1/*.c)) $(call libraries,$(LAYERS)) $(B)/files
	$$(call say,LINK,$$@)
	$(Q)$$(LINK) $$(PACKAGE_LIBS) -lm
endef
$(foreach name,$(filter %_svc,$(PROGRAMS)),$(eval $(call program,$(name))))

$(B)/gateway: $(B)/obj/gateway/main.o $(B)/libgateway.a $(B)/libbase.a $(B)/files
	$(call say,LINK,$@)
	$(Q)$(LINK) $(GATEWAY_LIBS) -lm

# --- unit tests ---------------------------------------------------------------------------------
# tests/unit/LAYER/X_test.c is linked with that layer and those below, tests/unit/NAME_svc/X_test.c
# with all of them and that service without its main, tests/unit/gateway/PART/X_test.c with the gateway's parts, in place of
# which the other files of its own folder may stand. A line "link: -Wl,--wrap=NAME" in the file is obeyed.

TEST_SOURCES := $(filter %_test.c,$(TESTS))
UNIT_TESTS := $(TEST_SOURCES:%.c=$(B)/%)
SUPPORT := $(call objects,$(filter-out %_test.c tests/unit/gateway/%,$(TESTS)))
folder_of = $(word 3,$(subst /, ,$1))
of_gateway = $(filter gateway,$(call folder_of,$1))

# A test takes from it what it names.
$(B)/libsupport.a: $(SUPPORT) $(B)/files
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

define unit_test
$(B)/$(1:.c=): $(call objects,$1) $(B)/libsupport.a \
		$(call objects,$(if $(call of_gateway,$1),$(filter-out %_test.c,$(filter $(dir $1)%,$(TESTS))))) \
		$(call objects,$(filter-out %/main.c,$(wildcard $(filter %_svc,$(call folder_of,$1))/*.c))) \
		$(if $(call of_gateway,$1),$(B)/libgateway.a $(B)/libbase.a,$(call libraries,$(call from,$(call folder_of,$1)))) $(B)/files
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(LINK) $$$$(sed -n 's/.*link: \(-Wl,[^ ]*\).*/\1/p' $1) $(if $(filter base,$(call folder_of,$1)),,$$(PACKAGE_LIBS)) \
		$(if $(call of_gateway,$1),$$(GATEWAY_LIBS)) -lcmocka -lm
endef
$(foreach test,$(TEST_SOURCES),$(eval $(call unit_test,$(test))))

# --- measuring and fuzzing -----------------------------------------------------------------------
# tests/bench/X.c without an X.h is a program; what has a header belongs to all of them.
# tests/fuzz/X_fuzz.c is a libFuzzer target, with FUZZ=1 CC=clang; tests/fuzz/corpus/X is where it begins.

BENCH_MODULES := $(foreach source,$(BENCHES),$(if $(wildcard $(source:.c=.h)),$(source)))
BENCH_PROGRAMS := $(patsubst %.c,$(B)/%,$(filter-out $(BENCH_MODULES),$(BENCHES)))

$(BENCH_PROGRAMS): $(B)/%: $(B)/obj/%.o $(call objects,$(BENCH_MODULES)) $(call libraries,$(LAYERS)) $(B)/files
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(PACKAGE_LIBS) -lm

FUZZ_PROGRAMS := $(FUZZERS:%.c=$(B)/%)

$(FUZZ_PROGRAMS): $(B)/%: $(B)/obj/%.o $(call libraries,$(LAYERS)) $(B)/libgateway.a $(B)/files
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(B)/libbase.a -fsanitize=fuzzer $(PACKAGE_LIBS) $(GATEWAY_LIBS) -lm

# llhttp comes from Debian's node-llhttp as sources.
LLHTTP_OBJECTS := $(patsubst %,$(B)/obj/llhttp/%.o,llhttp http api)
$(LLHTTP_OBJECTS): $(B)/obj/llhttp/%.o: /usr/share/llhttp/%.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -W%,$(CFLAGS)) -w -DLLHTTP_STRICT_MODE=1 -I/usr/share/include/llhttp -c $< -o $@
$(B)/obj/tests/fuzz/llhttp_reading.o: PACKAGE_CFLAGS += -isystem /usr/share/include
$(B)/tests/fuzz/llhttp_fuzz: $(LLHTTP_OBJECTS) $(B)/obj/tests/fuzz/llhttp_reading.o
-include $(B)/obj/tests/fuzz/llhttp_reading.d

# --- for editors --------------------------------------------------------------------------------

ifeq ($(B),build)
compile_commands.json: $(B)/flags $(B)/files
	@{ echo '['; for file in $(SOURCES) $(TESTS) $(BENCHES) $(FUZZERS); do \
		printf '%s{"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
			"$$sep" '$(CURDIR)' "$$file" '$(COMPILE)' "$$file"; sep=$$(printf ',\n.'); sep=$${sep%.}; \
	done; echo; echo ']'; } >$@
else
.PHONY: compile_commands.json
compile_commands.json: ;
endif
