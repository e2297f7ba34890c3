# auth-check: its answers by secrets and by programs that check passwords, and that no password gets anywhere.
. tests/lib.sh

setUp() {
  I=$T/one$((made = ${made-0} + 1))
  "$BIN/sluice-init" "$I"
}

# asks QUESTION: in the form of printf; "\000" ends a piece.  The answer goes to $T/out.
asks() {
  # shellcheck disable=SC2059 # it is a format
  printf "$1" | "$BIN/auth-check" -C "$I" >"$T/out" 2>"$T/err"
}
out() { cat "$T/out"; }
err() { cat "$T/err"; }

# answers ANSWER QUESTION
answers() {
  asks "$2"
  answers_code=$?
  assertEquals "$2: $(err)" "$1" "$(out)"
  case $1 in yes | no) assertEquals "$2: exit code" 0 "$answers_code" ;; *) assertEquals "$2: exit code" 111 "$answers_code" ;; esac
}

# digest SECRET CHALLENGE
digest() { printf '%s' "$2" | openssl dgst -md5 -hmac "$1" | sed 's/.*= //'; }

# --- secrets ------------------------------------------------------------------------

testPlain() {
  conf authsecrets 'joe S3cret' 'ann x'
  answers yes 'plain joe\000S3cret\000'
  answers yes 'plain ann\000x\000192.0.2.1\000192.0.2.25\000'
  for question in 'joe\000s3cret' 'joe\000S3cre' 'joe\000S3cret ' 'joe\000x' 'Joe\000S3cret' 'jo\000S3cret' 'bob\000S3cret' \
    'bob\000' 'joe\000' '\000S3cret' '\000'; do
    answers no "plain $question\000"
  done
  assertNull 'nothing is said of it' "$(err)"
}

testCram() {
  conf authsecrets 'joe S3cret' 'ann x'
  right=$(digest S3cret '<1.2@me.example>')
  answers yes "cram joe\000$right\000<1.2@me.example>\000"
  answers no "cram joe\000$right\000<1.3@me.example>\000"
  answers no "cram ann\000$right\000<1.2@me.example>\000"
  answers no "cram bob\000$(digest '' '<1.2@me.example>')\000<1.2@me.example>\000"
  answers no 'cram joe\000S3cret\000<1.2@me.example>\000'
}

testNonsense() {
  conf authsecrets 'joe S3cret'
  for question in '' plain 'plain joe\000S3cret' 'plain joe\000S3cret\000x\000' 'cram joe\000x\000' 'PLAIN joe\000S3cret\000'; do
    answers 'later a request that makes no sense' "$question"
  done
}

# What does not end is not read to its end.
testTooLong() {
  conf authsecrets 'joe S3cret'
  yes plain | "$BIN/auth-check" -C "$I" >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 100 $?
  assertEquals 'auth-check: fatal: too long a request' "$(err)"
  assertNull 'no answer' "$(out)"
}

testBrokenSecrets() {
  conf authsecrets 'joe S3cret' 'ann hidden word'
  answers 'later conf/authsecrets: line 2: not USER SECRET' 'plain joe\000S3cret\000'
  assertEquals 'auth-check: warning: conf/authsecrets: line 2: not USER SECRET' "$(err)"
  conf authsecrets 'joe S3cret' 'joe hidden'
  answers 'later conf/authsecrets: line 2: a second secret: joe' 'plain joe\000S3cret\000'
  rm "$I/conf/authsecrets"
  ln -s nowhere "$I/conf/authsecrets"
  answers 'later conf/authsecrets: No such file or directory' 'plain joe\000S3cret\000'
}

testNeither() {
  answers 'later neither conf/authsecrets nor conf/checkpassword' 'plain joe\000S3cret\000'
  answers 'later no conf/authsecrets' 'cram joe\000x\000y\000'
}

# --- programs that check passwords ----------------------------------------------------

