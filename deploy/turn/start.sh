#!/bin/sh
# Starts coturn with deploy/turn/turnserver.conf and what this installation's environment says. Further options go to
# turnserver as they are.
#   TURN_SECRET_FILE   file with the secret that the web nodes have as HOICHAN_TURN_SECRET_FILE
#   TURN_WORKERS       addresses of the media workers, with commas between: the only peers that are allowed
#   TURN_REALM         name of the installation, such as hoichan.example.vn
#   TURN_LISTEN        address to listen at (all of them when unset)
#   TURN_RELAY         address from which workers are reached (the listening ones when unset)
#   TURN_PORT          for UDP and TCP (3478)
#   TURN_TLS_PORT      for TLS over TCP (5349); without TURN_CERTIFICATE and TURN_KEY there is no TLS
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${TURN_SECRET_FILE:?the file with the secret}" "${TURN_WORKERS:?the addresses of the media workers}"
# Not on the command line, where every process of the machine could read the secret.
umask 077
folder=$(mktemp -d)
{
  cat "$here/turnserver.conf"
  echo "static-auth-secret=$(cat "$TURN_SECRET_FILE")"
  echo "realm=${TURN_REALM:?the name of the installation}"
  echo "listening-port=${TURN_PORT:-3478}"
  echo "userdb=$folder/turndb"
  echo "pidfile=$folder/pid"
  if [ -n "${TURN_LISTEN:-}" ]; then echo "listening-ip=$TURN_LISTEN"; fi
  if [ -n "${TURN_RELAY:-}" ]; then echo "relay-ip=$TURN_RELAY"; fi
  if [ -n "${TURN_CERTIFICATE:-}" ]; then
    echo "tls-listening-port=${TURN_TLS_PORT:-5349}"
    echo "cert=$TURN_CERTIFICATE"
    echo "pkey=${TURN_KEY:?the key of the certificate}"
  else
    echo "no-tls"
  fi
  echo "$TURN_WORKERS" | tr ',' '\n' | while read -r worker; do echo "allowed-peer-ip=$worker"; done
} > "$folder/turnserver.conf"
exec turnserver -c "$folder/turnserver.conf" "$@"
