# sluice: holds mail for sites that are not always there.  See README.

VERSION := 0.5.0
PREFIX ?= /usr/local
SLUICE_DIR ?= /var/lib/sluice

CC ?= cc
CFLAGS ?= -O2 -g
WARN ?= -Wall -Wextra -Wshadow -Wconversion -Werror
STATIC ?= -static-pie
PIE ?= -pie

# What makes an error in a program harder to use; HARDEN= leaves it out.  CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are whoever
# builds a package's, and whatever they are set to, none of what is needed here is lost: it has names of its own.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
HARDEN_x86_64 := -fcf-protection -fstack-clash-protection
HARDEN_aarch64 := -mbranch-protection=standard
# The library's checks are made by the optimizer.
OPTIMIZED := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
HARDEN ?= -fPIE -fstack-protector-strong $(HARDEN_$(MACHINE)) $(if $(OPTIMIZED),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDEN_LINK := -Wl,-z,relro,-z,now,-z,noexecstack

# make SANITIZE=address,undefined builds beside the plain programs, in build/asan.
SANITIZE ?=
ifneq ($(SANITIZE),)
O := build/asan
BIN := build/asan/bin
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
STATIC :=
PIE :=
HARDEN :=
else
O := build
BIN := bin
endif

DEFINED := -Isrc -D_GNU_SOURCE -DSLUICE_DIR='"$(SLUICE_DIR)"' -DSLUICE_VERSION='"$(VERSION)"'
COMPILE = $(CC) -std=c99 $(DEFINED) $(CPPFLAGS) $(WARN) $(CFLAGS) $(HARDEN) -ffunction-sections -fdata-sections
# How a program is linked comes last: the last one counts.
LINKED := $(PIE)
LINK = $(CC) $(CFLAGS) -Wl,--gc-sections $(LDFLAGS) $(HARDEN_LINK) $(LINKED)

# Debian 12: what building and running needs, what the demo and the tests need as well.
PACKAGES := gcc libc6-dev skalibs-dev libowfat-dev libssl-dev ca-certificates libidn2-dev libunistring-dev libmd-dev \
  s6
PACKAGES_DEMO := postfix fetchmail python3 procps openssl iproute2
PACKAGES_BENCH := postfix python3 strace openssl iproute2 util-linux mount e2fsprogs
PACKAGES_CHECK := $(PACKAGES_DEMO) ucspi-tcp-ipv6 gnutls-bin sslscan libnet-ssleay-perl shunit2 clang libclang-rt-14-dev mandoc shellcheck strace valgrind \
  daemontools runit openbsd-inetd systemd msmtp swaks curl nsd unbound perl socat jq tinycdb \
  libdb5.3 libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0 pflogsumm logwatch systemd-journal-remote \
  libmail-deliverystatus-bounceparser-perl libsisimai-perl python3-flufl.bounce python3-prometheus-client \
  mutt bsd-mailx git-email libfaketime cvm libdigest-hmac-perl fail2ban ldnsutils postfix-mta-sts-resolver
# Nothing is compiled before its packages are there, where they are asked for at all.
FIRST := $(if $(filter check check-% demo bench,$(MAKECMDGOALS)),deps)

# --- what each program is made of ---------------------------------------------------

object = $(patsubst %,$(O)/src/%.o,$(1))

SMTP := $(call object,smtp/chars smtp/domain smtp/path smtp/command smtp/content smtp/parts \
  smtp/reply smtp/header smtp/timeout smtp/base64)
# Who we are for a server: on libmd.
SASL := $(call object,smtp/account smtp/sasl smtp/hmac)
BASE := $(call object,base/close base/directory base/instance base/log base/text base/duration base/wallclock base/nonblocking) $(SMTP)
JOB := $(call object,job/job job/journal job/nexthop job/socket job/turn)
# How tls-io is asked: of those who ask it, too.
TLS_ASK := $(call object,tls/ask)
SEND := $(call object,send/connection send/transaction send/secure send/auth send/accountfile send/exchange send/commands send/fit send/pipeline \
  send/channel send/report send/outbox send/commandline send/host send/dns send/dnstcp send/timed send/dane send/policy \
  send/candidates send/retry send/destination send/demand send/engine send/confine base/calls base/resolver base/endpoint) \
  $(TLS_ASK) $(SASL) $(JOB) $(BASE)
SCHED := $(call object,sched/moment sched/backoff sched/health sched/array sched/row sched/timer sched/cuts sched/limit \
  sched/quota sched/known sched/state sched/site sched/connection sched/domain sched/attempt sched/pass sched/reversal sched/turn \
  sched/sched)
START := $(call object,start/program start/options) $(BASE)
CONF := $(call object,conf/error conf/file conf/fold conf/address conf/syntax conf/conf conf/list conf/listen conf/user \
  conf/route conf/check job/job job/nexthop base/endpoint smtp/account) $(TLS_ASK) $(START)
QUEUE := $(call object,queue/id queue/queuedir queue/message queue/room queue/trace \
  queue/totals) $(JOB) $(CONF)
FLUSH := $(call object,flush/flush flush/reserve flush/trigger) $(QUEUE)
ACT := $(call object,act/operation queue/ids) $(FLUSH)
FACE := $(call object,compat/list compat/executable compat/options compat/etrn compat/client \
  base/wire queue/id) $(START)
LOGS := $(call object,log/logsource log/logentry log/logstamp log/logjson log/logwords log/loglater \
  queue/id)

SKALIBS := -l:libskarnet.a
NAMES := -lidn2 -lunistring
DIGESTS := -lmd
OWFAT := -l:libowfat.a -lresolv $(DIGESTS)
TLS := -lssl -lcrypto

# Those that go by the names of another mail system's.
FACES := sendmail mailq postqueue postcat postsuper
SPAWNED := smtpd-etrn smtp-send bounce-put auth-check
# Of these, those that can serve one connection after the other: they overwrite what they give back.
WORKERS := smtpd-etrn smtp-send bounce-put
SKALIBS_PROGRAMS := smtpd-etrn qmgr bounce-put qmgr-trigger flush-record flush-run flush-rebuild \
  queue-put queue-list queue-cat queue-del queue-hold queue-release queue-requeue queue-shape site-list queue-check \
  conf-check conf-cdb sluice-init sluice-log auth-check $(FACES)
OWFAT_PROGRAMS := smtp-send sluice-serve
PLAIN_PROGRAMS := etrn
TLS_PROGRAMS := tls-io
PROGRAMS := $(SKALIBS_PROGRAMS) $(OWFAT_PROGRAMS) $(PLAIN_PROGRAMS) $(TLS_PROGRAMS)

all: $(PROGRAMS:%=$(BIN)/%)

$(BIN)/smtpd-etrn: $(call object,smtpd/smtpd-etrn smtpd/dialogue smtpd/verb smtpd/session smtpd/envelope \
  smtpd/parameters smtpd/receive smtpd/etrn smtpd/starttls smtpd/auth smtpd/atrn flush/names smtpd/policy smtpd/identity smtpd/peer \
  smtpd/clients base/wire base/worker base/wiped auth/ask tls/handover) $(TLS_ASK) $(FLUSH)
$(BIN)/qmgr: $(call object,qmgr/qmgr qmgr/intake qmgr/orders qmgr/delivery qmgr/listed qmgr/arrivals qmgr/outcome \
  qmgr/expiry qmgr/requests qmgr/messages qmgr/lists qmgr/agents qmgr/hops qmgr/job qmgr/active qmgr/sender qmgr/notices \
  qmgr/totals qmgr/reversals qmgr/clock qmgr/core qmgr/settings qmgr/named queue/sitefile base/service) $(SCHED) $(FLUSH)
$(BIN)/bounce-put: $(call object,bounce/bounce-put bounce/original bounce/routing \
  bounce/compose bounce/notice bounce/explanation bounce/report bounce/returned bounce/lines \
  bounce/quoted bounce/fields queue/sitefile queue/ids base/worker base/wiped) $(FLUSH)
$(BIN)/qmgr-trigger: $(call object,flush/qmgr-trigger) $(FLUSH)
$(BIN)/flush-record: $(call object,flush/flush-record) $(FLUSH)
$(BIN)/flush-run: $(call object,flush/flush-run flush/watch flush/names queue/sitefile) $(FLUSH)
$(BIN)/flush-rebuild: $(call object,flush/flush-rebuild flush/idlists flush/unlisted) $(FLUSH)
$(BIN)/queue-put: $(call object,queue/queue-put) $(FLUSH)
$(BIN)/queue-list: $(call object,list/queue-list list/listing list/listing-text list/listing-json \
  list/delay list/filter queue/ids print/out queue/sitefile) $(SCHED) $(FLUSH)
$(BIN)/queue-cat: $(call object,list/queue-cat list/history queue/ids) $(QUEUE)
$(BIN)/queue-shape: $(call object,list/queue-shape list/shape-table list/shape-metrics list/ages \
  print/out queue/sitefile tls/inspect tls/certificate) $(FLUSH)
$(BIN)/site-list: $(call object,list/site-list list/sites print/out queue/sitefile flush/names) \
  $(FLUSH)
$(BIN)/queue-check: $(call object,check/queue-check check/findings check/check-layout \
  check/check-messages check/check-lists check/layout print/out flush/idlists flush/unlisted flush/names queue/sitefile) $(FLUSH)
$(BIN)/queue-del: $(call object,act/queue-del act/selection) $(ACT)
$(BIN)/queue-hold: $(call object,act/queue-hold act/selection) $(ACT)
$(BIN)/queue-release: $(call object,act/queue-release act/selection) $(ACT)
$(BIN)/queue-requeue: $(call object,act/queue-requeue act/selection) $(ACT)
$(BIN)/sendmail: $(call object,compat/sendmail compat/letter compat/spool compat/complete compat/recipients compat/user \
  compat/submit compat/proxy) $(FACE)
$(BIN)/mailq: $(call object,compat/mailq) $(FACE)
$(BIN)/postqueue: $(call object,compat/postqueue) $(FACE)
$(BIN)/postcat: $(call object,compat/postcat) $(QUEUE)
$(BIN)/postsuper: $(call object,compat/postsuper compat/executable) $(ACT)
$(BIN)/conf-check: $(call object,conf/conf-check conf/checker conf/checker-sense conf/checker-listen conf/checker-tls conf/checker-users \
  base/resolver tls/inspect tls/certificate) $(CONF)
$(BIN)/conf-cdb: $(call object,conf/conf-cdb) $(CONF)
$(BIN)/sluice-init: $(call object,admin/sluice-init admin/maker admin/service admin/users \
  admin/renew check/findings check/check-layout check/layout print/out) $(FLUSH)
$(BIN)/sluice-log: $(call object,log/sluice-log) $(LOGS) $(START)
$(BIN)/auth-check: $(call object,auth/auth-check auth/checkpassword auth/ask smtp/hmac) $(CONF)
$(BIN)/smtp-send: $(call object,send/smtp-send base/worker base/wiped) $(SEND)
$(BIN)/sluice-serve: $(call object,serve/sluice-serve serve/listener serve/client serve/pool base/service) $(BASE)
$(BIN)/tls-io: $(call object,tls/tls-io tls/session tls/pump tls/handshake tls/context tls/verify tls/certificate \
  tls/reason tls/confine base/calls base/service job/socket) $(TLS_ASK) $(BASE)
$(BIN)/etrn: $(call object,send/etrn send/accountfile send/demand send/destination send/engine send/timed tls/handover base/wire) \
  $(TLS_ASK) $(SASL) $(JOB) $(BASE)

# -----------------------------------------------------------------------------------

$(SPAWNED:%=$(BIN)/%): LINKED := $(or $(STATIC),$(PIE))
$(WORKERS:%=$(BIN)/%): LINKED += -Wl,--wrap=free,--wrap=realloc
$(SKALIBS_PROGRAMS:%=$(BIN)/%): LIBRARIES := $(SKALIBS) $(NAMES)
$(OWFAT_PROGRAMS:%=$(BIN)/%): LIBRARIES := $(OWFAT)
$(PLAIN_PROGRAMS:%=$(BIN)/%): LIBRARIES := $(DIGESTS)
$(TLS_PROGRAMS:%=$(BIN)/%): LIBRARIES := $(TLS)
$(BIN)/auth-check: LIBRARIES += $(DIGESTS)
# They look at certificates, and have no connection.
$(BIN)/conf-check $(BIN)/queue-shape: LIBRARIES += -lcrypto

$(PROGRAMS:%=$(BIN)/%):
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(LIBRARIES) $(LDLIBS)

$(O)/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/src/*/*.d $(O)/tests/*/*.d)

# --- packages, tests, demo ----------------------------------------------------------

deps:
	@tests/packages $(PACKAGES)

deps-demo: deps
	@tests/packages $(PACKAGES_DEMO)

deps-bench: deps
	@tests/packages $(PACKAGES_BENCH)

deps-check: deps
	@tests/packages $(PACKAGES_CHECK)

UNIT := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
# Those that take long come first: two run at a time.
TESTS_LONG := $(patsubst %,tests/%.sh,qmgr crash smtp-send smtpd-etrn)
TESTS ?= $(TESTS_LONG) $(filter-out tests/lib.sh $(TESTS_LONG),$(wildcard tests/*.sh))

# Unit tests of src/send are send-NAME.c: no program has both libraries.
UNIT_SEND := $(filter $(O)/tests/unit/send-%,$(UNIT))
SINK := $(O)/tests/sink/smtp-sink

# Those of src/sched are sched-NAME.c: it needs neither of them.
UNIT_SCHED := $(filter $(O)/tests/unit/sched-%,$(UNIT))

$(filter-out $(UNIT_SEND) $(UNIT_SCHED),$(UNIT)): $(O)/%: $(O)/%.o $(FLUSH)
	$(LINK) -o $@ $^ $(SKALIBS) $(NAMES)

$(O)/tests/unit/wire: $(call object,base/wire)
$(O)/tests/unit/clients: $(call object,smtpd/clients smtpd/peer)
$(O)/tests/unit/identity: $(call object,smtpd/identity)
$(O)/tests/unit/auth: $(call object,auth/ask smtp/hmac)
$(O)/tests/unit/auth-verb: $(call object,smtpd/auth smtpd/session smtpd/policy smtpd/identity smtpd/peer smtpd/clients \
  base/wire auth/ask)
$(O)/tests/unit/sasl: $(SASL)
$(O)/tests/unit/auth $(O)/tests/unit/sasl: NAMES += $(DIGESTS)
$(patsubst %,$(O)/tests/unit/%,backoff health timer cuts quota): $(SCHED)
$(O)/tests/unit/quota: $(call object,qmgr/sender)
$(O)/tests/unit/fields: $(call object,bounce/fields)
$(O)/tests/unit/quoted: $(call object,bounce/quoted)
$(O)/tests/unit/log: $(LOGS)
$(O)/tests/unit/filter: $(call object,list/filter)
$(O)/tests/unit/tls-ask: $(TLS_ASK)
$(O)/tests/unit/delay: $(call object,list/delay queue/sitefile) $(SCHED)

# Those of qmgr's modules are qmgr-NAME.c, each with what it stands on alone.
QMGR_CORE := $(call object,qmgr/core qmgr/settings) $(SCHED)
QMGR_HOPS := $(call object,qmgr/hops qmgr/named queue/sitefile) $(QMGR_CORE)
QMGR_AGENTS := $(call object,qmgr/agents qmgr/job) $(QMGR_HOPS)
QMGR_LISTS := $(call object,qmgr/lists) $(QMGR_AGENTS)
QMGR_DELIVERY := $(call object,qmgr/delivery qmgr/active qmgr/clock qmgr/messages qmgr/notices qmgr/sender) $(QMGR_LISTS)
QMGR_REQUESTS := $(call object,qmgr/requests) $(QMGR_DELIVERY)
QMGR_EXPIRY := $(call object,qmgr/expiry qmgr/totals) $(QMGR_DELIVERY)
$(O)/tests/unit/qmgr-active: $(call object,qmgr/active qmgr/named)
$(O)/tests/unit/qmgr-job: $(call object,qmgr/job) $(QMGR_CORE)
$(O)/tests/unit/qmgr-core: $(QMGR_CORE)
$(O)/tests/unit/qmgr-clock: $(call object,qmgr/clock) $(QMGR_CORE)
$(O)/tests/unit/qmgr-notices: $(call object,qmgr/notices) $(QMGR_CORE)
$(O)/tests/unit/qmgr-hops: $(QMGR_HOPS)
$(O)/tests/unit/qmgr-agents: $(QMGR_AGENTS)
$(O)/tests/unit/qmgr-lists: $(QMGR_LISTS)
$(O)/tests/unit/qmgr-requests: $(QMGR_REQUESTS)
$(O)/tests/unit/qmgr-outcome: $(call object,qmgr/outcome qmgr/totals) $(QMGR_REQUESTS)
$(O)/tests/unit/qmgr-expiry: $(QMGR_EXPIRY)
$(O)/tests/unit/qmgr-orders: $(call object,qmgr/orders qmgr/listed qmgr/outcome qmgr/requests qmgr/reversals) \
  $(QMGR_EXPIRY)
$(O)/tests/unit/qmgr-reversals: $(call object,qmgr/orders qmgr/listed qmgr/outcome qmgr/requests qmgr/reversals) \
  $(QMGR_EXPIRY)
$(O)/tests/unit/qmgr-intake: $(call object,qmgr/intake qmgr/arrivals qmgr/listed qmgr/requests) \
  $(QMGR_EXPIRY)
$(O)/tests/unit/qmgr-messages: $(call object,qmgr/messages) $(QMGR_LISTS)

$(UNIT_SEND): $(O)/%: $(O)/%.o $(SEND)
	$(LINK) -o $@ $^ $(OWFAT)

$(SINK): %: %.o
	$(LINK) -o $@ $^

# The scheduler alone, in worlds made from seeds.
SIM := $(O)/tests/sim/sim
SIM_SCALE := $(O)/tests/sim/scale
$(SIM): $(filter-out %/scale.o,$(patsubst %.c,$(O)/%.o,$(wildcard tests/sim/*.c))) $(SCHED)
	$(LINK) -o $@ $^

$(SIM_SCALE): %: %.o $(SCHED)
	$(LINK) -o $@ $^

$(UNIT_SCHED): $(O)/%: $(O)/%.o $(SCHED)
	$(LINK) -o $@ $^

# SEED=n SEEDS=n: so many, from this one on.  What fails is told of with the shortest list of events that was found.
SEED ?= 1
SEEDS ?= 3000
sim: $(SIM)
	@$(SIM) -s $(SEED) -n $(SEEDS)

sim-scale: $(SIM_SCALE)
	@$(SIM_SCALE)

# Are faults in the scheduler found?
sim-faults:
	@tests/sim/faults

# One that can be given another clock than the machine's: no static program can, nor one that may not open the file which
# says what time it is.
CLOCKED := $(O)/tests/clock/smtp-send
$(CLOCKED): $(call object,send/smtp-send base/worker) $(filter-out %/confine.o,$(SEND)) $(O)/tests/clock/unconfined.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(OWFAT)

# One that somebody else's code can be loaded into, and that code.
TAKEOVER := $(O)/tests/takeover/smtp-send $(O)/tests/takeover/takeover.so
$(O)/tests/takeover/smtp-send: $(call object,send/smtp-send base/worker) $(SEND)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(OWFAT)

$(O)/tests/takeover/takeover.so: tests/takeover/takeover.c
	@mkdir -p $(@D)
	$(CC) -std=gnu99 $(DEFINED) $(WARN) -O1 -g -shared -fPIC -o $@ $<

# TESTS="tests/etrn.sh ..." runs these alone.
check: deps-check all $(UNIT) $(SIM) $(SINK) $(CLOCKED) $(TAKEOVER)
	@BIN=$(BIN) tests/run $(TESTS) $(UNIT) $(SIM)

check-asan:
	@$(MAKE) --no-print-directory SANITIZE=address,undefined check

# The programs that do one thing and end, each run of theirs under valgrind.
VALGRIND := $(filter-out qmgr tls-io $(SPAWNED) $(filter-out postsuper,$(FACES)),$(PROGRAMS))
check-valgrind: deps-check all
	@VALGRIND="$(VALGRIND)" BIN=$(BIN) tests/run $(wildcard $(VALGRIND:%=tests/%.sh)) tests/etrn-client.sh

# The parsers of what peers send, under libFuzzer, FUZZ_SECONDS each; what it finds lies in build/fuzz.  What it once
# found is tried first: tests/fuzz/found.
FUZZ := $(patsubst tests/%.c,build/%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS ?= 20

$(FUZZ): build/%: tests/%.c $(patsubst $(O)/%.o,%.c,$(SMTP) $(JOB)) | $(FIRST)
	@mkdir -p $(@D)
	clang -std=c99 $(DEFINED) $(WARN) -O1 -g -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=all -o $@ $(filter %.c,$^) $(FUZZ_LIBRARIES)

build/fuzz/fields: src/bounce/fields.c
build/fuzz/ask: src/tls/ask.c
build/fuzz/sasl: $(patsubst $(O)/%.o,%.c,$(SASL))
build/fuzz/sasl: FUZZ_LIBRARIES := $(DIGESTS)
build/fuzz/policy: src/send/policy.c src/send/timed.c src/base/text.c src/base/wallclock.c

fuzz: $(FUZZ)
	@for f in $(FUZZ); do echo "$$f"; mkdir -p $$f.corpus; $$f -dict=tests/fuzz/words -max_len=5000 -max_total_time=$(FUZZ_SECONDS) \
	  -artifact_prefix=$$f- $$f.corpus $$(find tests/fuzz/found -name $${f##*/}) >$$f.log 2>&1 && tail -n 1 $$f.log || \
	  { cat $$f.log; exit 1; }; done

