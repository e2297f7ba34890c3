# shellcheck shell=bash
# Completion for bash: the options of the programs, and for their arguments what the instance in force
# has of ids, domains and sites.
#
# It is installed under the name of each program.  Read under such a name it completes that program
# alone, so that nobody else's completion is replaced unasked; read under its own name, all of them.

# More at once is of no use to anybody, and the queue may hold a million.
_sluice_most=300

# The programs, and of each: its options, with :KIND where one has an argument and =KIND where that is
# part of the same word; then the KINDs of its other arguments in their order, the last one for all that
# follow.  -g: whoever loads this file may do so in a function.
declare -gA _sluice_arguments=(
  [auth-check]='-C:directory'
  [bounce-put]='-C:directory -W id'
  [conf-cdb]='-C:directory list'
  [conf-check]='-C:directory -v setting'
  [etrn]='-H:word -p:word -t:word -o:tls -a:file -k:file host word'
  [flush-rebuild]='-C:directory -e:word -p:word -t'
  [flush-record]='-C:directory domain id'
  [flush-run]='-C:directory -n -w -t:word -a -i node'
  [mailq]='-C:directory'
  [postcat]='-c:directory -b -d -e -h -n -o -q -v file'
  [postqueue]='-c:directory -f -i:id -j -p -s:node -v'
  [postsuper]='-c:directory -C:directory -d:message -e:message -f:message -h:message -H:message -p
    -r:message -s -S -v state'
  [qmgr]='-C:directory -d:word'
  [qmgr-trigger]='-C:directory hint id'
  [queue-cat]='-C:directory -e -b -H -B -J -r id'
  [queue-check]='-C:directory -n -v'
  [queue-del]='-C:directory -a -y id'
  [queue-hold]='-C:directory -a unheld'
  [queue-list]='-C:directory -1 -j -s:word -r:word -d:domain -o:word -z:word -q:place id'
  [queue-put]='-C:directory -f:word -r word'
  [queue-release]='-C:directory -a held'
  [queue-requeue]='-C:directory -a id'
  [queue-shape]='-C:directory -s -b:word -t:word -l -n:word -w:word -m part'
  [sendmail]='-B:body -bi -bm -bp -bs -bv -C:directory -F:word -f:word -G -I -i -N:event -oi -q -qI=id
    -qR=node -R:returned -r:word -t -V:word -v word'
  [site-list]='-C:directory -1 -j -w -t:word site'
  [sluice-init]='-l:word -U -u directory'
  [sluice-log]='-r -u -h:word -n:word -t:word file'
  [sluice-serve]='-s -b:word -c:word -d:word -f:file -g:word -l:word -m:word -n:word -r:word -u:word worker word'
  [smtp-send]='-W -L -n:word -H:word -t:word -w:extension -o:tls -a:file -p:word site word'
  [smtpd-etrn]='-C:directory -t -l -W'
  [tls-io]='-s -c -C:directory -d:word -k:file -n:word'
)

# --- what an instance has: these see the caller's variables instance and typed ---------------------

# _sluice_files DIRECTORY...: the files in these directories of the queue, and one level below, whose
# names begin with what is typed.  Nothing odd comes out of a queue into somebody's command line.
_sluice_files() {
  (cd -- "$instance/queue" && exec timeout 2 find "$@" -maxdepth 2 -type f -printf '%f\n') 2>/dev/null |
    typed=$typed most=$_sluice_most awk '
      index($0, ENVIRON["typed"]) == 1 && /^[][A-Za-z0-9.:_-]+$/ { print; if (++n == ENVIRON["most"]) exit }'
}

# Directories of cur/ are named after the first five characters of the ids in them.
_sluice_cur() {
  if [[ $typed =~ ^[0-9a-z]{5} ]]; then echo "cur/${typed:0:5}"; else echo cur; fi
}

_sluice_sets() {
  sed -n 's/^[[:space:]]*\([A-Za-z0-9_.-]\{1,\}\)[[:space:]].*/\1/p' "$instance/conf/queues" 2>/dev/null
}

