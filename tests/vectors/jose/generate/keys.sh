#!/bin/sh
# Makes the throw-away test keys once, with openssl. A key that is already there is kept, so that vectors stay comparable.
set -eu
cd "$(dirname "$0")/../keys"

pkcs8() { # file, then the arguments of genpkey
    file="$1.pkcs8.txt"
    shift
    [ -e "$file" ] || openssl genpkey -quiet "$@" -out "$file"
}

for bits in 1024 2048 3072 4096; do
    pkcs8 "rsa$bits" -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits"
done
pkcs8 rsa2048-other -algorithm RSA -pkeyopt rsa_keygen_bits:2048
pkcs8 rsa2048-e3 -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3
for curve in 256 384 521; do
    pkcs8 "p$curve" -algorithm EC -pkeyopt "ec_paramgen_curve:P-$curve"
done
pkcs8 p256-other -algorithm EC -pkeyopt ec_paramgen_curve:P-256
pkcs8 secp256k1 -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1
pkcs8 ed25519 -algorithm ED25519
pkcs8 ed25519-other -algorithm ED25519
pkcs8 ed448 -algorithm ED448
pkcs8 x25519 -algorithm X25519

# The two older containers that exeat must refuse by name.
[ -e p256.sec1.txt ] || openssl ec -in p256.pkcs8.txt -out p256.sec1.txt 2>/dev/null
[ -e rsa2048.pkcs1.txt ] || openssl rsa -in rsa2048.pkcs8.txt -traditional -out rsa2048.pkcs1.txt 2>/dev/null
