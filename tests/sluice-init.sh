# sluice-init: an instance laid out, or nothing.
. tests/lib.sh

init() { "$BIN/sluice-init" "$@" 2>"$T/err"; }
err() { cat "$T/err"; }

testLayout() {
  umask 000
  init -l 127.0.0.1:2600 "$T/a"
  assertEquals "$(err)" 0 $?
  umask 022
  assertEquals 'asked
claim
corrupt
cur
flush
hold
new
notice
site
tmp' "$(find "$T/a/queue" -mindepth 1 -type d -printf '%f\n' | sort)"
  assertEquals 'conf queue run service' "$(find "$T/a" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)"
  assertEquals 'modes' 700 "$(find "$T/a" -type d -printf '%m\n' | sort -u)"
  assertEquals 'for nobody else' '' "$(find "$T/a" -perm /077)"
  assertTrue 'trigger' "[ -p $T/a/queue/trigger ]"
  assertEquals 127.0.0.1:2600 "$(cat "$T/a/conf/listen")"
  assertEquals "$(uname -n)" "$(cat "$T/a/conf/me")"
  assertEquals 'for who wants them' "$T/a/service/odmr/down $T/a/service/smtps/down" "$(find "$T/a" -name down | sort | xargs)"
  for service in smtpd local qmgr send bounce auth tls tlsout smtps odmr; do
    for program in run log/run; do
      assertTrue "$service/$program" "[ -x $T/a/service/$service/$program ]"
      cmp "service/$service/$program" "$T/a/service/$service/$program" || fail "$service/$program is another"
    done
    assertEquals 3 "$(cat "$T/a/service/$service/notification-fd")"
  done
}

# What an earlier version laid out gets the services of this one; what an operator made of those stays.
testRenewedServices() {
  init "$T/old"
  rm -rf "$T/old/service/tls" "$T/old/service/smtps" "$T/old/service/odmr"
  echo mine >"$T/old/service/smtpd/env"
  (cd "$T/old" && find . -type f -exec md5sum {} +) | sort >"$T/before"
  init -u "$T/old" >"$T/out"
  assertEquals "$(err)" 0 $?
  assertContains "$(cat "$T/out")" 'service/tls/run: missing file: mended'
  assertContains "$(cat "$T/out")" 'service/smtps/down: missing file: mended'
  assertContains "$(cat "$T/out")" "service/odmr/down: missing file: mended"
  (cd "$T/old" && find . -type f -exec md5sum {} +) | sort >"$T/after"
  assertNull 'taken away or changed' "$(comm -23 "$T/before" "$T/after")"
  assertNull 'something else' "$(comm -13 "$T/before" "$T/after" | grep -v ' ./service/\(tls\|smtps\|odmr\)/')"
  rm "$T/old/service/smtps/down"
  init -u "$T/old" >"$T/out"
  assertNull 'nothing to do' "$(cat "$T/out")"
  assertFalse 'it runs' "[ -e $T/old/service/smtps/down ]"
}

testDefaultAddress() {
  init "$T/b"
  assertEquals "$(err)" 0 $?
  assertFalse 'no conf/listen' "[ -e $T/b/conf/listen ]"
}

testAddresses() {
  for address in 0:25 :25 '[::]:2525' '[::1]:65535' 192.0.2.1:1; do
    init -l "$address" "$T/ok"
    assertEquals "$address: $(err)" 0 $?
    rm -rf "$T/ok"
  done
  for address in 25 '' localhost:25 127.0.0.1 127.0.0.1:0 127.0.0.1:65536 ::1:25 '[::1]' 127.0.0.1:25x; do
    init -l "$address" "$T/bad"
    assertEquals "$address" 100 $?
    assertContains "$(err)" 'sluice-init: fatal: -l: '
    assertFalse 'nothing made' "[ -e $T/bad ]"
  done
}

testExistingDirectory() {
  mkdir "$T/c"
  echo mine >"$T/c/notes"
  init "$T/c"
  assertEquals "$(err)" 0 $?
  assertEquals mine "$(cat "$T/c/notes")"
  before=$(find "$T/c" | sort)
  init "$T/c"
  assertEquals 'again' 100 $?
  assertContains "$(err)" "sluice-init: fatal: $T/c holds an instance already"
  assertEquals 'as it was' "$before" "$(find "$T/c" | sort)"
}

testAnyPartIsAnInstance() {
  for part in conf queue run service; do
    mkdir -p "$T/part-$part"
    ln -s nowhere "$T/part-$part/$part"
    init "$T/part-$part"
    assertEquals "$part" 100 $?
    assertEquals "$part alone" "$part" "$(ls "$T/part-$part")"
  done
}

