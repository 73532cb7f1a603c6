#!/usr/bin/env bash
# The main job of Flow from end to end, in a scratch repository with a daemon of its own: no key, no
# network, nothing of yours is touched. Every indented line below a `$` is what flowctl prints.
set -euo pipefail

scratch=$(mktemp -d "${TMPDIR:-/tmp}/flow-demo.XXXXXX")
export FLOW_HOME="$scratch/home" NO_COLOR=1
export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.com
export GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.com
unset OPENAI_API_KEY ANTHROPIC_API_KEY
unset MAKEFLAGS MFLAGS MAKELEVEL  # the demo runs a make of its own, which is nobody's child

cleanup() {
  flowctl --no-start daemon stop >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap cleanup EXIT

bold='' plain=''
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
title() { printf '\n%s── %s%s\n' "$bold" "$*" "$plain"; }
# A command as a person would type it.
typed() {
  local word
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./=:@-]*) printf '"%s" ' "$word" ;; *) printf '%s ' "$word" ;; esac
  done
}
# Show a command, run it, indent what it prints; `expect` is the exit status that is right here.
expect=0
show() {
  local status=0
  printf '$ %s\n' "$(typed "$@" | sed 's/ $//')"
  "$@" 2>&1 | sed 's/^/    /' || status=${PIPESTATUS[0]}
  if [ "$status" != "$expect" ]; then
    printf 'demo: exit status %s where %s was expected\n' "$status" "$expect" >&2
    exit 1
  fi
  [ "$status" = 0 ] || printf '    (exit status %s, as it should be)\n' "$status"
  expect=0
}
field() { python3 -c 'import json,sys; print(eval("d"+sys.argv[1], {"d": json.load(sys.stdin)}))' "$1"; }

git init --quiet --initial-branch=main "$scratch/project"
cd "$scratch/project"
printf 'all:\n\t@echo building\ntest:\n\t@echo "3 passed"\n' > Makefile
git add Makefile && git commit --quiet -m "A project"
git init --quiet --bare "$scratch/origin.git"
git remote add origin "$scratch/origin.git"
git push --quiet --set-upstream origin main

title "1. A task in plain words becomes ranked, judged workflows"
show flowctl suggest "make a release from a clean tree" -n 3
suggestion=$(flowctl suggest "make a release from a clean tree" -n 1 --json | field '["suggestions"][0]["id"]')

title "2. Look before it runs"
show flowctl run "$suggestion" --input version=1.0.0 --dry-run

title "3. Run it"
show flowctl run "$suggestion" --input version=1.0.0 --yes
show git ls-remote --tags origin

title "4. A run that fails half-way is taken back, last step first"
cat > release.flow.yaml <<'YAML'
flow: 1
name: release
inputs:
  version: {type: string, pattern: '^\d+\.\d+\.\d+$'}
steps:
  - id: test
    run: make test
  - id: notes
    run: echo "Release $version" > NOTES
    undo: rm NOTES
  - id: tag
    run: git tag "v$version"
    undo: git tag -d "v$version"
  - id: upload
    run: echo "the server is down" >&2; exit 7
YAML
show flowctl check release.flow.yaml
expect=1
show flowctl run release.flow.yaml --input version=2.0.0 --yes
show git tag --list
show ls

title "5. kill -9 the daemon in the middle of a step: nothing is lost, nothing happens twice"
cat > slow.flow.yaml <<'YAML'
flow: 1
name: slow
steps:
  - id: begin
    run: echo begin >> ../witness
  - id: long
    run: |
      echo long >> ../witness
      for n in 1 2 3 4 5 6; do echo "part $n of 6"; sleep 0.5; done
    undo: echo "undone" >> ../witness
  - id: end
    run: echo end >> ../witness
YAML
run=$(flowctl run slow.flow.yaml --detach --json | field '["run"]')
until grep -qs long ../witness; do sleep 0.05; done
pid=$(flowctl daemon status --json | field '["pid"]')
printf '$ kill -9 %s    # the daemon\n' "$pid"
kill -9 "$pid"
show flowctl attach "$run"
show cat ../witness

title "6. Undo a finished run"
show flowctl undo "$run"
show tail -n 1 ../witness

title "7. What happened"
show flowctl history
