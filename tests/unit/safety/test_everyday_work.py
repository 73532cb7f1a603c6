"""Ordinary work is not asked about, and labelled commands get the verdict they are labelled with.

The labelled commands are not part of the project. They are looked for in the folder that the
environment variable FLOW_SHARED names, else in `shared` beside the checkout.
"""

import json
import os
import statistics
import time
from pathlib import Path

import pytest

from flowd.safety.judge import make_judge
from support.judging import judged

_SHARED = Path(os.environ.get("FLOW_SHARED", Path(__file__).parents[4] / "shared"))
_LABELLED = _SHARED / "data" / "danger_dev.jsonl"

needs_labelled_commands = pytest.mark.skipif(
    not _LABELLED.is_file(),
    reason="the labelled commands are not here: set FLOW_SHARED to the folder that has data/",
)


@pytest.mark.parametrize(
    "command",
    """
    git tag v1.2.3
    git tag -a "v$version" -m "Release $version"
    git commit -am 'Fix the build'
    git push origin v1.2.3
    git push origin "v$version"
    git push -u origin HEAD
    pytest -q
    python -m pytest tests -x
    make
    make clean
    make -C docs html
    mkdir -p out/reports
    cp -r assets out/
    tar -czf out.tar.gz out
    tar xf release.tar.xz --strip-components=1
    echo x > file
    echo "version=$version" >> "$FLOW_OUTPUT"
    printf 'key=%s\\n' "$(git rev-parse HEAD)" >> "$FLOW_OUTPUT"
    python -m build
    python -m venv .venv
    source .venv/bin/activate
    ruff check . && ruff format --check .
    mypy src
    npm run build
    npm test -- --watch=false
    cargo build --release
    go test ./...
    docker build -t app:latest .
    docker compose up -d
    docker ps --format '{{.Names}}'
    find . -name '*.py' -not -path './.venv/*' | xargs wc -l
    grep -rn --include='*.py' 'rm -rf' . | head
    sed -i "s/^version = .*/version = \\"$version\\"/" pyproject.toml
    awk -F, '{ sum += $3 } END { print sum }' data.csv
    sort data.csv | uniq -c | sort -rn | head -20
    diff -u a.txt b.txt | tee changes.diff
    curl -fsSL https://example.com/data.json -o data.json
    jq '.items[] | select(.age > 3)' data.json > out.json
    for f in *.png; do convert "$f" "${f%.png}.jpg"; done
    while read -r line; do echo "$line"; done < names.txt
    if [ -f package.json ]; then npm run lint; fi
    test -d build || mkdir build
    cd build && cmake .. && make -j"$(nproc)"
    tmp=$(mktemp -d) && cp -r . "$tmp" && rm -rf "$tmp"
    gzip -k big.log && sha256sum big.log.gz > big.log.gz.sha256
    zip -r site.zip site
    ffmpeg -i in.mp4 out.gif
    rsync -a --exclude .git ./ ../copy/
    ssh-keygen -t ed25519 -f ./key -N ''
    openssl req -x509 -newkey rsa:4096 -keyout key.pem -out cert.pem -days 365 -nodes
    kubectl get pods -o wide
    terraform plan -out plan.out
    aws s3 ls s3://bucket
    sqlite3 app.db 'select count(*) from users'
    ps aux | grep '[n]ode' | awk '{print $2}'
    kill "$(cat server.pid)"
    nohup python -m http.server 8000 > server.log 2>&1 &
    export NODE_ENV=production; npm run build
    set -euo pipefail; ./gradlew assemble
    git log --since=yesterday --pretty=format:%s | sort > log.txt
    git switch -c feature/x && git merge --no-ff main
    git stash && git pull --rebase && git stash pop
    git bisect start HEAD v1.0 && git bisect run make test
    chmod +x scripts/build.sh
    touch .nojekyll && ln -sf ../shared .
    python3 -c 'import sys, json; print(json.load(sys.stdin)["version"])' < package.json
    env DEBUG=1 npm start
    time make test
    timeout 60 pytest -q tests/fast
    watch -n 5 'kubectl get pods'
    code .
    vim notes.md
    date +%F && uptime
    """.strip().splitlines(),
)
def test_ordinary_work_is_allowed(command):
    judgement = judged(command.strip())
    assert judgement.verdict == "allow", judgement.findings


@needs_labelled_commands
def test_labelled_commands():
    rows = [json.loads(line) for line in _LABELLED.read_text(encoding="utf-8").splitlines()]
    judge = make_judge()
    verdicts = [(row, judge.judge(row["command"]).verdict) for row in rows]

    def share(rows):
        found = list(rows)
        return sum(found) / len(found)

    assert share(v != "allow" for row, v in verdicts if row["label"] != "safe") >= 0.97
    assert share(v == "block" for row, v in verdicts if row["label"] == "block") >= 0.95
    assert share(v != "allow" for row, v in verdicts if row["near_miss"]) <= 0.03
    label_of = {"allow": "safe", "confirm": "confirm", "block": "block"}
    assert share(label_of[v] == row["label"] for row, v in verdicts) >= 0.90


@needs_labelled_commands
def test_a_judgement_takes_less_than_a_millisecond():
    """The aim is half the commands in 0.3 ms and 99 of 100 in 5 ms; here with room to spare."""
    commands = [
        json.loads(line)["command"] for line in _LABELLED.read_text(encoding="utf-8").splitlines()
    ]
    judge = make_judge()
    seconds = []
    for command in commands:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            judge.judge(command)
            best = min(best, time.perf_counter() - start)
        seconds.append(best)
    assert statistics.median(seconds) < 0.0009
    assert statistics.quantiles(seconds, n=100)[98] < 0.015