# A domain; @DOMAIN, all below it; #NAME, a set, which a shell wants to see as \#NAME.
_sluice_node() {
  local mark=${typed%%[^@\\#]*}
  local typed=${typed#"$mark"}
  case $mark in
    '' | @) _sluice_files flush claim | sed "s/^/$mark/" ;;
    '#' | '\#') _sluice_sets | sed "s/^/${mark/\\/\\\\}/" ;;
  esac
}

# _sluice_offer KIND: words, a line each; those that do not go on from what is typed may be among them.
_sluice_offer() {
  case $1 in
    directory) compgen -d -- "$typed" ;;
    file) compgen -f -- "$typed" ;;
    worker) printf '%s\n' smtpd-etrn smtp-send bounce-put ;;
    host) compgen -A hostname -- "$typed" ;;
    id) _sluice_files new "$(_sluice_cur)" hold ;;
    held) _sluice_files hold ;;
    unheld) _sluice_files new "$(_sluice_cur)" ;;
    message) echo ALL && _sluice_files new "$(_sluice_cur)" hold ;;
    domain) _sluice_files flush claim ;;
    node) _sluice_node ;;
    site) _sluice_files site ;;
    place) printf '%s\n' new cur hold active ;;
    part) printf '%s\n' new cur hold incoming active deferred ;;
    body) printf '%s\n' 7BIT 8BITMIME ;;
    tls) printf '%s\n' tls=none tls=may tls=dane tls=encrypt tls=fingerprint tls=verify tls=dane-only tlsname= tlsprint= tlswrap ;;
    extension) printf '%s\n' PIPELINING CHUNKING SIZE 8BITMIME DSN SMTPUTF8 ;;
    event) printf '%s\n' never success failure delay ;;
    returned) printf '%s\n' full hdrs ;;
    state) printf '%s\n' incoming active deferred hold corrupt ;;
    list) printf '%s\n' relaydomains flushdomains routes recipients ;;
    setting)
      printf '%s\n' me postmaster listen listentls listenodmr tls nameserver loopbackdns databytes lifetime delaywarning backoff concurrency \
        concurrencyincoming concurrencyclient subdomains minfree bouncebytes etrncounts fsyncdir lenient percenthack \
        tlslevel tlspolicy authclear checkpassword timeouts tlsca tlscert tlskey relaydomains relayclients flushdomains \
        flushclients flushusers users authsecrets authout clientcerts recipients queues routes ;;
    hint) printf '%s\n' new flush scan deleted held released requeued ;;
  esac
}

# --- the line ------------------------------------------------------------------------------------

# Of what stands before the cursor: sets words, and typed, which the cursor is at the end of.  Readline
# breaks words at : and @ and =, which belong to ours; COMP_LINE has them whole.
_sluice_words() {
  local line=${COMP_LINE:0:${COMP_POINT:-0}}
  if [[ $line ]]; then
    # a backslash takes a space into a word, but that of \# has to stay where it is
    read -a words <<<"${line//\\#/\\\\#}"
    [[ $line != *[[:space:]] ]] || words+=('')
  else
    words=("${COMP_WORDS[@]:0:COMP_CWORD + 1}")
  fi
  typed=${words[-1]}
  words=("${words[@]:1:${#words[@]} - 2}")
}

# Of the words: sets instance; kind, of the argument that the cursor is at; and pending where an option
# waits for that.
_sluice_line() {
  local word entry kinds=()
  for entry in "${table[@]}"; do [[ $entry == -* ]] || kinds+=("$entry"); done
  kind=${kinds[0]-}
  for word in "${words[@]}"; do
    if [[ $pending ]]; then
      [[ $pending != directory ]] || instance=$word
      pending=
    elif [[ $word == -* ]]; then
      for entry in "${table[@]}"; do [[ $entry != "$word":* ]] || pending=${entry#*:}; done
      [[ $word != -C?* ]] || instance=${word#-C}
      case $kind$word in node-i | file-q) kinds=(id) ;; esac
    else
      [[ ${#kinds[@]} -le 1 ]] || kinds=("${kinds[@]:1}")
    fi
    kind=${pending:-${kinds[0]-}}
  done
  instance=${instance/#\~\//$HOME/}
}

_sluice_options() {
  local entry
  for entry in "${table[@]}"; do [[ $entry != -* ]] || printf '%s\n' "${entry%%[:=]*}"; done
}

# An option and its argument are one word: both of it, where that is what is typed.
_sluice_joined() {
  local entry option
  for entry in "${table[@]}"; do
    option=${entry%%=*}
    [[ $entry == -*=* && $typed == "$option"* ]] || continue
    typed=${typed#"$option"} _sluice_offer "${entry#*=}" | sed "s/^/$option/"
  done
}

# Readline puts our words in the place of what stands behind the last character that breaks words, an @
# (which it takes for the beginning of a host's name) included.
_sluice_reply() {
  local marks='' mark head word
  for mark in : @ =; do [[ $COMP_WORDBREAKS != *"$mark"* ]] || marks+=$mark; done
  head=${marks:+${typed%"${typed##*["$marks"]}"}}
  head=${head%@}
  COMPREPLY=()
  while IFS= read -r word; do
    [[ $word != "$typed"* ]] || COMPREPLY+=("${word#"$head"}")
  done
}

_sluice() {
  local table words typed kind='' pending='' instance=${SLUICE:-/var/lib/sluice}
  read -rd '' -a table <<<"${_sluice_arguments[${1##*/}]-}"
  _sluice_words
  _sluice_line
  if [[ ! $pending && $typed == -* ]]; then
    _sluice_reply < <(_sluice_options && _sluice_joined)
  else
    # a directory goes on with a slash, and what is odd in its name is quoted
    [[ $kind != directory && $kind != file ]] || compopt -o filenames 2>/dev/null
    _sluice_reply < <(_sluice_offer "$kind")
  fi
}

_sluice_name=${BASH_SOURCE[0]##*/}
if [[ $_sluice_name == completion.bash ]]; then
  complete -F _sluice "${!_sluice_arguments[@]}"
else
  complete -F _sluice "$_sluice_name"
fi
unset _sluice_name
