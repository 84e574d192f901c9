#!/bin/sh
# Makes two authorities that never vouch for each other, a server certificate, a service's certificate and an empty
# revocation list, below tls/ beside this script. For trying things out: keys lie in files without a password.
set -eu
cd "$(dirname "$0")"
mkdir -p tls
cd tls
umask 077
ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

authority() {
  # shellcheck disable=SC2086
  openssl req -x509 $ec -days 365 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" \
    -addext keyUsage=critical,keyCertSign,cRLSign
}

# issue <authority> <name> <names in the certificate> <usage>
issue() {
  # shellcheck disable=SC2086
  openssl req -new $ec -subj "/CN=$2" -keyout "$2.key" -out "$2.csr"
  printf '%s\n' "subjectAltName=$3" "extendedKeyUsage=$4" keyUsage=critical,digitalSignature \
    basicConstraints=critical,CA:FALSE > "$2.ext"
  openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 90 -extfile "$2.ext" -out "$2.pem"
  rm "$2.csr" "$2.ext"
}

authority gate-ca
authority services-ca
issue gate-ca server DNS:localhost,IP:127.0.0.1 serverAuth
issue services-ca indexer URI:spiffe://example.internal/indexer clientAuth

: > index.txt
echo 01 > crlnumber
cat > ca.cnf <<END
[ca]
default_ca = services
[services]
database = index.txt
crlnumber = crlnumber
certificate = services-ca.pem
private_key = services-ca.key
default_md = sha256
default_crl_days = 30
END
# To revoke: openssl ca -config ca.cnf -revoke indexer.pem, then this line again. The gate sees the file change.
openssl ca -config ca.cnf -gencrl -out services.crl
