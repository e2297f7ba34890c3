# conf-check: what is in force, what makes no sense; conf-cdb: compiled lists.
. tests/lib.sh
. tests/peer/certificates.sh

setUp() {
  made=$((${made-0} + 1))
  I=$T/one$made
  "$BIN/sluice-init" "$I"
  conf me mail.example
  conf relaydomains customer.tld
  conf postmaster root@mail.example
}

check() { "$BIN/conf-check" -C "$I" "$@" >"$T/out" 2>"$T/err"; }
compile() { "$BIN/conf-cdb" -C "$I" "$@" 2>"$T/err"; }
out() { cat "$T/out"; }
err() { cat "$T/err"; }

# says LINE: is it among what was printed?
says() { assertContains "$(out)" "$1"; }

# wrong NAME MESSAGE LINE...: a file of these lines is refused with these words.
wrong() {
  wrong_name=$1 wrong_message=$2
  shift 2
  conf "$wrong_name" "$@"
  check
  assertEquals "$wrong_name $*: exit code" 100 $?
  assertEquals "conf-check: conf/$wrong_name: $wrong_message" "$(grep -v 'warning:' "$T/err")"
  assertNull "$(grep "^$wrong_name =" "$T/out")"
  conf "$wrong_name"
}

testDefaults() {
  check
  assertEquals 'exit code' 0 $?
  assertNull "$(err)" "$(err)"
  says 'me = mail.example  (conf/me)'
  says 'listen = 127.0.0.1:2525  (default)'
  says 'listentls = (none)  (default)'
  says 'listenodmr = (none)  (default)'
  says 'tls = none  (default)'
  says 'tlscert = (none)  (default)'
  says 'databytes = 104857600  (default)'
  says 'lifetime = 5d  (default)'
  says 'delaywarning = 4h  (default)'
  says 'backoff = 60 3600  (default)'
  says 'concurrency = 20 1000  (default)'
  says 'concurrencyclient = 50  (default)'
  says 'subdomains = 100  (default)'
  says 'minfree = (1.5 x databytes, or 1 % of the disk)  (default)'
  says 'bouncebytes = 50000  (default)'
  says 'relaydomains = 1 entry  (conf/relaydomains)'
  says 'flushdomains = (relaydomains)  (default)'
  says 'timeouts = connect 30, greeting 300, '
  says ', quit 30, tls 60, lookup 30, reach 120, '
  assertEquals 'a line for each setting' "$(ls conf | wc -l)" "$(out | wc -l)"
}

testValues() {
  conf backoff '# quick' '' '  5 50  # while we test'
  conf relayclients 10.0.0.0/8 2001:db8::/32
  check -v backoff relayclients listen flushdomains
  assertEquals 'exit code' 0 $?
  assertEquals "$(printf '%s\n' '5 50' 10.0.0.0/8 2001:db8::/32 127.0.0.1:2525)" "$(out)"
}

testNamed() {
  conf backoff nonsense
  check listen lifetime
  assertEquals 'exit code' 0 $?
  assertEquals 2 "$(out | wc -l)"
  check backoff
  assertEquals 'exit code' 100 $?
}

testWrongValues() {
  wrong me 'line 1: not a domain name: a b' 'a b'
  wrong postmaster 'line 1: not a mailbox: root' root
  wrong postmaster 'line 1: not at a domain: root@[192.0.2.1]' 'root@[192.0.2.1]'
  wrong listen 'line 1: no port: 127.0.0.1' 127.0.0.1
  wrong listentls 'line 1: no port: 465' 465
  wrong listenodmr 'line 1: no port: 366' 366
  wrong tls 'line 1: neither none, may nor encrypt: yes' yes
  wrong nameserver 'line 1: not an IP address: dns.example' dns.example
  wrong databytes 'line 1: not a number: 10M' 10M
  wrong minfree 'line 1: not a number: 1%' 1%
  wrong bouncebytes 'line 1: not a number: -1' -1
  wrong etrncounts 'line 1: neither 1 nor 0: yes' yes
  wrong loopbackdns 'line 1: neither 1 nor 0: 127' 127
  wrong fsyncdir 'line 1: neither 1 nor 0: 2' 2
  wrong lenient 'line 1: neither 1 nor 0: on' on
  wrong percenthack 'line 1: neither 1 nor 0: yes' yes
  wrong lifetime 'line 1: not a time (such as 300s, 12h, 5d): 5y' 5y
  wrong backoff 'line 2: MIN is over MAX: 60 5' '# quick' '60 5'
  wrong concurrency 'line 1: PERSITE is over TOTAL: 20 10' '20 10'
  wrong concurrencyincoming 'line 1: too small: 0' 0
  wrong concurrencyclient 'line 1: too large: 10001' 10001
  wrong tlslevel 'line 1: not among none, may, dane, encrypt, verify, dane-only: much' much
  wrong tlspolicy 'line 1: neither ADDRESS:PORT nor /PATH: localhost:8461' localhost:8461
  wrong lifetime 'line 2: more than one value: 6d' 5d 6d
  wrong lifetime 'no value' '# 5d'
}

