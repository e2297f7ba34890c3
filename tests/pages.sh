# The manual pages and the other texts against what they speak of.
# shellcheck disable=SC2154 # programs and pages are of programs.sh
. tests/lib.sh
# shellcheck source=tests/peer/programs.sh
. tests/peer/programs.sh

# rendered FILE SECTION: the text of a section, as people read it.
rendered() {
  mandoc -T ascii -O width=1000 "$1" | sed "s/.\x08//g" | awk -v section="$2" '
    /^[A-Z]/ { inside = ($0 == section) ; next }
    inside'
}

# section FILE SECTION: its source.
section() { awk -v head=".Sh $2" '/^\.Sh / { inside = ($0 == head); next } inside' "$1"; }

# forms PROGRAM: one way of use a line, of usage lines or a SYNOPSIS, without spaces and upper case.
forms() {
  tr -d ' \n' | tr 'A-Z' 'a-z' | sed "s/|\{0,1\}$1\([][-]\|\$\)/\n$1\1/g; s/\n$1/\n$1 /g" | sed '/^$/d'
}

testThereArePrograms() {
  assertTrue "programs: $programs" "[ $(printf '%s\n' $programs | wc -l) -gt 20 ]"
  assertTrue "pages: $pages" "[ $(printf '%s\n' $pages | wc -l) -gt 20 ]"
}

testEveryProgramHasOnePage() {
  for program in $programs; do
    assertEquals "$program" 1 "$(page "$program" | wc -l)"
  done
}

# A page that is not its program's is for something of several.
testEveryPageIsOfSomething() {
  for page in $pages; do
    name=${page##*/}
    case " $programs sluice sluice-conf " in
      *" ${name%.*} "*) ;;
      *) fail "$page: of what?" ;;
    esac
  done
}

testLint() {
  # shellcheck disable=SC2086 # many
  mandoc -T lint -W warning $pages >"$T/out" 2>&1 || fail "$(cat "$T/out")"
}

testNames() {
  for page in $pages; do
    name=${page##*/}
    upper=$(printf '%s' "${name%.*}" | tr 'a-z' 'A-Z')
    assertEquals "$page" ".Dt $upper ${name##*.}" "$(sed -n '/^\.Dt/p' "$page")"
    assertContains "$(rendered "$page" NAME)" "${name%.*} - "
  done
}

testSynopsisIsUsage() {
  for program in $programs; do
    # that of sendmail, which it is by another name
    [ "$program" != mailq ] || continue
    usage=$(usage "$program")
    assertNotNull "$program has no usage line" "$usage"
    synopsis=$(rendered "$(page "$program")" SYNOPSIS | forms "$program" | sort)
    printf '%s' "$usage" | forms "$program" | sort >"$T/usage"
    # without arguments a program may be something that only programs use
    assertEquals "$program" "$(cat "$T/usage")" "$(printf '%s\n' "$synopsis" | grep -vx "$program *")"
  done
}

testEveryOptionIsDescribed() {
  for program in $programs; do
    for letter in $(usage "$program" | letters); do
      section "$(page "$program")" DESCRIPTION | grep -Eq "^\.It (.*[ ,])?Fl (.*[ ,])?$letter( |\$)" ||
        fail "$program: -$letter"
    done
  done
}

# And nothing is described that is no option.
testEveryDescribedOptionIsOne() {
  for program in $programs; do
    usage=$(usage "$program" | letters)
    [ -n "$usage" ] || continue
    section "$(page "$program")" DESCRIPTION >"$T/description"
    for letter in $(sed -n 's/^\.It Fl \([A-Za-z0-9]\)\( .*\)\{0,1\}$/\1/p' "$T/description"); do
      assertContains "$program: -$letter" "$usage" "$letter"
    done
  done
}

# --- what pages point at -------------------------------------------------------------

# references FILE: "NAME(SECTION)" of each page it names.
references() { grep -oE 'Xr [^ ]+ [0-9]' "$1" | sed 's/Xr \(.*\) \(.\)/\1(\2)/' | sort -u; }

# Pages of other packages.
others='tcpserver(1) s6-ipcserver(1) s6-log(8) s6-supervise(8) s6-svc(8) s6-svscan(8) s6-tai64nlocal(8) multilog(8)
  svscan(8) svlogd(8) runsvdir(8) inetd(8) cron(8) crontab(5) glob(7) pflogsumm(1) logwatch(8) jq(1) mutt(1)
  git-send-email(1) seccomp(2) sh(1) s6-ipcserver-socketbinder(8)'

testReferencesLeadSomewhere() {
  ours=$(printf '%s\n' $pages | sed 's|.*/||; s/\.\([0-9]\)$/(\1)/' | tr '\n' ' ')
  for page in $pages; do
    for reference in $(references "$page"); do
      case " $ours $others " in
        *[[:space:]]"$reference"[[:space:]]*) ;;
        *) fail "$page: $reference" ;;
      esac
    done
  done
}

