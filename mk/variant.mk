# variant.mk - compiler and flags, and the folder B that belongs to them.

ifeq ($(origin CC),default)
CC := gcc
endif
SANITIZER ?=
COVERAGE ?=
FUZZ ?=

empty :=
VARIANT := $(if $(findstring clang,$(CC)),clang) $(if $(findstring address,$(SANITIZER)),asan) \
	$(if $(findstring thread,$(SANITIZER)),tsan) $(if $(COVERAGE),cov) $(if $(FUZZ),fuzz)
VARIANT := $(subst $(empty) ,-,$(strip $(VARIANT)))
B := build$(if $(VARIANT),/$(VARIANT))

# What gcc 12 and clang 14 both know.
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wvla -Walloca -Wformat=2 -Wundef -Wpointer-arith -Wcast-align -Wwrite-strings
HARDENING := -fstack-protector-strong -fno-common -fPIE

CPPFLAGS := -D_GNU_SOURCE -I. -include shared/base/forbid.h
CFLAGS := -std=gnu11 -g -pthread $(WARNINGS) $(HARDENING)
LDFLAGS := -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed

ifneq ($(SANITIZER),)
CFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZER) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZER)
else ifneq ($(COVERAGE),)
CFLAGS += -O0 --coverage
LDFLAGS += --coverage
else
CFLAGS += -O2
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif

ifneq ($(FUZZ),)
CFLAGS += -fsanitize=fuzzer-no-link
endif
