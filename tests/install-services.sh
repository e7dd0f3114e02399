#!/bin/sh
# Installs the servers and the browser that the tests start, from Debian's packages, when one of them is missing.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromium-headless-shell >/dev/null 2>&1 || missing="$missing chromium-headless-shell"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v turnserver >/dev/null 2>&1 || missing="$missing coturn"
command -v pdftotext >/dev/null 2>&1 || missing="$missing poppler-utils"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
[ -e /usr/include/srtp2/srtp.h ] || missing="$missing libsrtp2-dev"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "The tests need:$missing. Install them with your system's package manager and run make test again." >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then as_root=""
elif sudo -n true 2>/dev/null; then as_root="sudo -n"
else
  echo "The tests need Debian packages that are missing:$missing. As root: apt-get install$missing" >&2
  exit 1
fi
echo "installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # the package names are separate words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing fonts-noto-core >/dev/null
# Installing coturn starts a relay that anybody may use until it is set up: the tests start their own.
case "$missing" in *coturn*)
  if [ -d /run/systemd/system ]; then $as_root systemctl disable --now --quiet coturn; fi
esac
