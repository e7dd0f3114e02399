#!/bin/sh
# Makes the secrets of docker-compose.yml below deploy/secrets, each once; existing ones are left alone.
# The TLS certificate is self-signed, for a first try: put your own in its place.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
umask 077
random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
[ -e secrets/database_password ] || random > secrets/database_password
[ -e secrets/redis_password ] || random > secrets/redis_password
[ -e secrets/media_token ] || random > secrets/media_token
[ -e secrets/turn_secret ] || random > secrets/turn_secret
[ -e secrets/keys ] || printf '0:%s\n1:%s\n' "$(random)" "$(random)" > secrets/keys
[ -e secrets/tls_key.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
  -subj "/CN=${HOICHAN_NAME:-localhost}" -addext "subjectAltName=DNS:${HOICHAN_NAME:-localhost},DNS:turn.${HOICHAN_NAME:-localhost}" \
  -keyout secrets/tls_key.pem -out secrets/tls_certificate.pem 2>/dev/null
# The containers' own user (10001) reads them as mounted files.
chmod 644 secrets/*
