"""What the repository promises about its own shape."""

import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    "pyproject.toml", "daemon", "protocol", "clients", "tests", "packaging", "systemd",
    "README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".ci", ".gitignore",
}  # fmt: skip
SOURCES = ("daemon", "protocol", "clients/shell")


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def test_the_top_level_is_what_the_design_says():
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


def test_modules_are_rooms_not_halls():
    lengths = {
        path: len((ROOT / path).read_text().splitlines())
        for path in tracked()
        if path.endswith(".py") and path.startswith(SOURCES) and (ROOT / path).exists()
    }
    assert statistics.median(lengths.values()) <= 150
    assert {path: n for path, n in lengths.items() if n > 600} == {}


def test_the_architecture_names_only_what_is_there():
    text = (ROOT / "daemon/ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`(tests/[\w./-]+)`", text)) | set(
        re.findall(r"`(tests/[\w./-]+\.py)::", text)
    )
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_nothing_of_this_machine_is_committed():
    bad = re.compile(
        r"/work/(main|shared|\.library)|/root/\.pyenv|b-seed|pypi-more|farm-(bench|studio)"
    )
    found = []
    for path in tracked():
        file = ROOT / path
        if file.suffix in {".png", ".bin", ".db", ".msgpack"} or not file.is_file():
            continue
        if path != "tests/meta/test_repository.py" and bad.search(file.read_text(errors="replace")):
            found.append(path)
    assert found == []


def test_lock_files_name_no_registry():
    for path in tracked():
        if path.endswith("package-lock.json"):
            assert '"resolved"' not in (ROOT / path).read_text(), path


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{path}: {target}"
        for path in tracked()
        if path.endswith(".md")
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (ROOT / path).read_text())
        if not (ROOT / path).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_files_named_in_the_architecture_are_there():
    text = (ROOT / "daemon/ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|sql|json))`", text))
    files = [f"/{path}" for path in tracked()]
    lost = {name for name in named if not any(path.endswith(f"/{name}") for path in files)}
    assert lost == set()