testAllIsReachableFromSluice() {
  section src/sluice.7 'SEE ALSO' >"$T/also"
  for page in $pages; do
    name=${page##*/}
    [ "$name" = sluice.7 ] || assertTrue "to $name" "grep -q '^\.Xr ${name%.*} ${name##*.}\( ,\)\{0,1\}$' $T/also"
    [ "$name" = sluice.7 ] || assertTrue "back from $name" "section $page 'SEE ALSO' | grep -q '^\.Xr sluice 7'"
  done
}

# Whatever sluice(7) tells to type: the programs are there, and have these options.
testCommandsOfSluice() {
  sed -n 's/^.*Ta Li //p; s/^\.Li //p; s/^\.Dl \$ //p; s/^\$ //p' src/sluice.7 | grep -E '^[a-z]+-[a-z]+' |
    sed 's/ Ar / /g; s/ Li / /g; s/ [;,].*//; s/ | /\n/g' >"$T/commands"
  assertTrue "$(cat "$T/commands")" "[ $(wc -l <"$T/commands") -gt 30 ]"
  while read -r program arguments; do
    case $program in s6-* | pflogsumm) continue ;; esac
    assertContains "$program" " $programs " " $program "
    for word in $arguments; do
      case $word in -?) assertContains "$program $word" "$(usage "$program" | letters)" "${word#-}" ;; esac
    done
  done <"$T/commands"
}

# Section 1 before 5 before 7 before 8, names in their order, commas between.
testSeeAlsoIsSorted() {
  for page in $pages; do
    section "$page" 'SEE ALSO' | sed -n 's/^\.Xr \([^ ]*\) \([0-9]\)\( ,\)\{0,1\}$/\2 \1/p' >"$T/order"
    assertTrue "$page" "LC_ALL=C sort -c $T/order"
    assertEquals "$page: commas" "$(($(wc -l <"$T/order") - 1))" "$(section "$page" 'SEE ALSO' | grep -c '^\.Xr .* ,$')"
  done
}

# --- files ----------------------------------------------------------------------------

# An instance in which all has happened that makes files.
oneTimeSetUp() {
  instance whole
  conf relaydomains away.example
  conf routes 'away.example [127.0.0.1]:1'
  conf queues 'ships away.example'
  for list in relaydomains flushdomains routes recipients; do
    [ -e "$I/conf/$list" ] || : >"$I/conf/$list"
    "$BIN/conf-cdb" -C "$I" "$list"
  done
  start
  echo | "$BIN/queue-put" -C "$I" a@away.example >/dev/null
  wait_for 20 test -e "$I/queue/flush/away.example" || fail "nothing waits"
  (cd "$I" && find . ! -type d -path './run/*') >"$T/files"
  stop
  (cd "$I" && find .) >>"$T/files"
}

# named FILE: the paths of its FILES, a line each; what stands for a name is cut off with all behind it.
named() {
  section "$1" FILES | sed -n 's/^\.It Pa //p' | sed 's/ , /\n/g' |
    sed 's/ Ns Ar .*//; s/^Pa //; s/ Ns Pa //; s|^DIR/||
      s|[A-Z][A-Z]*\(/.*\)\{0,1\}$||; s|\*.*||; s|/$||; s/ //g' | sort -u
}