testWrongLists() {
  wrong timeouts 'line 2: unknown timeout: foo' 'connect 5' 'foo 5'
  wrong relaydomains 'line 2: not a domain name: -b.tld' a.tld -b.tld c.tld
  wrong relayclients 'line 1: address has bits behind its prefix: 10.0.0.1/8' 10.0.0.1/8
  wrong relayclients 'line 1: prefix length too large: 10.0.0.0/33' 10.0.0.0/33
  wrong flushdomains 'line 1: not a domain name: @a.tld' @a.tld
  wrong flushclients 'line 1: not an address: localhost' localhost
  wrong flushusers 'line 1: not a user: a b' 'a b'
  wrong routes 'line 1: unknown option: parc' 'a.tld - parc'
  wrong routes 'line 2: not among PIPELINING,CHUNKING,SIZE,8BITMIME,DSN,SMTPUTF8: without=DSN,PIPES' 'a.tld - without=dsn' 'b.tld - without=DSN,PIPES'
  wrong routes 'line 3: a second route for: a.tld' 'a.tld -' '* -' 'A.tld. b.tld'
  wrong queues 'line 1: queue without domains: night' night
  wrong recipients 'line 1: not a mailbox: alice' alice
}

testAllOfThemAreReported() {
  conf relaydomains a..tld b.tld c..tld
  conf backoff 1
  conf routes 'a.tld' 'b.tld - x'
  check
  assertEquals 'exit code' 100 $?
  assertEquals "$(err)" 5 "$(grep -c -v 'warning:' "$T/err")"
}

# What it says of a certificate and a key, by links as Let's Encrypt has them.
testCertificate() {
  certificate_authority
  certificate mail mail.example
  mkdir "$I/live"
  cp "$T/mail.crt" "$I/live/fullchain.pem"
  (umask 077 && cp "$T/mail.key" "$I/live/privkey.pem")
  ln -s ../live/fullchain.pem "$I/conf/tlscert"
  ln -s ../live/privkey.pem "$I/conf/tlskey"
  check
  assertEquals "$(err)" 0 $?
  assertNull "$(err)" "$(err)"
  says 'tls = may  (default)'
  says "tlscert = $(wc -c <"$T/mail.crt") octets  (conf/tlscert)"
  says "tlskey = $(wc -c <"$T/mail.key") octets  (conf/tlskey)"
  conf tls none
  check -v tls
  assertEquals none "$(out)"
  chmod 644 "$I/live/privkey.pem"
  check
  assertEquals 'conf-check: warning: conf/tlskey: others may read it' "$(err)"
  chmod 640 "$I/live/privkey.pem"
  chgrp "$(stat -c %g "$I/conf")" "$I/live/privkey.pem"
  check
  assertEquals 'the group that reads the settings' 'conf-check: warning: conf/tlskey: others may read it' "$(err)"
  rm "$I/live/privkey.pem"
  check
  assertEquals 'a link to nowhere' 111 $?
  assertEquals 'conf-check: conf/tlskey: No such file or directory' "$(err)"
  rm "$I/conf/tlskey"
  check
  assertEquals 'conf-check: warning: conf/tlskey: missing: no client can begin TLS' "$(err)"
  mkdir "$I/conf/tlskey"
  check
  assertEquals 'a directory' 100 $?
  assertContains "$(err)" 'conf-check: conf/tlskey: not a regular file'
}

