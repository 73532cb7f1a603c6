#!/bin/sh
# Programs that tests use and PyPI does not have: installed where that can be done without asking
# anybody, which is as root with apt. Elsewhere, and without a network, the tests that need them are
# skipped and say why.
#
# program:package, one for each line; a program that is there is left as it is. A name with .so in
# it is a library's.
wanted='
zsh:zsh
fish:fish
groff:groff-base
strace:strace
dbus-daemon:dbus-daemon
faketime:faketime
libfuse3.so.3:libfuse3-3
'
is_there() {
  case $1 in
    *.so.*) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q "$1" ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}
missing=
for line in $wanted; do
  is_there "${line%%:*}" || missing="$missing ${line#*:}"
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