# there PATH: in the instance, or in its place among what is installed, or on every machine.
there() {
  case $1 in
    /*) [ -e "$1" ] ;;
    share/doc/sluice/*) [ -e "${1#share/doc/sluice/}" ] ;;
    ../service | ../share/sluice/service | share/sluice/service) [ -d service ] ;;
    # they are there for a moment
    */+* | */.*) grep -qxF "./${1%/*}" "$T/files" ;;
    conf/*.cdb) grep -qxF "./$1" "$T/files" ;;
    conf/*) [ -e "$1" ] ;;
    *) grep -qxF "./$1" "$T/files" ;;
  esac
}

testFilesAreThere() {
  for page in $pages; do
    for path in $(named "$page"); do
      there "$path" || fail "$page: $path"
    done
  done
}

# Every setting has a sample, and a word in sluice-conf(5); and no others.
testSettings() {
  "$BIN/conf-check" -C "$I" 2>/dev/null | sed 's/ =.*//' | sort >"$T/settings"
  assertTrue 'settings' "[ -s $T/settings ]"
  assertEquals 'samples' "$(cat "$T/settings")" "$(find conf -type f -printf '%f\n' | sort)"
  while read -r setting; do
    section src/conf/sluice-conf.5 DESCRIPTION | grep -Eqx "\.(It )?Cm $setting|\.Ss $setting" ||
      grep -Eqi "^\.Ss $setting$" src/conf/sluice-conf.5 || fail "sluice-conf(5): $setting"
  done <"$T/settings"
}

# Every time that can be set, with its default; and no others.
testTimeouts() {
  "$BIN/conf-check" -C "$I" -v timeouts | sort >"$T/times"
  rendered src/conf/sluice-conf.5 DESCRIPTION | awk '
    function seconds(t) { return t * (t ~ /m$/ ? 60 : t ~ /d$/ ? 86400 : 1) }
    /^   [A-Z]/ { inside = $1 == "Timeouts"; next }
    inside && $2 ~ /^[0-9]+[smd]$/ { print $1, seconds($2) }' | sort >"$T/said"
  assertTrue 'times' "[ -s $T/times ]"
  assertEquals "$(cat "$T/times")" "$(cat "$T/said")"
  # those of a dialogue, which come first
  all=$("$BIN/conf-check" -C "$I" -v timeouts |
    awk '/^lookup/ { exit } { printf "%s%s", comma, $2; comma = "," }')
  assertContains "$(cat src/send/smtp-send.8)" "The default is $all."
}

# --- the source -------------------------------------------------------------------------

# The folders of src, and what the files of each may include: the arrows of src/README.
arrows() {
  queue='smtp job base start conf queue'
  case $1 in
    smtp | job | sched) ;;
    base | print) echo smtp ;;
    start) echo smtp base ;;
    conf) echo smtp job base start tls ;;
    queue) echo smtp job base start conf ;;
    flush) echo "$queue" ;;
    auth) echo smtp job base start conf ;;
    smtpd) echo "$queue flush tls auth" ;;
    bounce | act) echo "$queue flush" ;;
    qmgr) echo "$queue flush sched" ;;
    list) echo "$queue flush sched print tls" ;;
    check) echo "$queue flush print" ;;
    admin) echo "$queue flush check" ;;
    compat) echo "$queue flush act" ;;
    log) echo smtp base start queue ;;
    send) echo smtp job base tls ;;
    serve) echo smtp base ;;
    tls) echo smtp job base ;;
    *) fail "src/$1: no arrow in tests/pages.sh and src/README" ;;
  esac
}

