#!/bin/sh
# Makes the certificates beside it anew; the keys are thrown away.
set -eu
umask 077
work=$(mktemp -d); out=$(pwd); cd "$work"
days=36500
key() { openssl ecparam -name "$2" -genkey -noout -out "$1.key"; }
# name, subject, curve, digest, extensions
selfsigned() {
  key "$1" "$3"; printf '[req]\ndistinguished_name=n\n[n]\n[e]\n%b\n' "$5" > e.cnf
  openssl req -x509 -new -key "$1.key" -"$4" -days "${days_of:-$days}" -subj "/CN=$2" -config e.cnf -extensions e -out "$1.pem"
}
# name, subject, curve, digest, signer, extensions (none: version 1)
signed() {
  key "$1" "$3"; openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null
  if [ -n "$6" ]; then
    printf '%b\n' "$6" > e.cnf; set -- "$1" "$2" "$3" "$4" "$5" "-extfile e.cnf"
  else set -- "$1" "$2" "$3" "$4" "$5" ""; fi
  # shellcheck disable=SC2086
  openssl x509 -req -in "$1.csr" -"$4" -CA "$5.pem" -CAkey "$5.key" -CAcreateserial -days "$days" $6 -out "$1.pem" 2>/dev/null
}
CA='basicConstraints=critical,CA:TRUE'; LEAF='basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth'
selfsigned ca ca prime256v1 sha256 "$CA\nkeyUsage=keyCertSign"
selfsigned other-ca ca prime256v1 sha256 "$CA"
days_of=10 selfsigned short-ca short prime256v1 sha256 "$CA"
selfsigned path-ca path prime256v1 sha256 "$CA,pathlen:0"
selfsigned named-ca named prime256v1 sha256 "$CA\nnameConstraints=permitted;DNS:example.com"
selfsigned mute-ca mute prime256v1 sha256 "$CA\nkeyUsage=digitalSignature"
selfsigned server-ca server prime256v1 sha256 "$CA\nextendedKeyUsage=serverAuth"
selfsigned p521-ca p521 secp521r1 sha256 "$CA"
selfsigned self-ca self-ca prime256v1 sha256 "$CA"
selfsigned self-leaf self-leaf prime256v1 sha256 'basicConstraints=CA:FALSE'
selfsigned self-plain self-plain prime256v1 sha256 'subjectKeyIdentifier=hash'
selfsigned self-p521 self-p521 secp521r1 sha512 "$CA"
selfsigned self-server self-server prime256v1 sha256 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth'
selfsigned self-odd self-odd prime256v1 sha256 'basicConstraints=CA:FALSE\n1.2.3.4=critical,DER:0500'
signed client client prime256v1 sha256 ca "$LEAF"
signed client-silent silent prime256v1 sha256 ca 'basicConstraints=CA:FALSE'
signed client-any any prime256v1 sha256 ca 'basicConstraints=CA:FALSE\nextendedKeyUsage=anyExtendedKeyUsage'
signed client-server server prime256v1 sha256 ca 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth'
signed client-odd odd prime256v1 sha256 ca "$LEAF\n1.2.3.4=critical,DER:0500"
signed client-ca client-ca prime256v1 sha256 ca "$CA\nextendedKeyUsage=clientAuth"
signed client-ca-server client-ca-server prime256v1 sha256 ca "$CA\nextendedKeyUsage=serverAuth"
signed client-ca-odd client-ca-odd prime256v1 sha256 ca "$CA\n1.2.3.4=critical,DER:0500"
signed client-v1 v1 prime256v1 sha256 ca ''
signed client-p521 p521-client secp521r1 sha256 ca "$LEAF"
for digest in 256 384 512; do signed "p521-$digest" "p$digest" secp521r1 "sha$digest" p521-ca "$LEAF"; done
signed p521-v1 p521-v1 secp521r1 sha512 p521-ca ''
signed forged client prime256v1 sha256 other-ca "$LEAF"
signed forged-v1 v1 prime256v1 sha256 other-ca ''
signed forged-ca client-ca prime256v1 sha256 other-ca "$CA"
for who in short path named mute server; do
  signed "$who-client" c prime256v1 sha256 "$who-ca" "$LEAF"; signed "$who-v1" c prime256v1 sha256 "$who-ca" ''
done
for who in self-leaf self-plain; do
  signed "by-$who" c prime256v1 sha256 "$who" "$LEAF"; signed "by-$who-v1" c prime256v1 sha256 "$who" ''
done
signed middle middle prime256v1 sha256 ca "$CA,pathlen:0"
signed middle-client c prime256v1 sha256 middle "$LEAF"
signed middle-v1 c prime256v1 sha256 middle ''
signed path-middle path-middle prime256v1 sha256 path-ca "$CA"
signed path-middle-client c prime256v1 sha256 path-middle "$LEAF"
signed by-client c prime256v1 sha256 client "$LEAF"
signed by-client-v1 c prime256v1 sha256 client-v1 "$LEAF"
cp ./*.pem "$out"; rm -rf "$work"
