# sluice: holds mail for sites that are not always there.  See README.

VERSION := 0.1.0
PREFIX ?= /usr/local
SLUICE_DIR ?= /var/lib/sluice

CC ?= cc
CFLAGS ?= -O2 -g
WARN ?= -Wall -Wextra -Wshadow -Wconversion -Werror
STATIC ?= -static

# make SANITIZE=address,undefined builds beside the plain programs, in build/asan.
SANITIZE ?=
ifneq ($(SANITIZE),)
O := build/asan
BIN := build/asan/bin
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
STATIC :=
else
O := build
BIN := bin
endif

CPPFLAGS += -Isrc -D_GNU_SOURCE -DSLUICE_DIR='"$(SLUICE_DIR)"' -DSLUICE_VERSION='"$(VERSION)"'
COMPILE = $(CC) -std=c99 $(CPPFLAGS) $(WARN) $(CFLAGS) -ffunction-sections -fdata-sections
LINK = $(CC) $(CFLAGS) -Wl,--gc-sections $(LDFLAGS)

# Debian 12: what building and running needs, what the demo and the tests need as well.
PACKAGES := gcc libc6-dev skalibs-dev libowfat-dev libidn2-dev libunistring-dev s6 ucspi-tcp-ipv6
PACKAGES_DEMO := postfix fetchmail python3 procps
PACKAGES_CHECK := $(PACKAGES_DEMO) shunit2 clang libclang-rt-14-dev mandoc shellcheck strace valgrind \
  daemontools runit openbsd-inetd systemd msmtp swaks curl nsd unbound perl socat jq tinycdb iproute2 \
  libdb5.3 libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0
# Nothing is compiled before its packages are there, where they are asked for at all.
FIRST := $(if $(filter check check-% demo,$(MAKECMDGOALS)),deps)

# --- what each program is made of ---------------------------------------------------

object = $(patsubst %,$(O)/src/%.o,$(1))

SMTP := $(call object,smtp/chars smtp/domain smtp/path smtp/command smtp/content smtp/reply)
JOB := $(call object,job/job job/socket)
SEND := $(call object,send/session send/wire send/report send/work send/hand send/host send/site send/text send/clock) $(JOB) $(SMTP)
BASE := $(call object,base/instance base/log base/duration base/wallclock)
CONF := $(call object,conf/conf conf/list conf/route) $(BASE) $(SMTP)
QUEUE := $(call object,queue/id queue/queuedir queue/message) $(JOB) $(CONF)
FLUSH := $(call object,flush/flush flush/trigger) $(QUEUE)

SKALIBS := -l:libskarnet.a
NAMES := -lidn2 -lunistring
OWFAT := -l:libowfat.a -lresolv

SPAWNED := smtpd-etrn smtp-send
SKALIBS_PROGRAMS := smtpd-etrn qmgr qmgr-trigger flush-record flush-run flush-rebuild \
  queue-put queue-list queue-cat conf-check conf-cdb sluice-init
OWFAT_PROGRAMS := smtp-send etrn
PROGRAMS := $(SKALIBS_PROGRAMS) $(OWFAT_PROGRAMS)

all: $(PROGRAMS:%=$(BIN)/%)

$(BIN)/smtpd-etrn: $(call object,smtpd/smtpd-etrn smtpd/session smtpd/envelope smtpd/parameters smtpd/receive smtpd/etrn \
  smtpd/policy smtpd/peer smtpd/wire) $(FLUSH)
$(BIN)/qmgr: $(call object,qmgr/qmgr qmgr/settings qmgr/timer qmgr/site qmgr/gate qmgr/deliver qmgr/agent qmgr/intake) $(FLUSH)
$(BIN)/qmgr-trigger: $(call object,flush/qmgr-trigger) $(FLUSH)
$(BIN)/flush-record: $(call object,flush/flush-record) $(FLUSH)
$(BIN)/flush-run: $(call object,flush/flush-run flush/watch flush/names) $(FLUSH)
$(BIN)/flush-rebuild: $(call object,flush/flush-rebuild) $(FLUSH)
$(BIN)/queue-put: $(call object,tools/queue-put) $(FLUSH)
$(BIN)/queue-list: $(call object,tools/queue-list) $(FLUSH)
$(BIN)/queue-cat: $(call object,tools/queue-cat) $(QUEUE)
$(BIN)/conf-check: $(call object,tools/conf-check) $(CONF)
$(BIN)/conf-cdb: $(call object,tools/conf-cdb) $(CONF)
$(BIN)/sluice-init: $(call object,tools/sluice-init) $(CONF)
$(BIN)/smtp-send: $(call object,send/smtp-send) $(SEND)
$(BIN)/etrn: $(call object,send/etrn) $(SMTP)

# -----------------------------------------------------------------------------------

$(SPAWNED:%=$(BIN)/%): LDFLAGS += $(STATIC)
$(SKALIBS_PROGRAMS:%=$(BIN)/%): LDLIBS := $(SKALIBS) $(NAMES)
$(OWFAT_PROGRAMS:%=$(BIN)/%): LDLIBS := $(OWFAT)

$(PROGRAMS:%=$(BIN)/%):
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(LDLIBS)

$(O)/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/src/*/*.d $(O)/tests/*/*.d)

# --- packages, tests, demo ----------------------------------------------------------

deps:
	@tests/packages $(PACKAGES)

deps-demo: deps
	@tests/packages $(PACKAGES_DEMO)

deps-check: deps
	@tests/packages $(PACKAGES_CHECK)

UNIT := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
TESTS ?= $(wildcard tests/*.sh)

$(UNIT): $(O)/%: $(O)/%.o $(FLUSH)
	$(LINK) -o $@ $^ $(SKALIBS) $(NAMES)

# TESTS="tests/etrn.sh ..." runs these alone.
check: deps-check all $(UNIT)
	@BIN=$(BIN) tests/run $(UNIT) $(filter-out tests/lib.sh,$(TESTS))

check-asan:
	@$(MAKE) --no-print-directory SANITIZE=address,undefined check

check-valgrind: deps-check all
	@VALGRIND=1 BIN=$(BIN) tests/run $(filter-out tests/lib.sh,$(TESTS))

demo: deps-demo all
	@BIN=$(BIN) tests/demo

.PHONY: deps deps-demo deps-check check check-asan check-valgrind demo

# -----------------------------------------------------------------------------------

clean:
	rm -rf build bin

.PHONY: all clean
.DELETE_ON_ERROR:
