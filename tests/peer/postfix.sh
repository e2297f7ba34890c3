# A private Postfix below $T, that has nothing to do with the host's.  Postfix wants to be started
# by root: with sudo where we are not.
#
#   postfix_new NAME DOMAIN...  lays one out that takes mail for the domains: sets POSTFIX, its
#                               directory, and POSTFIXPORT, which is $POSTFIXAT where that is set.
#                               All mail ends in $POSTFIX/mail/new.
#   postfix_set NAME=VALUE...   more of main.cf, before postfix_start
#   postfix_start, postfix_stop  for good: but for log and mail all is removed
#   postfix_sendmail ...        its sendmail(1)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

postfix_new() {
  POSTFIX=$T/$1
  shift
  POSTFIXPORT=${POSTFIXAT-}
  [ -n "$POSTFIXPORT" ] || free_port POSTFIXPORT
  mkdir -p "$POSTFIX/etc" "$POSTFIX/queue" "$POSTFIX/data" "$POSTFIX/mail"
  as_root chown postfix "$POSTFIX/data"
  as_root chown root "$POSTFIX/queue" "$POSTFIX/etc"
  # it delivers as us, but never as root
  postfix_uid=$(id -u) postfix_gid=$(id -g)
  [ "$postfix_uid" != 0 ] || postfix_uid=$(id -u nobody) postfix_gid=$(id -g nobody)
  as_root chown "$postfix_uid" "$POSTFIX/mail"
  as_root tee "$POSTFIX/etc/main.cf" >/dev/null <<EOT
compatibility_level = 3.6
queue_directory = $POSTFIX/queue
data_directory = $POSTFIX/data
maillog_file = $POSTFIX/log
maillog_file_prefixes = $POSTFIX
multi_instance_enable = no
myhostname = mail.customer.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_transport = error:no local mail
alias_maps =
alias_database =
biff = no
virtual_mailbox_domains = $*
virtual_mailbox_maps = inline:{ $(for domain; do printf '@%s=./ ' "$domain"; done)}
virtual_mailbox_base = $POSTFIX/mail
virtual_uid_maps = static:$postfix_uid
virtual_gid_maps = static:$postfix_gid
virtual_mailbox_limit = 0
message_size_limit = 104857600
smtpd_peername_lookup = no
smtp_host_lookup = native
smtpd_tls_security_level = none
smtp_tls_security_level = none
# Nothing of a message is to be mended.
local_header_rewrite_clients =
message_drop_headers =
line_length_limit = 65536
smtp_line_length_limit = 0
EOT
  as_root tee "$POSTFIX/etc/master.cf" >/dev/null <<EOT
127.0.0.1:$POSTFIXPORT inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 1 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
showq     unix n - n - - showq
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
verify    unix - - n - 1 verify
EOT
}

postfix_set() { as_root postconf -c "$POSTFIX/etc" -e "$@"; }

postfix_start() {
  as_root postfix -c "$POSTFIX/etc" start >"$POSTFIX/start" 2>&1 &&
    wait_for 10 greets "127.0.0.1:$POSTFIXPORT" ||
    fail "postfix: $(cat "$POSTFIX/start" "$POSTFIX/log")"
}

postfix_stop() {
  as_root postfix -c "$POSTFIX/etc" stop >>"$POSTFIX/start" 2>&1
  wait_for 10 nothing_runs "$POSTFIX" || fail "postfix does not stop"
  as_root rm -rf "$POSTFIX/queue" "$POSTFIX/data" "$POSTFIX/etc"
}

postfix_sendmail() { sendmail -C "$POSTFIX/etc" "$@"; }

postfix_messages() { find "$POSTFIX/mail/new" -type f 2>/dev/null | wc -l; }
postfix_has() { [ "$(postfix_messages)" -ge "$1" ]; }
