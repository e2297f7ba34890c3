# The queue's disk is full, to the last block or the last inode: what is asked for finds its place, whoever is killed
# then, and is carried out; nothing is lost; new mail is refused as it should be.
# shellcheck disable=SC1091,SC2317
. tests/lib.sh

tearDown() {
  stop
  for SINK in "$T"/*.pid; do
    SINK=${SINK%.pid}
    [ ! -d "$SINK" ] || sink_stop
  done
  unmount
  fail_if_running
}

# --- disks -----------------------------------------------------------------------------------

unmount() {
  [ ! -s "$T/mounted" ] || wait_for 10 umount "$(cat "$T/mounted")" 2>/dev/null || fail 'does not unmount'
  rm -f "$T/mounted" "$T/disk"
}

# loop MKFS...: a file system on a file, at "disk" there.
loop() {
  truncate -s "$1" "$T/disk"
  shift
  "$@" "$T/disk" >"$T/mkfs" 2>&1 && mount -o loop "$T/disk" "$I/queue" 2>"$T/mount"
}

disk() {
  case $1 in
    tmpfs-blocks) mount -t tmpfs -o size=600k,mode=700 none "$I/queue" 2>"$T/mount" ;;
    tmpfs-inodes) mount -t tmpfs -o nr_inodes=120,mode=700 none "$I/queue" 2>"$T/mount" ;;
    ext4-blocks) loop 16M mkfs.ext4 -q -m 0 -b 4096 ;;
    ext4-inodes) loop 16M mkfs.ext4 -q -m 0 -b 4096 -N 128 ;;
    xfs-blocks) loop 320M mkfs.xfs -q ;;
    btrfs-blocks) loop 114M mkfs.btrfs -q --mixed ;;
  esac
}

# mounted KIND: the queue of a new instance, on a disk of its own.  1: where that cannot be done.
mounted() {
  instance "$1-$((made = ${made-0} + 1))"
  conf relaydomains example .example
  conf backoff '1 2'
  cp -a "$I/queue" "$I.queue"
  disk "$1" || {
    skip "no $1: $(cat "$T/mkfs" "$T/mount" 2>/dev/null)"
    return 1
  }
  echo "$I/queue" >"$T/mounted"
  rm -rf "$I/queue/lost+found"
  cp -a "$I.queue/." "$I/queue"
}

full() { ! true >"$I/queue/tmp/probe" 2>/dev/null || ! echo x >"$I/queue/tmp/probe" 2>/dev/null; }

# Whatever is left goes too: in large pieces, in small ones, and in empty files.
use_up() {
  mkdir "$I/queue/ballast"
  true >"$I/queue/ballast/last"
  case $1 in
    *-blocks)
      for piece in 1M 4k 1; do
        dd if=/dev/zero bs=$piece of="$I/queue/ballast/$piece" 2>/dev/null
      done
      n=0
      while echo x >"$I/queue/ballast/$n"; do n=$((n + 1)); done 2>/dev/null
      ;;
    *-inodes)
      n=0
      while true >"$I/queue/ballast/$n"; do n=$((n + 1)); done 2>/dev/null
      ;;
  esac
  assertTrue 'full' full
  rm -f "$I/queue/tmp/probe"
}

# --- carried out ------------------------------------------------------------------------------

one() { submit -t "$1@$2" >"$T/submit" 2>&1; }

qmgr_pid() { s6-svstat -o pid "$I/service/qmgr"; }
qmgr_down() { s6-svc -wd -T 5000 -d "$I/service/qmgr" || fail 'qmgr does not stop'; }
qmgr_up() { s6-svc -wU -T 10000 -u "$I/service/qmgr" || fail 'qmgr does not start'; }
flush() { "$BIN/flush-run" -C "$I" "$@" 2>"$T/flush"; }

# Mail waits for two customers and for one who is not there; the disk is full; both ask, one twice.
fills() {
  sink "$1-a"
  a=$SINK
  routes="a.example [127.0.0.1]:$SINKPORT park"
  sink "$1-b" --rcpt 'later@b.example=450 4.2.1 not now'
  b=$SINK
  conf routes "$routes" "b.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:1"
  start
  one later b.example
  hold a.example 40
  submit -t "%d@b.example" -n 20 >"$T/submit" || fail "submit: $(cat "$T/submit")"
  wait_for 30 waits b.example 21 || fail "$(waiting b.example) wait for b.example"
  hold c.example 3
  use_up "$1"
}

sent_to() { [ "$(SINK=$1 sink_for "$2")" -ge "$3" ]; }

# Asked while no qmgr is there, as if it were killed before it could do anything; the next one is killed at once, too.
asks() {
  qmgr_down
  assertEquals '250 OK, queuing for node a.example started' "$(etrn a.example)"
  assertEquals '250 OK, queuing for node a.example started' "$(etrn a.example)"
  flush b.example c.example
  assertEquals "flush-run: $(cat "$T/flush")" 0 $?
  assertTrue 'still full' full
  one new a.example
  assertContains "$(cat "$T/submit")" ' 45'
  s6-svc -u "$I/service/qmgr"
  wait_for 10 qmgr_runs || fail 'qmgr does not start'
  kill -9 "$(qmgr_pid)" || fail 'qmgr is not there'
  s6-svwait -U -t 10000 "$I/service/qmgr" || fail 'qmgr does not start again'
}
qmgr_runs() { [ "$(qmgr_pid)" != -1 ]; }

nothing_asked() { [ -z "$(ls "$I/queue/asked")" ] && ! grep -q . "$I/queue/reserve"; }

arrives() {
  assertTrue "a: $(SINK=$a sink_for a.example) of 40" "wait_for 60 sent_to $a a.example 40"
  assertTrue "b: $(SINK=$b sink_for b.example) of 20" "wait_for 60 sent_to $b b.example 20"
  assertTrue "carried out: $(ls "$I/queue/asked"; grep . "$I/queue/reserve")" 'wait_for 30 nothing_asked'
  rm -rf "$I/queue/ballast"
  assertTrue "$(queued) left of 4" 'wait_for 10 left 4'
  sort -u "$I/queue/flush/c.example" "$I/queue/flush/b.example" >"$T/waiting"
  assertEquals 'they wait in their lists' 4 "$(find "$I/queue/cur" -type f -printf '%f\n' | sort - "$T/waiting" | uniq -d | grep -c .)"
  assertEquals 'a, each once' 40 "$(SINK=$a sink_for a.example)"
  assertEquals 'b, each once' 20 "$(SINK=$b sink_for b.example)"
}
left() { [ "$(queued)" = "$1" ]; }

on() {
  mounted "$1" || return 0
  fills "$1"
  asks
  arrives
}

# The last inode goes to a message that can be taken and not be recorded: its domain has no list yet.  It goes with
# the next flush all the same, and keeps nobody else's from being carried out.
stuck() {
  mounted "$1" || return 0
  conf minfree 0 # else such a message is not taken
  sink stuck
  conf routes "* [127.0.0.1]:$SINKPORT park"
  start
  hold a.example 10
  use_up "$1"
  rm "$I/queue/ballast/last"
  one x b.example
  assertEquals "taken: $(cat "$T/submit")" 0 $?
  assertTrue 'full' full
  assertTrue 'complained of' "wait_for 10 logged qmgr 'unable to record'"
  flush a.example
  assertTrue "a: $(sink_for a.example) of 10" 'wait_for 30 sink_has_for a.example 10'
  assertTrue 'carried out' 'wait_for 10 nothing_asked'
}

testStuckInNew() {
  stuck tmpfs-inodes
  assertEquals 'b waits' 0 "$(sink_for b.example)"
}

testTmpfsBlocks() { on tmpfs-blocks; }
testTmpfsInodes() { on tmpfs-inodes; }
testExt4Blocks() { on ext4-blocks; }
testExt4Inodes() { on ext4-inodes; }
testXfsBlocks() { on xfs-blocks; }

# Where nothing can be renamed either, the requests keep until there is room.
testBtrfs() {
  mounted btrfs-blocks || return 0
  fills btrfs-blocks
  asks
  rm -r "$I/queue/ballast"
  arrives
}

. shunit2