# program LINE...: a checkpassword of these lines of the shell.
program() {
  { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$T/program"
  chmod 755 "$T/program"
  conf checkpassword "$T/program"
}

testExitCodes() {
  program 'exit 0'
  answers yes 'plain joe\000x\000'
  for code in 1 3 100; do
    program "exit $code"
    answers no 'plain joe\000x\000'
  done
  for code in 2 4 99 101 111 126 255; do
    program "exit $code"
    answers "later checkpassword exited $code" 'plain joe\000x\000'
    assertEquals "auth-check: warning: checkpassword exited $code" "$(err)"
  done
  conf checkpassword "exec $T/program"
  program 'kill -9 $$'
  conf checkpassword "exec $T/program"
  answers 'later checkpassword was killed by signal 9' 'plain joe\000x\000'
  conf checkpassword "$T/nowhere"
  answers 'later checkpassword exited 127' 'plain joe\000x\000'
}

# It is ended, and what it has started with it.
testHangs() {
  program "sleep 1000 & echo \$! >$T/child" 'echo $$ >'"$T/parent" 'wait'
  answers 'later checkpassword did not end within 10 s' 'plain joe\000x\000'
  assertTrue 'it is gone' "wait_for 10 gone $(cat "$T/parent")"
  assertTrue 'and its child' "wait_for 10 gone $(cat "$T/child")"
}

# What it is given, and that none of it is where others may see it.
testInterface() {
  program "tr '\\0' '|' <&3 >$T/read" "tr '\\0' '|' </proc/\$\$/cmdline >$T/arguments" "env >$T/environment" \
    "ls -l /proc/\$\$/fd | sed -n 's/.* \\([0-9]* -> .*\\)/\\1/p' >$T/descriptors" "echo no; echo lines >&2" 'exec "$@"'
  answers yes 'plain joe\000p\303\244ss w0rd\000192.0.2.1\0002001:db8::1\000'
  assertTrue "$(cat "$T/read")" "grep -Eq '^joe\\|päss w0rd\\|Y[0-9]+\\|\$' $T/read"
  assertEquals "|$T/program|true|" "|$(cut -d '|' -f 2- "$T/arguments")"
  assertEquals 'PROTO=TCP TCPLOCALIP=2001:db8::1 TCPREMOTEIP=192.0.2.1' "$(grep -E '^(PROTO|TCP)' "$T/environment" | sort | xargs)"
  assertEquals 'not in the environment' '' "$(grep w0rd "$T/environment")"
  assertContains "$(cat "$T/descriptors")" '0 -> /dev/null'
  assertContains "$(cat "$T/descriptors")" '1 -> /dev/null'
  assertEquals 'the log' lines "$(err)"
  TCPREMOTEIP=198.51.100.1
  export TCPREMOTEIP
  answers yes 'plain joe\000x\000'
  unset TCPREMOTEIP
  assertEquals 'no address' 'PROTO=TCP' "$(grep -E '^(PROTO|TCP)' "$T/environment" | sort | xargs)"
  answers yes 'plain joe\000x\000$(id)\000::g\000'
  assertEquals 'none' 'PROTO=TCP' "$(grep -E '^(PROTO|TCP)' "$T/environment" | sort | xargs)"
}

# 512 octets are what it can read: with more it is not asked.
testLongest() {
  program "wc -c <&3 >$T/octets"
  fits=$(printf '%0*d' $((512 - 3 - 3 - 11)) 1)
  answers yes "plain joe\000$fits\000"
  assertEquals 'all of them' 512 "$(cat "$T/octets")"
  rm "$T/octets"
  answers no "plain joe\0001$fits\000"
  assertFalse 'not asked' "[ -e $T/octets ]"
}

# A user or password of nothing is no question for it.
testEmpty() {
  program "touch $T/asked"
  answers no 'plain joe\000\000'
  answers no 'plain \000x\000'
  assertFalse 'not asked' "[ -e $T/asked ]"
}

# One that exists.
testCvm() {
  printf 'joe:%s:%s:%s::/tmp:\n' "$(openssl passwd -6 s3cret)" "$(id -u)" "$(id -g)" >"$T/passwords"
  conf checkpassword "env CVM_PWFILE_PATH=$T/passwords CVM_PWFILE_PWCMP=crypt CVM_ACCOUNT_SPLIT_CHARS= cvm-checkpassword cvm-pwfile"
  answers yes 'plain joe\000s3cret\000'
  answers no 'plain joe\000S3cret\000'
  answers no 'plain ann\000s3cret\000'
  answers no 'plain joe@example\000s3cret\000'
  rm "$T/passwords"
  asks 'plain joe\000s3cret\000'
  assertContains "$(out)" 'later checkpassword exited '
}

testSecretsGoFirst() {
  program "touch $T/asked.both"
  conf authsecrets 'joe S3cret'
  answers yes 'plain joe\000S3cret\000'
  answers no 'plain joe\000x\000'
  assertFalse 'not asked' "[ -e $T/asked.both ]"
}

# Neither a debugger of the same user's, nor a file of a crash, gets to see what it holds.
testNotDumpable() {
  as=
  if [ "$(id -u)" = 0 ]; then
    as='setpriv --reuid nobody --regid nogroup --clear-groups'
    $as test -x "$BIN/auth-check" || { skip 'programs are where others cannot run them'; return; }
  fi
  conf authsecrets 'joe S3cret'
  [ -z "$as" ] || chown -R nobody "$I"
  mkfifo "$T/question"
  $as "$BIN/auth-check" -C "$I" <"$T/question" >"$T/out" 2>"$T/err" &
  pid=$!
  exec 7>"$T/question"
  assertTrue "its memory is not its user's" "wait_for 10 hidden $pid"
  printf 'plain joe\000S3cret\000' >&7
  exec 7>&-
  wait $pid
  assertEquals yes "$(out)"
}
hidden() { [ "$(cat "/proc/$1/comm") $(stat -c %u "/proc/$1/mem")" = 'auth-check 0' ]; }

testUsage() {
  for arguments in -x x '-C'; do
    # shellcheck disable=SC2086 # several
    "$BIN/auth-check" $arguments </dev/null >"$T/out" 2>"$T/err"
    assertEquals "$arguments: exit code" 100 $?
    assertContains "$(err)" 'usage: auth-check [-C dir]'
  done
  "$BIN/auth-check" -C "$T/nowhere" </dev/null 2>"$T/err"
  assertEquals 'no instance' 111 $?
  assertContains "$(err)" "$T/nowhere"
}

. shunit2