# queue-put alone stands below what it calls.
testArrowsRunDownward() {
  for directory in src/*/; do
    folder=$(basename "$directory")
    assertTrue "src/README: src/$folder/" "grep -q '^    src/$folder/ ' src/README"
    may=" $folder $(arrows "$folder") "
    for file in "$directory"*.[ch]; do
      for other in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file"); do
        [ "$file $other" != 'src/queue/queue-put.c flush' ] || continue
        assertContains "$file: $other/" "$may" " $other "
      done
    done
  done
}

# A file with a main exports that, and its name.
testProgramsExportNothing() {
  for file in $(grep -l '^int main(' src/*/*.c); do
    object=build/${file%.c}.o
    [ -e "$object" ] || continue
    exported=$(nm -g --defined-only "$object" | awk '$3 != "main" && $3 != "PROG" { print $3 }')
    assertNull "$file: $exported" "$exported"
  done
}

# needs FOLDER: "A B" for each of its files A that needs a symbol that B defines, as both were compiled.
needs() {
  for source in src/"$1"/*.c; do
    object=build/${source%.c}.o
    [ ! -e "$object" ] || nm -g "$object" | sed "s/^/$(basename "$source" .c) /"
  done | awk '
    # each program has its own
    $NF == "main" || $NF == "PROG" { next }
    $(NF - 1) == "U" { who[++n] = $1; what[n] = $NF; next }
    { from[$NF] = $1 }
    END {
      for (i = 1; i <= n; i++)
        if (what[i] in from && from[what[i]] != who[i] && !said[who[i], from[what[i]]]++)
          print who[i], from[what[i]]
    }'
}

# Within a folder, too: each file can be linked, and tested, with no more than what it stands on.
testFilesOfAFolderStandInNoCircle() {
  [ -n "$(needs sched)" ] || { skip 'nothing was compiled into build/'; return; }
  for directory in src/*/; do
    folder=$(basename "$directory")
    needs "$folder" | tsort >/dev/null 2>"$T/err"
    # "tsort: -: input contains a loop:", and a line for each that is in it
    assertNull "src/$folder: $(sed 's/^tsort: //; s/^-: .*/circle:/' "$T/err" | tr '\n' ' ')" "$(cat "$T/err")"
  done
}

# --- texts ------------------------------------------------------------------------------

testInstallNamesEveryPackage() {
  for package in $(variable PACKAGES) $(variable PACKAGES_DEMO) $(variable PACKAGES_CHECK); do
    grep -Eq "(^|[ ,(])$package([ ,):.;]|\$)" INSTALL || fail "INSTALL: $package"
  done
}

testReadmeNamesEveryProgram() {
  for program in $programs; do
    grep -Eq "(^|[ (])$program([ ,:).]|\$)" README || fail "README: $program"
  done
}

testNewsBeginsWithThisVersion() {
  assertEquals "$(variable VERSION)" "$(grep -m 1 '^[0-9]' NEWS)"
}

# Every program and page is in the place where it is looked for, and goes again.
testInstalled() {
  root=$T/root
  make_in "$root" install
  make_in "$root" install-compat
  for program in $programs; do
    for directory in bin sbin none; do [ ! -x "$root/opt/x/$directory/$program" ] || break; done
    assertNotEquals "$program" none $directory
  done
  for page in $pages; do
    assertTrue "$page" "[ -s $root/opt/x/share/man/man${page##*.}/${page##*/} ]"
  done
  assertNull 'another prefix' "$(grep -l /usr/local "$root"/opt/x/lib/systemd/system/*)"
  for run in service/*/run service/each/*/run; do
    assertTrue "$run" "[ -x $root/opt/x/share/sluice/$run ]"
  done
  make_in "$root" uninstall
  assertNull 'left' "$(find "$root" ! -type d)"
}

# Without being told to, it is not in the way of another mail system.
testFacesAreInstalledApart() {
  root=$T/apart
  make_in "$root" install
  for face in sendmail mailq newaliases postqueue postsuper postcat; do
    assertEquals "$face" "$root/opt/x/lib/sluice/$face" "$(find "$root" -name "$face" ! -path '*/doc/*')"
  done
  make_in "$root" uninstall
  assertNull 'left' "$(find "$root" ! -type d)"
}

. shunit2
