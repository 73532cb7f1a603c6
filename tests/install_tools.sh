#!/bin/sh
# Programs that tests use and PyPI does not have: installed where that can be done without asking
# anybody, which is as root with apt. Elsewhere, and without a network, the tests that need them are
# skipped and say why.
#
# program:package, one for each line; a program that is there is left as it is
wanted='
zsh:zsh
fish:fish
groff:groff-base
strace:strace
dbus-daemon:dbus-daemon
faketime:faketime
'
missing=
for line in $wanted; do
  command -v "${line%%:*}" >/dev/null 2>&1 || missing="$missing ${line#*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "not installed, so some tests will be skipped:$missing"
  exit 0
fi
echo "installing for tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null 2>&1
for package in $missing; do  # one by one: what one system lacks must not keep the others away
  apt-get install -qq -y --no-install-recommends "$package" >/dev/null 2>&1 \
    || echo "$package could not be installed, so some tests will be skipped"
done