demo: deps-demo all
	@BIN=$(BIN) tests/demo

# Speed and scale beside Postfix, into build/bench; root alone.  QUICK=1: in under five minutes instead of forty.
# ROWS="accept calls ..." measures these alone.
BENCH := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
$(BENCH): %: %.o
	$(LINK) -o $@ $^ $(LIBRARIES)
$(O)/tests/bench/load $(O)/tests/bench/sink: LIBRARIES := $(TLS)

bench: deps-bench all $(BENCH)
	@BIN=$(BIN) TOOLS=$(O)/tests/bench tests/bench/bench $(if $(QUICK),-q) $(ROWS)

.PHONY: deps deps-demo deps-bench deps-check check check-asan check-valgrind fuzz demo bench sim sim-scale sim-faults

# --- installing, users, lint, run ------------------------------------------------------

BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
SHAREDIR = $(DESTDIR)$(PREFIX)/share/sluice
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/sluice
FACEDIR = $(DESTDIR)$(PREFIX)/lib/sluice
SBINDIR = $(DESTDIR)$(PREFIX)/sbin
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
# bash reads, from here, the file that is named after a program
COMPDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

PAGES := $(wildcard src/*.7 src/*/*.[158])
FACE_PAGES := $(filter src/compat/%,$(PAGES))
OWN_PAGES := $(filter-out $(FACE_PAGES),$(PAGES))
OWN_PROGRAMS := $(filter-out $(FACES),$(PROGRAMS))
RUNS := $(wildcard service/*/run service/*/log/run service/each/*/run)
UNITS := $(wildcard service/systemd/*.service service/systemd/*.socket)

# Installing for this machine and not into a package, root gets the users as well.
install: all $(if $(DESTDIR),,$(if $(filter 0,$(shell id -u)),users))
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8 $(SHAREDIR) $(DOCDIR)/conf $(UNITDIR) $(COMPDIR)
	install $(OWN_PROGRAMS:%=$(BIN)/%) $(BINDIR)
	for p in $(OWN_PAGES); do install -m 644 "$$p" $(MANDIR)/man"$${p##*.}" || exit; done
	install -d $(FACEDIR)
	install $(FACES:%=$(BIN)/%) $(FACEDIR)
	ln -sf sendmail $(FACEDIR)/newaliases
	for p in $(FACE_PAGES); do install -m 644 -D "$$p" $(SHAREDIR)/man/man"$${p##*.}"/"$${p##*/}" || exit; done
	for r in $(RUNS); do install -D "$$r" $(SHAREDIR)/"$$r" || exit; done
	for f in $(wildcard service/*/notification-fd service/*/down); do install -m 644 -D $$f $(SHAREDIR)/$$f || exit; done
	install -m 644 $(wildcard conf/*) $(DOCDIR)/conf
	for d in README INSTALL NEWS LICENSE; do [ ! -e $$d ] || install -m 644 $$d $(DOCDIR) || exit; done
	for u in $(UNITS); do sed 's|/usr/local/|$(PREFIX)/|g; s|/var/lib/sluice|$(SLUICE_DIR)|' "$$u" >$(UNITDIR)/"$${u##*/}" || exit; done
	sed 's|/var/lib/sluice|$(SLUICE_DIR)|' src/completion.bash >$(SHAREDIR)/completion.bash
	for p in $(OWN_PROGRAMS); do ln -sf ../../sluice/completion.bash $(COMPDIR)/$$p || exit; done

