# Certificates of clients as a proof of who they are: conf/clientcerts, AUTH EXTERNAL, as openssl, swaks and curl show them.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

oneTimeSetUp() {
  certificate_authority
  certificate mail mail.example localhost
  for who in joe ann eve; do certificate $who $who.example; done
  certificate_own old old.example
  instance relay
  conf me mail.example
  conf relaydomains .example
  conf flushclients 192.0.2.1
  conf routes '* [127.0.0.1]:1 park'
  free_port TLSPORT
  conf listentls "127.0.0.1:$TLSPORT"
  rm "$I/service/smtps/down"
  cp "$T/mail.crt" "$I/conf/tlscert"
  cp "$T/mail.key" "$I/conf/tlskey"
  chmod 600 "$I/conf/tlskey"
  known
  start
  ready tls smtps
}

oneTimeTearDown() {
  stop
  fail_if_running
}

# known: joe by his certificate, ann by her key, old by what has expired and nobody has signed.
known() {
  conf clientcerts "$(print_of "$T/joe.crt") joe" "$(print_of_key "$T/ann.crt") ann" "$(print_of "$T/old.crt") old"
  conf users 'joe joe.example' 'ann norelay ann.example'
  conf authsecrets
  conf authclear
}

# says WHO LINE...: a client with the certificate of that one ("": with none) says so inside TLS; the replies, from that to
# its own EHLO on.
says() {
  says_as=${1:+-cert $T/$1.crt -key $T/$1.key}
  shift
  # shellcheck disable=SC2086 # several options
  printf '%s\n' 'EHLO client.example' "$@" QUIT |
    timeout 60 openssl s_client -connect "127.0.0.1:$PORT" -starttls smtp -crlf -quiet ${says_options-} $says_as 2>"$T/s_client" |
    tr -d '\r' | sed '1{/^250 HELP/d}'
}
# replies WHO LINE...: the same, without what EHLO and QUIT are told.
replies() { says "$@" | sed '/^250[- ]/{/^250[- ]\(.*\(HELP\|mail.example\)\|SIZE\|PIPELINING\|ETRN\|ENHANCED\|8BIT\|DSN\|SMTPUTF8\|CHUNKING\|AUTH\|ATRN\)/d}; /^221/d'; }
offer() { says "$1" | sed -n 's/^250[- ]\(AUTH.*\|ATRN\)/\1/p' | xargs; }
message() { find "$I/queue/new" "$I/queue/cur" -name "$(cat "$I/queue/flush/$1")"; }

# --- who it is ------------------------------------------------------------------------------------

testOffered() {
  assertEquals 'AUTH EXTERNAL ATRN' "$(offer joe)"
  assertEquals 'a stranger' '' "$(offer eve)"
  assertEquals 'none' '' "$(offer '')"
  assertNotContains 'not in clear' "$(printf 'EHLO client.example\nQUIT\n' | smtp)" AUTH
  conf authsecrets 'joe S3cret'
  chmod 600 "$I/conf/authsecrets"
  assertEquals 'AUTH PLAIN LOGIN CRAM-MD5 EXTERNAL ATRN' "$(offer joe)"
  assertEquals 'AUTH PLAIN LOGIN CRAM-MD5 ATRN' "$(offer eve)"
  known
}

testRelays() {
  assertContains "$(replies joe 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.test>')" '250 2.1.5 Ok'
  assertContains 'whatever its date' "$(replies old 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.test>')" '250 2.1.5 Ok'
  assertContains 'norelay' "$(replies ann 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.test>')" '554 5.7.1 <x@far.test>: Relay access denied'
  for who in eve ''; do
    assertContains "$who" "$(replies "$who" 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.test>')" '554 5.7.1 <x@far.test>: Relay access denied'
  done
}

testEtrnAndAtrn() {
  assertContains "$(replies ann 'ETRN ann.example')" '250 OK, queuing'
  assertContains "$(replies ann 'ETRN joe.example')" '459 '
  assertContains "$(replies eve 'ETRN ann.example')" '459 '
  # with a command behind it: the connection is not turned round
  assertContains "$(replies joe ATRN)" '503 5.5.1 Error: ATRN must come last'
  assertContains "$(replies eve ATRN)" '530 5.7.0 Authentication required'
}

testExternal() {
  assertContains 'no name' "$(replies joe 'AUTH EXTERNAL =')" '235 2.7.0 Authentication successful'
  assertContains 'his name' "$(replies joe "AUTH EXTERNAL $(printf joe | base64)")" '235 2.7.0'
  assertContains 'upon a challenge' "$(replies joe 'AUTH EXTERNAL' '')" "$(printf '334 \n235 2.7.0')"
  assertContains "another's" "$(replies joe "AUTH EXTERNAL $(printf ann | base64)")" '535 5.7.8 Error: authentication failed'
  assertContains 'in the log' "$(log smtpd)" 'SASL EXTERNAL authentication failed: authentication failure, sasl_username=ann'
  assertContains 'twice' "$(replies joe 'AUTH EXTERNAL =' 'AUTH EXTERNAL =')" '503 5.5.1 Error: already authenticated'
  assertContains 'by none' "$(replies eve 'AUTH EXTERNAL =')" '502 5.5.1'
  conf authsecrets 'joe S3cret' 'ann xyzzy'
  chmod 600 "$I/conf/authsecrets"
  assertContains 'by none, with other mechanisms' "$(replies eve 'AUTH EXTERNAL =')" '504 5.5.4'
  assertContains 'another way to be another one' \
    "$(replies joe "AUTH PLAIN $(printf '\0ann\0xyzzy' | base64)" 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.test>')" '554 5.7.1'
  known
}

# STARTTLS forgets who AUTH said it was; the certificate says it anew.
testForgets() {
  conf authclear 1
  conf authsecrets 'joe S3cret'
  chmod 600 "$I/conf/authsecrets"
  python3 - "$PORT" "$T/ann.crt" "$T/ann.key" >"$T/said" <<'END'
import smtplib, ssl, sys
c = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.example", timeout=60)
c.ehlo()
c.user, c.password = "joe", "S3cret"
c.auth("CRAM-MD5", c.auth_cram_md5)
x = ssl._create_unverified_context()
x.load_cert_chain(sys.argv[2], sys.argv[3])
c.starttls(context=x)
c.ehlo()
print(c.docmd("ETRN joe.example")[0], c.docmd("ETRN ann.example")[0])
END
  assertEquals '459 250' "$(cat "$T/said")"
  known
}

# --- traces and log --------------------------------------------------------------------------------

# sent WHO NAME LINE...: a message to NAME.example, by one who has said these lines before.
sent() {
  sent_as=$1 sent_to=$2
  shift 2
  says "$sent_as" "$@" 'MAIL FROM:<a@b.example>' "RCPT TO:<x@$sent_to.example>" DATA 'Subject: x' '' . >"$T/said"
  wait_for 20 waits "$sent_to.example" 1 || fail "$(cat "$T/said")"
}

# A is for AUTH (RFC 3848), as Postfix has it.
testTraces() {
  sent joe certified
  assertContains "$(head -n 20 "$(message certified.example)")" "by mail.example with ESMTPS id"
  assertContains "$(log smtpd)" "$(cat "$I/queue/flush/certified.example"): client=unknown[127.0.0.1], ccert_user=joe"
  sent joe external 'AUTH EXTERNAL ='
  assertContains "$(head -n 20 "$(message external.example)")" "by mail.example with ESMTPSA id"
  assertContains "$(log smtpd)" "$(cat "$I/queue/flush/external.example"): client=unknown[127.0.0.1], sasl_method=EXTERNAL, sasl_username=joe"
}

# The log has what an operator needs to know a client.
testLog() {
  print=$(print_of "$T/eve.crt" | tr -d : | tr A-F a-f)
  assertContains "$(says eve)" 250
  assertTrue "wait_for 20 logged smtpd 'unknown[127.0.0.1]: fingerprint=$print, pkey_fingerprint=$(print_of_key "$T/eve.crt")'"
  assertTrue 'logged smtpd ", ccert_user=ann"'
}

# --- the list changes -------------------------------------------------------------------------------

# asked: does the server ask for a certificate?
asked() { openssl s_client -connect "127.0.0.1:$TLSPORT" </dev/null 2>&1 | grep -q 'Acceptable client certificate CA names\|Requested Signature Algorithms'; }

testOnlyWhereThereIsAList() {
  assertTrue 'asked' asked
  conf clientcerts
  assertFalse 'not asked' asked
  assertEquals 'nobody' '' "$(offer joe)"
  conf clientcerts "$(print_of_key "$T/eve.crt") ann"
  assertContains 'at once' "$(replies eve 'ETRN ann.example')" '250 OK, queuing'
  known
}

