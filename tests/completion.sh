# completion.bash: what is offered, in bash itself and at a terminal.
# shellcheck disable=SC2154 # programs and pages are of programs.sh
. tests/lib.sh
# shellcheck source=tests/peer/programs.sh
. tests/peer/programs.sh

# An instance with messages in new/, cur/ and hold/, a list, a site, a set.
oneTimeSetUp() {
  instance full
  conf relaydomains parked.example away.example
  conf routes 'parked.example [mail.parked.example]:25 park' 'away.example [127.0.0.1]:1'
  conf queues '# sets' 'ships parked.example' 'shore away.example'
  start
  held=$(put a@parked.example)
  cur=$(put b@parked.example)
  put c@away.example >/dev/null
  wait_for 20 waits parked.example 2 && wait_for 20 waits away.example 1 || fail 'nothing waits'
  wait_for 20 test -e "$I/queue/site/[mail.parked.example]:25" || fail 'no site'
  "$BIN/queue-hold" -C "$I" "$held" >/dev/null 2>&1
  stop
  new=$(put d@parked.example)
  full=$I
}

put() { echo | "$BIN/queue-put" -C "$I" "$1"; }

# What a shell does at the end of a line: the answers, a line each; noise goes to $T/err.
cat >"$T/driver" <<'END'
. src/completion.bash
line=$1
read -ra COMP_WORDS <<<"$line"
[[ $line != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ ${WORDS_ALONE-} ]] || COMP_LINE=$line COMP_POINT=${#line}
read -r _ _ function _ <<<"$(complete -p "${COMP_WORDS[0]}")"
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
[[ ${#COMPREPLY[@]} = 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
END
offered() { bash --norc --noprofile "$T/driver" "$1" 2>"$T/err" | sort; }
noise() { cat "$T/err"; }

# offers LINE WORD...: exactly these.
offers() {
  offers_line=$1
  shift
  offers_got=$(offered "$offers_line")
  assertEquals "$offers_line" "$([ $# = 0 ] || printf '%s\n' "$@" | sort)" "$offers_got"
  assertNull "$offers_line: $(noise)" "$(noise)"
}

ids() { printf '%s\n' "$@" | sort; }
all_ids() { find "$full/queue/new" "$full/queue/cur" "$full/queue/hold" -type f -printf '%f\n'; }

testThereArePrograms() {
  assertTrue "programs: $programs" "[ $(printf '%s\n' $programs | wc -l) -gt 20 ]"
  assertEquals 'messages' 4 "$(all_ids | wc -l)"
}

testEveryProgramIsCompleted() {
  for program in $programs; do
    assertNotNull "$program" "$(offered "$program -")"
    assertNull "$program: $(noise)" "$(noise)"
  done
}

testEveryOptionIsOffered() {
  for program in $programs; do
    offered "$program -" >"$T/offered"
    for letter in $(usage "$program" | letters); do
      grep -qx -- "-$letter" "$T/offered" || fail "$program -$letter"
    done
  done
}

# sendmail's usage line does not name them: its page does.
testOptionsOfPages() {
  for program in $programs; do
    offered "$program -" >"$T/offered"
    page=$(page "$program")
    assertNotNull "page of $program" "$page" || continue
    sed -n 's/^\.It Fl \([A-Za-z0-9][A-Za-z]\{0,1\}\)\( .*\)\{0,1\}$/-\1/p' "$page" >"$T/described"
    while read -r option; do
      grep -qx -- "$option" "$T/offered" || fail "$program $option"
    done <"$T/described"
  done
}

testNoOtherOptionIsOffered() {
  for program in $programs; do
    usage=$(usage "$program" | letters)
    [ -n "$usage" ] || continue
    assertEquals "$program" "$usage" "$(offered "$program -" | tr -d -- - | sort)"
  done
}

# Behind an option with an argument there is never an option, behind one without there may be.
testOptionsWithArguments() {
  for program in $programs; do
    usage "$program" | grep -oE '\[-[A-Za-z0-9] [^][|-]' | cut -c 3 >"$T/with"
    while read -r letter; do
      assertNull "$program -$letter" "$(offered "$program -$letter -")"
    done <"$T/with"
    usage "$program" | grep -oE '\[-[A-Za-z0-9]\]' | cut -c 3 >"$T/without"
    while read -r letter; do
      assertNotNull "$program -$letter" "$(offered "$program -$letter -")"
    done <"$T/without"
  done
}

# --- what an instance has -------------------------------------------------------------

testIds() {
  # shellcheck disable=SC2046 # many
  offers "queue-cat -C $full " $(all_ids)
  # shellcheck disable=SC2046
  offers "queue-del -C $full $new " $(all_ids)
  offers "queue-list -C $full -j $cur" "$cur"
  offers "queue-release -C $full " "$held"
  offers "queue-release -C $full $held" "$held"
  offers "queue-release -C $full $cur"
  offers "postcat -c $full -q $cur" "$cur"
  assertContains "$(offered "queue-hold -C $full ")" "$cur"
  assertNotContains "$(offered "queue-hold -C $full ")" "$held"
  assertContains "$(offered "postsuper -C $full -d ")" ALL
  assertContains "$(offered "postsuper -C $full -d ")" "$new"
  offers "flush-record -C $full parked.example $new" "$new"
}

# An id is found by any beginning of it.
testBeginningsOfIds() {
  for id in "$new" "$cur" "$held"; do
    for length in 1 4 5 6 12; do
      assertContains "$id, $length" "$(offered "queue-cat -C $full $(printf '%s' "$id" | cut -c "1-$length")")" "$id"
    done
  done
  offers "queue-cat -C $full zzzzzz"
  offers "queue-cat -C $full */"
  offers "queue-cat -C $full ../new/"
}

testDomains() {
  offers "queue-list -C $full -d " away.example parked.example
  offers "queue-list -C $full -d par" parked.example
  offers "flush-run -C $full " away.example parked.example
  offers "flush-run -C $full -n aw" away.example
  offers "flush-run -C $full parked.example aw" away.example
  offers "flush-record -C $full " away.example parked.example
}

testSets() {
  offers "flush-run -C $full @" @away.example @parked.example
  offers "flush-run -C $full @par" @parked.example
  offers "flush-run -C $full \\#" '\#ships' '\#shore'
  offers "flush-run -C $full \\#shi" '\#ships'
}

testIdsToRun() {
  offers "flush-run -C $full -i $cur" "$cur"
  assertContains "$(offered "flush-run -C $full -i ")" "$new"
  assertNotContains "$(offered "flush-run -C $full -i ")" parked.example
}

testSites() {
  offers "site-list -C $full [mail" '[mail.parked.example]:25'
  assertContains "$(offered "site-list -C $full ")" '[127.0.0.1]:1'
  # what stands behind the colon
  offers "site-list -C $full [mail.parked.example]:" 25
  offers "site-list -C $full [mail.parked.example]:2" 25
}

# sendmail has them in the same word.
testJoinedArguments() {
  offers "sendmail -C $full -qI$cur" "-qI$cur"
  offers "sendmail -C $full -qR" -qR -qRaway.example -qRparked.example
  offers "sendmail -C $full -qR@par" '@parked.example'
  offers 'sendmail -N s' success
  offers "sendmail -C $full -t "
}

testWords() {
  offers 'queue-list -q ' new cur hold active
  offers 'queue-list -q h' hold
  offers 'queue-shape ' new cur hold incoming active deferred
  offers 'queue-shape -s de' deferred
  offers 'conf-cdb ro' routes
  offers 'conf-check delayw' delaywarning
  offers 'sluice-serve -l 0:25 smtpd' smtpd-etrn
  assertContains "$(offered 'qmgr-trigger ')" scan
  offers 'queue-list -s '
  offers 'queue-put '
}

testSettingsAreThoseThereAre() {
  # shellcheck disable=SC2046
  offers 'conf-check ' $("$BIN/conf-check" -C "$full" 2>/dev/null | sed 's/ =.*//')
}

# All that can be compiled, and nothing else.
testListsAreThoseThereAre() {
  for name in $(offered 'conf-check '); do
    [ -e "$full/conf/$name" ] || : >"$full/conf/$name"
    "$BIN/conf-cdb" -C "$full" "$name" 2>/dev/null && echo "$name"
  done >"$T/lists"
  # shellcheck disable=SC2046
  offers 'conf-cdb ' $(cat "$T/lists")
}

testDirectories() {
  mkdir -p "$T/dirs/one" "$T/dirs/other"
  : >"$T/dirs/orange"
  offers "queue-list -C $T/dirs/o" "$T/dirs/one" "$T/dirs/other"
  offers "sluice-init -U $T/dirs/o" "$T/dirs/one" "$T/dirs/other"
  offers "sluice-log $T/dirs/o" "$T/dirs/one" "$T/dirs/other" "$T/dirs/orange"
}

# --- which instance --------------------------------------------------------------------

testEnvironmentNamesTheInstance() {
  export SLUICE="$full"
  offers "queue-release " "$held"
  offers "queue-release -C $T/none "
  export SLUICE="$T/none"
  offers "queue-release -C $full " "$held"
  offers "queue-release -C$full " "$held"
  offers "queue-release -C $T/none -C $full " "$held"
  unset SLUICE
}

testHome() {
  HOME=$T
  export HOME
  # shellcheck disable=SC2088 # bash does that
  offers 'queue-release -C ~/full ' "$held"
}

testOddDirectory() {
  ln -s "$full" "$T/odd name"
  offers "queue-release -C $T/odd\\ name " "$held"
}

# Without the line, as other completions call it, from the words alone.
testWordsAlone() {
  export WORDS_ALONE=yes
  offers "queue-release -C $full " "$held"
  offers 'queue-list -q h' hold
  unset WORDS_ALONE
}

testMissingInstance() {
  # words that need no instance
  {
    offered 'conf-check '
    offered 'queue-shape '
    offered 'qmgr-trigger '
    offered 'sluice-serve '
    printf '%s\n' corrupt ALL
  } | grep . >"$T/fixed"
  for program in $programs; do
      # theirs are not of an instance
    case $program in sluice-init | sluice-log | postcat | etrn) continue ;; esac
    for words in '' "-C $T/none "; do
      assertNull "$program $words" "$(SLUICE=$T/none offered "$program $words" | grep -vxFf "$T/fixed")"
      assertNull "$program $words: $(noise)" "$(noise)"
    done
  done
}

testInstanceThatIsNone() {
  mkdir "$T/none-such"
  : >"$T/none-such/queue"
  offers "queue-cat -C $T/none-such "
  offers "flush-run -C $T/none-such \\#"
}

testInstanceThatIsNotForUs() {
  mkdir -p "$T/shut/src" "$T/shut/i/queue/new"
  cp src/completion.bash "$T/shut/src"
  : >"$T/shut/i/queue/new/01abcdefghij00"
  chmod 0 "$T/shut/i/queue"
  as=
  [ "$(id -u)" != 0 ] || as='setpriv --reuid nobody --clear-groups'
  # shellcheck disable=SC2086 # several words
  assertNull "$(cd "$T/shut" && $as bash --norc --noprofile "$T/driver" "queue-cat -C $T/shut/i " 2>&1)"
  chmod 755 "$T/shut/i/queue"
  # shellcheck disable=SC2086
  assertEquals 01abcdefghij00 \
    "$(cd "$T/shut" && $as bash --norc --noprofile "$T/driver" "queue-cat -C $T/shut/i " 2>&1)"
}

# --- hostile and large --------------------------------------------------------------------

# What anybody wrote into a queue never gets to be a command of whoever completes.
testHostileNames() {
  mkdir -p "$T/bad/queue/flush" "$T/bad/queue/site" "$T/bad/queue/new" "$T/bad/conf"
  for name in "\$(touch $T/bad.ran)" '`id`' ';reboot' "a'b" 'a"b' 'a b' '-C' "a$(printf '\033')b" 'good.example'; do
    for place in flush site new; do : >"$T/bad/queue/$place/$(printf '%s' "$name" | tr / _)"; done
  done
  printf '%s\n' 'good good.example' "\$(touch$IFS$T/bad.ran) x" '`id` x' >"$T/bad/conf/queues"
  offers "queue-list -C $T/bad -d " good.example -C
  offers "site-list -C $T/bad g" good.example
  offers "flush-run -C $T/bad \\#" '\#good'
  assertFalse 'nothing was run' "[ -e $T/bad.ran ]"
  # nor what is typed
  offers "queue-cat -C $T/bad \$(touch $T/bad.ran)"
  offers "queue-cat -C \$(touch\${IFS}$T/bad.ran) "
  offers "queue-list -C $T/bad -d [a-z]"
  assertFalse 'nothing was run' "[ -e $T/bad.ran ]"
}

testManyMessages() {
  mkdir -p "$T/many/queue/new" "$T/many/queue/cur/01abc" "$T/many/queue/hold"
  seq -f "$T/many/queue/new/01abcd%06g" 2000 | xargs touch
  seq -f "$T/many/queue/cur/01abc/01abce%06g" 2000 | xargs touch
  assertEquals 'some hundreds' 300 "$(offered "queue-cat -C $T/many " | wc -l)"
  assertEquals 'some hundreds' 300 "$(offered "queue-cat -C $T/many 01abce" | wc -l)"
  offers "queue-cat -C $T/many 01abce00200" 01abce002000
}

# --- installed -----------------------------------------------------------------------------

testInstalled() {
  make_in "$T/root" install SLUICE_DIR=/srv/mail
  directory=$T/root/opt/x/share/bash-completion/completions
  assertFalse 'that of another mail system' "[ -e $directory/sendmail ]"
  make_in "$T/root" install-compat
  for program in $programs; do
    # shellcheck disable=SC2016 # it is for bash
    assertEquals "$program alone" "complete -F _sluice $program" \
      "$(bash --norc --noprofile -c '. "$1" && complete' bash "$directory/$program")"
  done
  assertContains "$(cat "$directory/queue-list")" 'SLUICE:-/srv/mail}'
  rm "$directory/sendmail"
  echo another >"$directory/sendmail"
  make_in "$T/root" uninstall
  assertEquals 'left' "$directory/sendmail" "$(find "$T/root" ! -type d)"
}

# typed LINE: what has become of it, a word a line, when all was typed; "~" is the tabulator.
typed() {
  {
    printf '%s\n' "PS1= PATH=$BIN:\$PATH" '. src/completion.bash' "bind 'set enable-bracketed-paste off'"
    printf '%s\001printf "<%%s>\\n" \n' "$1" | tr '~' '\t'
    echo exit
  } | timeout 60 socat -t 50 - "EXEC:bash --norc --noprofile -i,pty,setsid,ctty,stderr,raw,echo=0" |
    tr -d '\r' | sed -n 's/^.*<\(.*\)>$/\1/p'
}

testAtATerminal() {
  export INPUTRC=/dev/null
  assertContains "$(typed "queue-release -C $full $(printf '%s' "$held" | cut -c 1-3)~")" "$held"
  assertContains "$(typed "site-list -C $full [mail~")" '[mail.parked.example]:25'
  assertContains "$(typed "site-list -C $full [mail.parked.example]:~")" '[mail.parked.example]:25'
  assertContains "$(typed "flush-run -C $full @par~")" '@parked.example'
  assertContains "$(typed "flush-run -C $full \\#shi~")" '#ships'
  assertContains "$(typed "conf-check -C $full~ delayw~")" delaywarning
}

. shunit2