# The faces and their pages to where another mail system's would be; below the same prefix, in its place.
install-compat:
	install -d $(SBINDIR) $(BINDIR) $(COMPDIR)
	for p in $(filter-out mailq,$(FACES)); do ln -sf ../lib/sluice/$$p $(SBINDIR)/$$p || exit; done
	for p in $(FACES); do ln -sf ../../sluice/completion.bash $(COMPDIR)/$$p || exit; done
	for p in mailq newaliases; do ln -sf ../lib/sluice/$$p $(BINDIR)/$$p || exit; done
	for p in $(FACE_PAGES); do s=man"$${p##*.}"; p="$${p##*/}"; install -d $(MANDIR)/$$s; \
	  ln -sf ../../sluice/man/$$s/"$$p" $(MANDIR)/$$s/"$$p" || exit; done

uninstall-compat:
	for p in $(FACES); do \
	  [ "$$(readlink $(COMPDIR)/$$p)" != ../../sluice/completion.bash ] || rm -f $(COMPDIR)/$$p || exit; done
	for p in $(FACES) newaliases; do for d in $(SBINDIR) $(BINDIR); do \
	  [ "$$(readlink $$d/$$p)" != ../lib/sluice/$$p ] || rm -f $$d/$$p || exit; done; done
	for p in $(FACE_PAGES); do s=man"$${p##*.}"; p="$${p##*/}"; \
	  [ "$$(readlink $(MANDIR)/$$s/"$$p")" != ../../sluice/man/$$s/"$$p" ] || rm -f $(MANDIR)/$$s/"$$p" || exit; done