testBroken() {
  conf clientcerts "$(print_of "$T/joe.crt") joe" 'nonsense ann'
  assertContains "$(replies joe)" '421 4.3.5 mail.example Error: server configuration error'
  assertContains "$(log smtpd)" 'conf/clientcerts: line 2: not a SHA-256: nonsense'
  assertContains 'none is shown: none is looked for' "$(replies '' 'MAIL FROM:<a@b.example>')" '250 2.1.0 Ok'
  known
}

# --- sessions that are resumed -----------------------------------------------------------------------

# resumed VERSION WHO: the second of two connections resumes the first, and is the same one.
resumed() {
  says_options="-$1 -sess_out $T/session"
  assertContains "$1 $2" "$(replies "$2" 'ETRN ann.example')" "$3"
  assertTrue "$1 $2: no session" "[ -s $T/session ]"
  printf '%s\n' 'EHLO client.example' 'ETRN ann.example' QUIT |
    timeout 60 openssl s_client -connect "127.0.0.1:$PORT" -starttls smtp -crlf -ign_eof -nocommands "-$1" -sess_in "$T/session" \
      -cert "$T/${2:-eve}.crt" -key "$T/${2:-eve}.key" >"$T/again" 2>&1
  assertContains "$1 $2: $(cat "$T/again")" "$(cat "$T/again")" "${4-Reused}, TLSv1.${1#tls1_}"
  assertContains "$1 $2, again" "$(cat "$T/again")" "$3"
  rm -f "$T/session"
  says_options=
}

testResumed() {
  for version in tls1_2 tls1_3; do
    resumed $version ann '250 OK, queuing'
    resumed $version eve '459 '
    resumed $version '' '459 '
    conf clientcerts
    resumed $version ann '459 '
    resumed $version '' '459 '
    known
  done
}

# Who began without being asked begins anew where certificates are asked for; what was known of one does not outlast the list.
testResumedAcrossAChange() {
  for version in tls1_2 tls1_3; do
    conf clientcerts
    says_options="-$version -sess_out $T/session"
    replies ann >"$T/said"
    known
    says_options="-$version -sess_in $T/session -sess_out $T/session.known"
    assertContains "$version" "$(replies ann 'ETRN ann.example')" '250 OK, queuing'
    conf clientcerts "$(print_of "$T/joe.crt") joe"
    says_options="-$version -sess_in $T/session.known"
    assertContains "$version: hers is not there any more" "$(replies ann 'ETRN ann.example')" '459 '
    conf clientcerts
    assertContains "$version: nor is the list" "$(replies ann 'ETRN ann.example')" '459 '
    says_options=
    known
  done
}

# --- clients of others --------------------------------------------------------------------------------

testSwaks() {
  swaks --server "127.0.0.1:$PORT" --tls --tls-cert "$T/joe.crt" --tls-key "$T/joe.key" --from a@b.example --to x@swaks.test \
    --helo client.example >"$T/swaks" 2>&1
  assertEquals "$(cat "$T/swaks")" 0 $?
  assertTrue 'wait_for 20 waits swaks.test 1'
  assertContains "$(head -n 20 "$(message swaks.test)")" 'with ESMTPS id'
  swaks --server "127.0.0.1:$PORT" --tls --from a@b.example --to x@swaks.test --helo client.example >"$T/swaks" 2>&1
  assertNotEquals 'without it' 0 $?
}

testCurl() {
  printf 'Subject: x\r\n\r\nx\r\n' >"$T/mail"
  curl -sS --cacert "$CA" --resolve "mail.example:$TLSPORT:127.0.0.1" --cert "$T/joe.crt" --key "$T/joe.key" \
    "smtps://mail.example:$TLSPORT" --mail-from a@b.example --mail-rcpt x@curl.test -T "$T/mail" >"$T/curl" 2>&1
  assertEquals "$(cat "$T/curl")" 0 $?
  assertTrue 'wait_for 20 waits curl.test 1'
  curl -sS --cacert "$CA" --resolve "mail.example:$TLSPORT:127.0.0.1" --cert "$T/joe.crt" --key "$T/joe.key" --login-options 'AUTH=EXTERNAL' \
    -u joe: "smtps://mail.example:$TLSPORT" --mail-from a@b.example --mail-rcpt x@curlexternal.test -T "$T/mail" >"$T/curl" 2>&1
  assertEquals "$(cat "$T/curl")" 0 $?
  assertTrue 'wait_for 20 waits curlexternal.test 1'
  assertContains "$(head -n 20 "$(message curlexternal.test)")" 'with ESMTPSA id'
}

. shunit2
