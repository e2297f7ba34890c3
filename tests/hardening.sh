# How the programs are built: what their files say of it, and that no flag of a packager's takes it away.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/programs.sh
. tests/peer/programs.sh

SPAWNED=$(variable SPAWNED)

sanitized() {
  case $BIN in */asan/*) skip 'programs with a sanitizer in them' ;; esac
}

# sound PROGRAM [static]: what it is in the way of.
sound() {
  readelf -hlWd "$1" >"$T/elf" 2>/dev/null || fail "no program: $1"
  assertTrue "$1: at any address" "grep -q 'Type: *DYN' '$T/elf'"
  assertTrue "$1: relro" "grep -q GNU_RELRO '$T/elf'"
  assertTrue "$1: bound at once" "grep -Eq 'FLAGS_1.* NOW' '$T/elf'"
  assertFalse "$1: its stack is not code" "grep -Eq 'GNU_STACK.* RWE' '$T/elf'"
  assertFalse "$1: nothing is both written and run" "grep -Eq 'LOAD .* RWE' '$T/elf'"
  assertFalse "$1: code is not changed" "grep -q TEXTREL '$T/elf'"
  assertFalse "$1: libraries are the system's" "grep -Eq 'RPATH|RUNPATH' '$T/elf'"
  if [ "${2-}" = static ]; then assertFalse "$1: static" "grep -Eq 'INTERP|NEEDED' '$T/elf'"
  else assertTrue "$1: shared" "grep -q INTERP '$T/elf'"; fi
  readelf -Ws "$1" >"$T/symbols"
  assertTrue "$1: stack protector" "grep -q __stack_chk_fail '$T/symbols'"
}

testPrograms() {
  sanitized
  for program in $(variable PROGRAMS); do
    case " $SPAWNED " in
      *" $program "*) sound "$BIN/$program" static ;;
      *) sound "$BIN/$program" ;;
    esac
  done
}

# Calls that are bounded by what the compiler knows of their buffers.
testFortified() {
  sanitized
  for program in smtp-send smtpd-etrn qmgr; do
    assertTrue "$program" "readelf -Ws '$BIN/$program' | grep -Eq '__(memcpy|read|strcpy|snprintf|recv|stpcpy|fprintf|pread)(64)?_chk'"
  done
}

# built ARGUMENT...: make as from a shell, not as part of one that runs; what it said is in $T/made.
built() { env -u MAKEFLAGS -u MAKELEVEL make "$@" >"$T/made" 2>&1 || fail "make $*: $(cat "$T/made")"; }

# As packages are built, by either compiler.
testFlagsOfAPackage() {
  sanitized
  for compiler in gcc clang; do
    for program in smtp-send bounce-put qmgr-trigger; do set -- "$@" "$T/$compiler/bin/$program"; done
    built -s -j2 CC="$compiler" O="$T/$compiler" BIN="$T/$compiler/bin" CFLAGS='-g -O2 -fPIE' LDFLAGS='-Wl,-z,relro -pie' \
      CPPFLAGS='-Wdate-time -D_FORTIFY_SOURCE=2' LDLIBS= "$@"
    shift $#
    sound "$T/$compiler/bin/smtp-send" static
    sound "$T/$compiler/bin/bounce-put" static
    sound "$T/$compiler/bin/qmgr-trigger"
  done
}

# What is said to the compiler, without running it.
testFlagsThatAreKept() {
  built -Bn CFLAGS=-O0 CPPFLAGS=-DX LDFLAGS=-Wl,--as-needed LDLIBS=-lm bin/smtp-send
  for flag in -Isrc -DSLUICE_VERSION= -Wall -Werror -DX -O0 -fstack-protector-strong -ffunction-sections; do
    assertFalse "$flag" "grep ' -c ' '$T/made' | grep -vqF -- '$flag'"
  done
  assertFalse 'no checks without the optimizer' "grep -q FORTIFY '$T/made'"
  assertTrue 'static' "grep -q -- '-z,noexecstack -static-pie -Wl,--wrap=free,--wrap=realloc -o bin/smtp-send' '$T/made'"
  assertTrue 'libraries, and more' "grep -qF -- '-l:libowfat.a -lresolv -lm' '$T/made'"
  built -Bn STATIC= bin/smtp-send
  assertTrue 'shared, when that is wanted' "grep -q -- '-z,noexecstack -pie -Wl,--wrap=free,--wrap=realloc -o bin/smtp-send' '$T/made'"
  built -Bn HARDEN= STATIC=-static PIE= bin/smtp-send
  assertTrue 'where libraries can do no better' "grep -q -- '-z,noexecstack -static -Wl,--wrap=free,--wrap=realloc -o bin/smtp-send' '$T/made'"
}

. shunit2