uninstall: uninstall-compat
	rm -f $(OWN_PROGRAMS:%=$(BINDIR)/%) $(OWN_PROGRAMS:%=$(COMPDIR)/%) $(patsubst service/systemd/%,$(UNITDIR)/%,$(UNITS))
	for p in $(OWN_PAGES); do rm -f $(MANDIR)/man"$${p##*.}"/"$${p##*/}"; done
	rm -rf $(SHAREDIR) $(DOCDIR) $(FACEDIR)

# What "sluice-init -U" wants: a group of those who may add to the queue, one of those who have it, and a user for each
# program.  Users of an earlier version had the first group in the place of the second.
users:
	for g in sluice sluice-q; do getent group $$g >/dev/null || groupadd --system $$g || exit; done
	getent passwd sluice-in >/dev/null || useradd --system --no-create-home -d / -s /usr/sbin/nologin -g sluice sluice-in
	getent passwd sluice-q >/dev/null || \
	  useradd --system --no-create-home -d / -s /usr/sbin/nologin -g sluice-q -G sluice sluice-q
	[ "$$(id -gn sluice-q)" = sluice-q ] || usermod -g sluice-q -a -G sluice sluice-q
	getent passwd sluice-tls >/dev/null || \
	  useradd --system --no-create-home -d / -s /usr/sbin/nologin -U -G sluice sluice-tls
	for u in sluice-out sluice-auth sluice-log; do \
	  getent passwd $$u >/dev/null || useradd --system --no-create-home -d / -s /usr/sbin/nologin -U $$u || exit; done