testNoPlace() {
  init "$T/no/where"
  assertEquals 'no parent' 111 $?
  assertEquals "sluice-init: fatal: unable to make directory $T/no/where: No such file or directory" "$(err)"
  echo >"$T/file"
  init "$T/file"
  assertEquals 'a file' 100 $?
}

testUsage() {
  for arguments in '' '-x a' 'a b' '-l' '-U' '-u' '-u -U a' '-u -l :25 a'; do
    # shellcheck disable=SC2086 # several
    init $arguments
    assertEquals "$arguments" 100 $?
    assertContains "$(err)" 'sluice-init: usage: sluice-init [-l ADDR:PORT] [-U] DIR | -u DIR'
  done
}

# Whatever goes wrong, nothing is left.
testUndo() {
  for failure in mkdirat:error=EIO:when=5 mkdirat:error=ENOSPC:when=15 fchmod:error=EPERM:when=9 write:error=ENOSPC:when=1 \
    write:error=ENOSPC:when=8; do
    strace -o /dev/null -e "inject=$failure" "$BIN/sluice-init" "$T/undo" 2>"$T/err"
    assertEquals "$failure" 111 $?
    assertContains "$(err)" 'sluice-init: fatal: unable to '
    assertFalse "$failure: left" "[ -e $T/undo ]"
    mkdir "$T/undo"
    strace -o /dev/null -e "inject=$failure" "$BIN/sluice-init" "$T/undo" 2>"$T/err"
    rmdir "$T/undo" || fail "$failure: left in DIR"
  done
}

testInstalled() {
  mkdir -p "$T/prefix/bin" "$T/prefix/share/sluice"
  cp "$BIN/sluice-init" "$T/prefix/bin"
  "$T/prefix/bin/sluice-init" "$T/d" 2>"$T/err"
  assertEquals 'no templates' 100 $?
  assertContains "$(err)" 'no service templates'
  assertFalse 'nothing made' "[ -e $T/d ]"
  cp -r service "$T/prefix/share/sluice"
  "$T/prefix/bin/sluice-init" "$T/d"
  assertEquals 0 $?
  assertContains "$(cat "$T/d/service/smtpd/env")" "PATH='$T/prefix/bin':"
}

# The shell reads the path of the programs: whatever is in it stays one word.
testOddPath() {
  odd="$T/it's \$HOME \"\`"
  mkdir -p "$odd/bin"
  cp "$BIN/sluice-init" "$odd/bin"
  cp -r service "$odd"
  "$odd/bin/sluice-init" "$odd/e" || fail 'exit code'
  # shellcheck disable=SC2016 # for the inner shell
  assertEquals "$odd/bin" "$(env -i sh -c 'cd "$1/service/qmgr" && . ./env && echo "${PATH%%:*}"' sh "$odd/e")"
}

# --- -U -----------------------------------------------------------------------------

testUsersForRoot() {
  if [ "$(id -u)" = 0 ]; then
    mkdir "$T/as-nobody"
    chown nobody "$T/as-nobody"
    setpriv --reuid nobody --clear-groups "$BIN/sluice-init" -U "$T/as-nobody/u" 2>"$T/err"
    status=$?
    case $status in 126 | 127) skip 'programs are where others cannot run them'; return ;; esac
  else
    init -U "$T/u"
    status=$?
  fi
  assertEquals 'exit code' 100 $status
  assertEquals 'sluice-init: fatal: -U is for root' "$(err)"
}

testUsers() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  if ! getent passwd sluice-in >/dev/null; then
    init -U "$T/f"
    assertEquals 'no users' 100 $?
    assertContains "$(err)" 'make users'
    assertFalse 'nothing made' "[ -e $T/f ]"
    skip 'no users of sluice: make users'
    return
  fi
  init -U "$T/f"
  assertEquals "$(err)" 0 $?
  assertEquals '755 root root
2750 root sluice conf
750 sluice-q sluice queue
2770 sluice-q sluice-q queue/cur
3773 sluice-q sluice-q queue/new
662 sluice-q sluice-q queue/trigger
2751 root sluice-q run
755 root root service/smtpd
755 root root service/smtpd/log
2750 sluice-log sluice-log service/smtpd/log/main' "$(for path in '' conf queue queue/cur queue/new queue/trigger run \
    service/smtpd service/smtpd/log service/smtpd/log/main; do
    echo "$(stat -c '%a %U %G' "$T/f/$path") $path" | sed 's/ $//'
  done)"
  assertEquals 'what root runs is root'\''s' '' "$(find "$T/f/service" -not -path '*/main' -not -user root)"
}

. shunit2