# warned WORDS...: these warnings, and no others.
warned() {
  check
  assertEquals 'exit code' 0 $?
  assertEquals "$(printf 'conf-check: warning: conf/%s\n' "$@")" "$(err)"
}

# Each of these would be found out by a client else, or by a certificate's end.
testCertificateThatIsNotMeant() {
  certificate_authority
  certificate mail mail.example
  certificate other other.example '*.mail.example'
  certificate_own old mail.example
  conf tlscert && conf tlskey
  cp "$T/other.pem" "$I/conf/tlscert"
  (umask 077 && cp "$T/other.key" "$I/conf/tlskey")
  warned 'tlscert: it is not for the name in conf/me'
  conf me mx.mail.example
  check
  assertNull "$(err)" "$(err)"
  conf me mail.example
  cp "$T/mail.crt" "$I/conf/tlscert"
  warned 'tlskey: it is not the key of the certificate in conf/tlscert'
  cp "$T/mail.crt" "$I/conf/tlskey"
  warned 'tlskey: no key in it that can be used'
  openssl pkey -in "$T/mail.key" -aes128 -passout pass:secret -out "$I/conf/tlskey"
  warned 'tlskey: no key in it that can be used'
  cp "$T/mail.key" "$I/conf/tlscert"
  warned 'tlscert: no certificate in it'
  cp "$T/old.crt" "$I/conf/tlscert"
  cp "$T/old.key" "$I/conf/tlskey"
  warned 'tlscert: it has expired'
  openssl x509 -req -in "$T/old.csr" -signkey "$T/old.key" -days 13 -out "$I/conf/tlscert" 2>/dev/null
  warned 'tlscert: it expires within 14 days'
  openssl x509 -req -in "$T/old.csr" -signkey "$T/old.key" -days 15 -out "$I/conf/tlscert" 2>/dev/null
  check
  assertNull "$(err)" "$(err)"
}

testTlsWithoutCertificate() {
  for setting in 'tls encrypt' 'tls may' 'listentls 127.0.0.1:465' 'listenodmr 127.0.0.1:366' "clientcerts $(printf %064d 1) joe"; do
    conf "${setting%% *}" "${setting#* }"
    check
    assertEquals 'exit code' 0 $?
    assertEquals "$setting" 'conf-check: warning: conf/tlscert: missing: no client can begin TLS' "$(err)"
    conf "${setting%% *}"
  done
  conf listen 0:25
  conf tls encrypt
  check
  assertContains "$(err)" 'warning: conf/tls: at port 25 other servers have to be served in clear text too'
  conf listen 192.0.2.1:25 192.0.2.1:587
  check
  assertContains 'one of several' "$(err)" 'warning: conf/tls: at port 25 '
  conf listen '[2001:db8::25]:587' 192.0.2.1:2525
  check
  assertNotContains 'none of several' "$(err)" 'warning: conf/tls: '
}

testListen() {
  conf listen '192.0.2.1:25  # to the world' '' 192.0.2.2:25 :587
  check
  assertEquals "$(err)" 0 $?
  assertNull "$(err)" "$(err)"
  says 'listen = 192.0.2.1:25, 192.0.2.2:25, [::]:587  (conf/listen)'
  check -v listen
  assertEquals "$(printf '%s\n' 192.0.2.1:25 192.0.2.2:25 '[::]:587')" "$(out)"
  conf listen 192.0.2.1:25
  check -v listen
  assertEquals 192.0.2.1:25 "$(out)"
  wrong listen 'line 3: named twice: [::]:25' 0:25 192.0.2.1:587 '[::]:25'
  wrong listen 'line 1: not one ADDRESS:PORT a line: 192.0.2.1:25 192.0.2.2:25' '192.0.2.1:25 192.0.2.2:25'
  wrong listen 'no value' '# 0:25'
  conf listen 192.0.2.1 192.0.2.2:25 192.0.2.3
  check listen
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-check: conf/listen: line 1: no port: 192.0.2.1
conf-check: conf/listen: line 3: no port: 192.0.2.3' "$(err)"
  assertNull "$(out)"
}