SHELLS = $(RUNS) $(wildcard tests/*.sh tests/run tests/demo tests/packages) \
  $(shell grep -l '^\#!/bin/sh' $(wildcard tests/peer/*) /dev/null)

# SC3045: no standard gives ulimit and read their options, every sh does.
lint:
	@tests/packages shellcheck mandoc cppcheck
	shellcheck -s sh -S warning -e SC3045 $(SHELLS)
	shellcheck -S warning .ci/run src/completion.bash
	mandoc -T lint -W warning $(PAGES)
	cppcheck -q --error-exitcode=1 --std=c99 --enable=warning,portability --inline-suppr \
	  --suppress=missingIncludeSystem -Isrc -D_GNU_SOURCE -DSLUICE_DIR='""' -DSLUICE_VERSION='""' src

# An instance of one's own, in the foreground; Ctrl-C ends it.
RUN ?= build/run
run: all
	@[ -d $(RUN)/service ] || bin/sluice-init $(RUN)
	@echo "instance $(RUN), listening at $$(bin/conf-check -C $(RUN) -v listen)"
	@exec s6-svscan $(RUN)/service

.PHONY: install install-compat uninstall uninstall-compat users lint run

# -----------------------------------------------------------------------------------

clean:
	rm -rf build bin

.PHONY: all clean
.DELETE_ON_ERROR:
