"""Tools that a task names: whoever says yarn does not want an answer for npm.

Only names that mean nothing else count. "Find", "make" or "go" in a sentence are mostly verbs, and
`zip` or `tar` kinds of file.
"""

import re
from collections.abc import Iterable, Sequence

_OTHER_TOOL = 0.7
_WORD = re.compile(r"[a-z][\w+-]*")

_NAMES_TEXT = """
    yarn: yarn
    pnpm: pnpm
    npm: npm npx
    npx: npx
    bun: bun
    deno: deno
    pip: pip pip3 pip-compile
    pip3: pip pip3
    pipx: pipx
    pipenv: pipenv
    uv: uv uvx
    poetry: poetry
    conda: conda mamba
    pyenv: pyenv
    nvm: nvm
    pytest: pytest
    tox: tox
    mypy: mypy
    ruff: ruff
    flake8: flake8
    pylint: pylint
    jest: jest
    eslint: eslint
    prettier: prettier
    cargo: cargo
    crate: cargo
    crates: cargo
    rustup: rustup
    gcc: gcc g++
    clang: clang clang++
    cmake: cmake
    maven: mvn
    mvn: mvn
    gradle: gradle gradlew
    golang: go
    docker: docker docker-compose
    dockerfile: docker
    podman: podman
    kubernetes: kubectl helm minikube kind
    k8s: kubectl helm
    kubectl: kubectl
    helm: helm
    terraform: terraform
    ansible: ansible ansible-playbook ansible-vault ansible-galaxy
    systemctl: systemctl
    systemd: systemctl journalctl systemd-analyze systemd-run loginctl
    journalctl: journalctl
    rsync: rsync
    scp: scp
    sftp: sftp
    sshfs: sshfs
    curl: curl
    wget: wget
    nmap: nmap
    tcpdump: tcpdump
    netcat: nc netcat ncat
    iptables: iptables
    ufw: ufw
    tmux: tmux
    vim: vim
    awk: awk gawk
    sed: sed
    grep: grep egrep zgrep pgrep
    ripgrep: rg
    jq: jq
    yq: yq
    xargs: xargs
    openssl: openssl
    gpg: gpg
    sqlite: sqlite3
    sqlite3: sqlite3
    postgres: psql pg_dump pg_dumpall pg_restore createdb dropdb createuser pg_ctl pg_isready
    postgresql: psql pg_dump pg_dumpall pg_restore createdb dropdb createuser pg_ctl pg_isready
    psql: psql
    pg_dump: pg_dump
    mysql: mysql mysqldump mysqladmin mysqlcheck mysqlimport
    mysqldump: mysqldump mysql
    mongodb: mongosh mongodump mongorestore mongoexport mongoimport mongod
    redis: redis-cli redis-server
    ffmpeg: ffmpeg ffprobe
    ffprobe: ffprobe
    imagemagick: magick convert mogrify identify
    pandoc: pandoc
    strace: strace
    lsof: lsof
    crontab: crontab
    brew: brew
    homebrew: brew
    svn: svn
    vagrant: vagrant
    rails: rails
    django: manage.py django-admin
"""
_PROGRAMS = {
    name.strip(): frozenset(programs.split())
    for name, programs in (line.split(":") for line in _NAMES_TEXT.strip().splitlines())
}


def tools_named(task: str) -> list[frozenset[str]]:
    """Give, for each tool the task names, the programs that are it: any one of them will do."""
    words = dict.fromkeys(_WORD.findall(task.lower()))
    return [_PROGRAMS[word] for word in words if word in _PROGRAMS]


def fitness(named: Sequence[frozenset[str]], scripts: Iterable[str]) -> float:
    """Say how well scripts fit the tools that are named: 1 with one of them, or when none is."""
    if not named:
        return 1.0
    words = {word for script in scripts for word in _WORD.findall(script)}
    return 1.0 if any(programs & words for programs in named) else _OTHER_TOOL