# Of two sockets at one port only one can be bound where an address of one is among those of the other: Linux was asked.
testListenAtOneAnothersAddress() {
  while read -r verdict one other; do
    conf listen "$one" "$other"
    clashes "$verdict" listen "$one" listen "$other"
    conf listen "$other" "$one"
    clashes "$verdict" listen "$other" listen "$one"
  done <<EOT
good 127.0.0.1:25 127.0.0.2:25
good 127.0.0.1:25 127.0.0.1:587
good [::1]:25 127.0.0.1:25
good [::1]:25 0.0.0.0:25
good [::]:25 0.0.0.0:587
good [::1]:25 [::2]:25
bad [::]:25 0.0.0.0:25
bad [::]:25 127.0.0.1:25
bad [::]:25 [::1]:25
bad 0.0.0.0:25 127.0.0.1:25
bad [::ffff:127.0.0.1]:25 127.0.0.1:25
bad [::ffff:127.0.0.1]:25 0.0.0.0:25
EOT
}

# clashes good|bad SETTING ADDRESS:PORT OF ADDRESS:PORT: what it says of the second one of OF, beside the first.
clashes() {
  check
  code=$?
  if [ "$1" = good ]; then
    assertEquals "$3 $5: $(err)" 0 $code
    assertNull "$3 $5" "$(grep -v warning: "$T/err")"
  else
    assertEquals "$3 $5: exit code" 100 $code
    assertEquals "conf-check: conf/$4: $5: not beside $3 of $2: only one of them can be listened at" \
      "$(grep -v warning: "$T/err")"
  fi
}

testListenOfSeveralServers() {
  conf listen 192.0.2.1:25 192.0.2.2:25
  conf listentls 192.0.2.1:465 192.0.2.2:465
  conf listenodmr 0.0.0.0:366
  clashes good listen '' listentls ''
  conf listentls 192.0.2.1:465 192.0.2.2:25
  clashes bad listen 192.0.2.2:25 listentls 192.0.2.2:25
  conf listentls 0:366
  clashes bad listentls '[::]:366' listenodmr 0.0.0.0:366
  conf listen
  conf listenodmr
  conf listentls 0.0.0.0:2525
  clashes bad listen 127.0.0.1:2525 listentls 0.0.0.0:2525
  conf listen nonsense
  check
  assertEquals 'conf-check: conf/listen: line 1: no port: nonsense' "$(grep -v warning: "$T/err")"
}

testUsersAndQueues() {
  conf flushusers alice 1000 www-data '_x$' '# bob'
  conf queues 'night a.tld b.tld' 'day c.tld'
  check
  assertEquals "$(err)" 0 $?
  says 'flushusers = 4 entries  (conf/flushusers)'
  says 'queues = 2 entries  (conf/queues)'
}

testWarnings() {
  conf relaydomains
  conf postmaster
  conf me mail
  conf relayclients 0.0.0.0/0
  conf realydomains x.tld
  conf concurrency '1 4'
  : >"$I/conf/recipients.cdb"
  check
  assertEquals "$(err)" 0 $?
  for warning in 'relaydomains: missing' 'postmaster: missing: mail for <postmaster> is held here, and nobody is told (queue-list -d postmaster.invalid)' 'me: a name without a dot' 'open relay' \
    'realydomains: no setting has this name' 'concurrency: so few in all' \
    'recipients.cdb: not used: the list itself is missing'; do
    assertContains "$(err)" "$warning"
  done
}

testDaneWithoutResolver() {
  for dane in 'tlslevel dane' 'tlslevel dane-only' 'routes a.example - tls=dane'; do
    conf "${dane%% *}" "${dane#* }"
    for server in 192.0.2.53 '[2001:db8::1]:53' 128.0.0.1; do
      conf nameserver "$server"
      check
      assertEquals "$dane" 0 $?
      assertContains "$dane, $server" "$(err)" 'warning: conf/tlslevel: dane without a resolver to believe'
    done
    for server in 127.0.0.1 127.1.2.3:5353 '[::1]'; do
      conf nameserver "$server"
      check
      assertNotContains "$dane, $server" "$(err)" resolver
    done
    conf "${dane%% *}"
  done
  conf nameserver 192.0.2.53
  conf tlslevel verify
  check
  assertNotContains 'nobody wants to know' "$(err)" resolver
}

# What resolv.conf says of the servers there.
testDaneByResolvConf() {
  unshare -m true 2>/dev/null || {
    skip 'needs root, and a mount namespace of its own'
    return
  }
  conf tlslevel dane
  while read -r good lines; do
    # shellcheck disable=SC2059 # \n in it
    printf "$lines\n" >"$T/resolv.conf"
    unshare -m sh -c 'mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"' "$T" "$BIN/conf-check" -C "$I" >"$T/out" 2>"$T/err"
    if [ "$good" = y ]; then assertNotContains "$lines" "$(err)" resolver
    else assertContains "$lines" "$(err)" 'dane without a resolver to believe'; fi
  done <<EOT
y nameserver 127.0.0.53
y nameserver ::1
y # nobody
y nameserver 192.0.2.53\\noptions trust-ad
n nameserver 192.0.2.53
n nameserver 127.0.0.1\\nnameserver 192.0.2.53
n nameserver 2001:db8::1\\nnameserver 127.0.0.1
EOT
}

testNothingToVerifyBy() {
  ln -s "$T/nowhere" "$I/conf/tlsca"
  for verify in 'tlspolicy 127.0.0.1:8461' 'tlslevel verify' 'routes a.example - tls=verify' 'routes a.example - tlsname=b.example'; do
    conf "${verify%% *}" "${verify#* }"
    check
    assertEquals "$verify" 111 $?
    assertContains "$verify" "$(err)" 'warning: conf/tlsca: cannot be read: no site that is to be verified gets any mail'
    conf "${verify%% *}"
  done
  conf routes 'a.example - tls=encrypt'
  check
  assertNotContains 'nothing is verified' "$(err)" 'gets any mail'
  rm "$I/conf/tlsca"
}

# Whose secrets there are is shown, and nothing of the secrets, whatever is wrong with them.
testSecrets() {
  conf users 'joe norelay customer.tld .customer.tld' 'ann'
  conf authsecrets 'joe one-of-them' 'ann another'
  chmod 600 "$I/conf/authsecrets"
  check
  assertEquals "$(err)" 0 $?
  assertNull "$(err)" "$(err)"
  says 'authsecrets = 2 entries  (conf/authsecrets)'
  says 'users = 2 entries  (conf/users)'
  check -v authsecrets
  assertEquals "$(printf '%s\n' joe ann)" "$(out)"
  conf authsecrets 'joe one-of-them' 'ann another word' "bob hid$(printf '\001')den" "$(printf '%0300d' 7) x"
  check
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-check: conf/authsecrets: line 2: not USER SECRET
conf-check: conf/authsecrets: line 3: control character
conf-check: conf/authsecrets: line 4: user or secret too long' "$(grep -v warning: "$T/err")"
  conf authsecrets
  wrong users 'line 1: not a domain name: no..domain' 'joe no..domain'
}

testAuthout() {
  conf authout 'provider us hid-den' 'other them hid-too'
  chmod 600 "$I/conf/authout"
  conf routes 'a.example [mx.a.example] auth=provider' 'b.example - auth=other tls=verify'
  check
  assertEquals "$(err)" 0 $?
  assertEquals 'conf-check: warning: conf/routes: line 1: auth without tls=verify: whoever poses as the site gets the password' "$(err)"
  conf tlslevel verify
  check
  assertNull "$(err)" "$(err)"
  says 'authout = 2 entries  (conf/authout)'
  check -v authout
  assertEquals "$(printf '%s\n' provider other)" "$(out)"
  conf authout 'provider us hid-den' 'provider them hid-too'
  chmod 640 "$I/conf/authout"
  check
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-check: warning: conf/authout: others than its owner may read it: chmod 600
conf-check: conf/authout: a second line for: provider
conf-check: conf/routes: line 2: no such name in conf/authout: other' "$(err)"
  for none in '# nobody' ''; do
    conf authout ${none:+"$none"}
    [ -z "$none" ] || chmod 600 "$I/conf/authout"
    check
    assertEquals "exit code: $none" 100 $?
    assertEquals 'conf-check: conf/routes: line 1: no such name in conf/authout: provider
conf-check: conf/routes: line 2: no such name in conf/authout: other' "$(err)"
  done
  conf authout 'provider us hid-den more'
  chmod 600 "$I/conf/authout"
  check
  assertEquals 'exit code' 100 $?
  assertContains "$(err)" 'conf-check: conf/authout: line 1: not NAME USER PASSWORD'
  assertNotContains "$(err)$(out)" hid-
  conf authout
  conf tlslevel
  wrong routes 'line 1: auth needs tls=encrypt or more' 'a.example - tls=may auth=provider'
}

testSecretsSense() {
  conf users joe bob 'joe customer.tld' ann
  conf authsecrets 'joe x' 'ann y' 'joe z'
  check
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-check: warning: conf/authsecrets: others than its owner may read it: chmod 600
conf-check: conf/authsecrets: a second secret: joe
conf-check: warning: conf/users: no secret in conf/authsecrets: bob' "$(err)"
  conf authsecrets 'joe x' 'ann y' 'bob z'
  chmod 640 "$I/conf/authsecrets"
  check
  assertEquals 'exit code' 0 $?
  assertEquals 'conf-check: warning: conf/authsecrets: others than its owner may read it: chmod 600' "$(err)"
  chmod 600 "$I/conf/authsecrets"
  conf users Joe JOE joe aNN
  check
  assertNull 'a user in any case' "$(err)"
  conf checkpassword 'cvm-checkpassword cvm-pwfile'
  check
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-check: conf/checkpassword: not beside conf/authsecrets, which alone is asked' "$(err)"
  conf authsecrets
  check
  assertEquals "$(err)" 0 $?
  says 'checkpassword = cvm-checkpassword cvm-pwfile  (conf/checkpassword)'
}

testClientCertificates() {
  one=$(printf '%064d' 1) two=$(printf '%064d' 2)
  certificate_of_ours
  conf users joe ann
  conf clientcerts "$one joe" "$(echo "$two" | sed 's/../&:/g; s/:$//') ann"
  check
  assertEquals "$(err)" 0 $?
  assertNull "$(err)" "$(err)"
  says 'clientcerts = 2 entries  (conf/clientcerts)'
  conf clientcerts "$one joe"
  check
  assertEquals 'conf-check: warning: conf/users: no certificate in conf/clientcerts: ann' "$(err)"
  conf authsecrets 'bob x'
  chmod 600 "$I/conf/authsecrets"
  conf users joe ann bob
  check
  assertEquals 'conf-check: warning: conf/users: no secret in conf/authsecrets, no certificate in conf/clientcerts: ann' "$(err)"
  conf authsecrets
  conf checkpassword true
  check
  assertNull 'others may be known there' "$(err)"
  conf checkpassword
  conf users
  wrong clientcerts 'line 1: not a SHA-256: 12:34' '12:34 joe'
  wrong clientcerts 'line 1: not SHA256 USER' "$one"
  conf clientcerts "$one joe" "$two ann" "$one ann"
  check
  assertEquals 'exit code' 100 $?
  assertEquals "conf-check: conf/clientcerts: named twice: $one" "$(err)"
}
certificate_of_ours() {
  certificate_authority
  certificate mail mail.example
  cp "$T/mail.crt" "$I/conf/tlscert"
  (umask 077 && cp "$T/mail.key" "$I/conf/tlskey")
}

# Who may not read them is told so, and all else is judged.
testSecretsOfAnother() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  setpriv --reuid nobody --clear-groups test -x "$BIN/conf-check" || { skip 'programs are where others cannot run them'; return; }
  conf users joe
  conf authsecrets 'joe x'
  chmod 600 "$I/conf/authsecrets"
  chmod 755 "$I" "$I/conf"
  setpriv --reuid nobody --clear-groups "$BIN/conf-check" -C "$I" >"$T/out" 2>"$T/err"
  assertEquals "$(err)" 0 $?
  assertNull "$(err)" "$(err)"
  says 'authsecrets = (not for this user to read)  (conf/authsecrets)'
}

testUnreadable() {
  "$BIN/conf-check" -C "$T/nowhere" 2>"$T/err"
  assertEquals 'no instance' 111 $?
  assertEquals "conf-check: fatal: unable to open instance $T/nowhere: No such file or directory" "$(err)"
  ln -s nowhere "$I/conf/lifetime"
  check
  assertEquals 'a link to nowhere' 111 $?
  assertEquals 'conf-check: conf/lifetime: No such file or directory' "$(err)"
  says 'backoff = 60 3600  (default)'
  [ "$(id -u)" != 0 ] || return 0
  rm "$I/conf/lifetime"
  chmod 0 "$I/conf/me"
  check
  assertEquals 'no permission' 111 $?
  assertContains "$(err)" 'conf-check: conf/me: Permission denied'
}

testUsage() {
  for arguments in -x '-C' '-v -y'; do
    # shellcheck disable=SC2086 # several
    "$BIN/conf-check" $arguments >"$T/out" 2>"$T/err"
    assertEquals "$arguments" 100 $?
    assertContains "$(err)" 'conf-check: usage: conf-check [-C dir] [-v] [name...]'
  done
  check nonsense
  assertEquals 'unknown setting' 100 $?
  assertEquals 'conf-check: fatal: no such setting: nonsense' "$(err)"
  "$BIN/conf-check" -C "$I" >/dev/full 2>"$T/err"
  assertEquals 'full disk' 111 $?
}

testEnvironment() {
  SLUICE=$I "$BIN/conf-check" -v me >"$T/out"
  assertEquals mail.example "$(out)"
}

# --- conf-cdb -----------------------------------------------------------------------

testCompile() {
  conf routes 'a.tld [1.2.3.4]:26 park # for now' '* -'
  conf recipients alice@a.tld bob@a.tld @b.tld
  compile routes recipients relaydomains
  assertEquals "$(err)" 0 $?
  check
  says 'routes = 2 entries  (conf/routes.cdb)'
  says 'recipients = 3 entries  (conf/recipients.cdb)'
  says 'relaydomains = 1 entry  (conf/relaydomains.cdb)'
  assertEquals 'nothing else' '' "$(find "$I/conf" -name '.*' -type f)"
  assertEquals 'like the list' "$(stat -c '%a %Y' "$I/conf/routes")" "$(stat -c '%a %Y' "$I/conf/routes.cdb")"
}

testEditedAtOnce() {
  for i in 1 2 3 4 5 6 7 8; do
    conf relaydomains "a$i.tld"
    compile relaydomains
    conf relaydomains "b$i.tld" "c$i.tld"
    check relaydomains
    assertEquals 'relaydomains = 2 entries  (conf/relaydomains)' "$(out)"
    assertContains "$(err)" 'relaydomains.cdb: not used: older than the list'
  done
}

testCompileRefuses() {
  compile relaydomains
  before=$(cksum "$I/conf/relaydomains.cdb")
  conf relaydomains a.tld b..tld c..tld
  compile relaydomains
  assertEquals 'exit code' 100 $?
  assertEquals 'conf-cdb: conf/relaydomains: line 2: not a domain name: b..tld
conf-cdb: conf/relaydomains: line 3: not a domain name: c..tld
conf-cdb: fatal: conf/relaydomains is not compiled' "$(err)"
  assertEquals 'the old one stays' "$before" "$(cksum "$I/conf/relaydomains.cdb")"
  compile relayclients
  assertEquals 'not a list to compile' 100 $?
  compile routes
  assertEquals 'no such list' 100 $?
  compile
  assertEquals 'no name' 100 $?
  assertContains "$(err)" 'conf-cdb: usage: conf-cdb [-C dir] name...'
}

testCompileNoSpace() {
  strace -o /dev/null -e inject=fsync:error=ENOSPC "$BIN/conf-cdb" -C "$I" relaydomains 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertEquals 'conf-cdb: fatal: unable to write conf/relaydomains.cdb: No space left on device' "$(err)"
  assertEquals 'nothing is left' "$(printf '%s\n' me postmaster relaydomains)" "$(find "$I/conf" -type f -printf '%f\n' | sort)"
}

testDamaged() {
  compile relaydomains
  dd if=/dev/urandom of="$I/conf/relaydomains.cdb" bs=100 count=1 conv=notrunc 2>/dev/null
  touch "$I/conf/relaydomains.cdb"
  check
  assertEquals 'exit code' 100 $?
  assertContains "$(err)" 'conf-check: conf/relaydomains.cdb: not made by conf-cdb, or damaged'
}

testLong() {
  seq -f 'user%g@big.example' 100000 >"$I/conf/recipients"
  check recipients
  assertEquals 'conf-check: warning: conf/recipients: a long list: conf-cdb makes it quick to look up' "$(err)"
  compile recipients
  assertEquals "$(err)" 0 $?
  check recipients
  assertEquals 'recipients = 100000 entries  (conf/recipients.cdb)' "$(out)"
}

. shunit2
