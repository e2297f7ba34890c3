# Certificates below $T, made by openssl(1), each with its key in one file.
#
#   certificate_authority       makes CA, the file of an authority's certificate
#   certificate NAME HOST...    a certificate of that authority for these hosts, $T/NAME.pem
#   certificate_own NAME HOST   one that is signed by itself, and has expired
#   print_of FILE               the SHA-256 of a certificate, as openssl prints it; print_of_key: of its key

certificate_authority() {
  CA=$T/ca.pem
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=authority' \
    -addext basicConstraints=critical,CA:TRUE -keyout "$T/ca.key" -out "$CA" 2>/dev/null || fail 'openssl: no authority'
}

certificate() {
  certificate_name=$1
  shift
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$T/$certificate_name.key" \
    -out "$T/$certificate_name.csr" 2>/dev/null &&
    printf 'subjectAltName=%s\n' "$(printf 'DNS:%s,' "$@" | sed 's/,$//')" >"$T/$certificate_name.ext" &&
    openssl x509 -req -in "$T/$certificate_name.csr" -CA "$CA" -CAkey "$T/ca.key" -CAcreateserial -days 30 \
      -extfile "$T/$certificate_name.ext" -out "$T/$certificate_name.crt" 2>/dev/null &&
    cat "$T/$certificate_name.crt" "$T/$certificate_name.key" >"$T/$certificate_name.pem" ||
    fail "openssl: no certificate $certificate_name"
}

certificate_own() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$T/$1.key" -out "$T/$1.csr" \
    2>/dev/null &&
    openssl x509 -req -in "$T/$1.csr" -signkey "$T/$1.key" -days -1 -out "$T/$1.crt" 2>/dev/null &&
    cat "$T/$1.crt" "$T/$1.key" >"$T/$1.pem" || fail "openssl: no certificate $1"
}

print_of() { openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//'; }
print_of_key() {
  openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | sed 's/ .*//'
}
