# The programs there are, and what they say of their use.

# variable NAME: its value in the Makefile, which is asked as from a shell, not as part of a make that runs.
variable() { env -u MAKEFLAGS -u MAKELEVEL make -pq clean 2>/dev/null | sed -n "s/^$1 := //p"; }

programs=$(variable PROGRAMS)
pages=$(variable PAGES)

# usage PROGRAM: what it says to an option that no program has.
usage() { "$BIN/$1" '-?' </dev/null 2>&1 | sed -n "s/^.*usage: *\($1\)/\1/p"; }

# letters: the options in a usage line, a letter each; those of "[-abc]" are three.
letters() { grep -oE '(^|[ [|])-[A-Za-z0-9]+' | tr -d ' [|-' | grep -o . | sort -u; }

# page PROGRAM: the path of its page.
page() { printf '%s\n' $pages | grep -E "/$1\.[0-9]$"; }

# make_in DIRECTORY TARGET [VARIABLE=VALUE...]: to install, as below a directory of a package.
make_in() {
  make_root=$1
  shift
  env -u MAKEFLAGS -u MAKELEVEL make -s -o all DESTDIR="$make_root" PREFIX=/opt/x BIN="$BIN" "$@" >"$T/make" 2>&1 ||
    fail "$*: $(cat "$T/make")"
}
