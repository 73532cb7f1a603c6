"""The VS Code extension is type-checked, bundled and packed from what its lock file names.

Where a real VS Code is at hand (`CODE_SERVER` says where), it is used there as a person would.
"""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from support.real_daemon import BIN

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "clients" / "vscode"
SCHEMA = ROOT / "daemon" / "flowd" / "domain" / "flow.schema.json"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flow-tests"
OLDEST_NODE = 20
PLAYWRIGHT = "playwright-core@1.65.1"

NPM = ("npm", "--loglevel=error", "--no-update-notifier")


def node_version() -> int:
    """The major version of the installed node; 0 without one."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.removeprefix("v").partition(".")[0])


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the extension with the locked packages beside it, kept between runs."""
    if node_version() < OLDEST_NODE:
        pytest.skip(f"node {OLDEST_NODE} or newer and npm are not installed")
    lock = (SOURCES / "package-lock.json").read_bytes()
    packages = CACHE / f"vscode-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (packages / "complete").exists():
        packages.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(SOURCES / name, packages)
        installed = subprocess.run(
            [*NPM, "ci", "--ignore-scripts"],
            cwd=packages,
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            pytest.skip(f"npm could not install the packages: {installed.stderr.strip()[-500:]}")
        (packages / "complete").touch()
    copy = tmp_path_factory.mktemp("vscode") / "extension"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules", "out", "*.vsix"))
    (copy / "node_modules").symlink_to(packages / "node_modules")
    return copy


@pytest.fixture(scope="module")
def browser(workshop: Path) -> None:
    """What drives a real VS Code, beside the locked packages; the editor is not installed here."""
    if "CODE_SERVER" not in os.environ:
        pytest.skip("CODE_SERVER does not say where VS Code is, see clients/vscode/README.md")
    packages = (workshop / "node_modules").resolve()
    if not (packages / "playwright-core").exists():
        install = [*NPM, "install", "--no-save", "--ignore-scripts", PLAYWRIGHT]
        installed = subprocess.run(
            install, cwd=packages.parent, capture_output=True, text=True, check=False
        )
        if installed.returncode:
            pytest.skip(f"npm could not install {PLAYWRIGHT}: {installed.stderr.strip()[-500:]}")


def npm_run(workshop: Path, *words: str) -> str:
    ended = subprocess.run(
        [*NPM, "run", *words],
        cwd=workshop,
        env={**os.environ, "FLOW_SCHEMA": str(SCHEMA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def vsix(workshop: Path) -> zipfile.ZipFile:
    """The packed extension; packing type-checks and bundles first."""
    npm_run(workshop, "package", "--", "--out", "flow.vsix")
    return zipfile.ZipFile(workshop / "flow.vsix")


def test_the_types_hold(workshop: Path) -> None:
    npm_run(workshop, "check")


def test_a_type_error_would_be_seen(workshop: Path) -> None:
    wrong = workshop / "src" / "wrong.ts"
    wrong.write_text("export const wrong: number = 'text';\n")
    try:
        with pytest.raises(AssertionError, match="TS2322"):
            npm_run(workshop, "check")
    finally:
        wrong.unlink()


def test_only_what_is_needed_is_packed(vsix: zipfile.ZipFile) -> None:
    assert {name for name in vsix.namelist() if name.startswith("extension/")} == {
        "extension/package.json",
        "extension/readme.md",
        "extension/LICENSE.txt",
        "extension/out/extension.js",
        "extension/out/THIRD-PARTY.txt",
        "extension/out/flow.schema.json",
    }


def test_the_schema_is_the_daemons(vsix: zipfile.ZipFile) -> None:
    assert vsix.read("extension/out/flow.schema.json") == SCHEMA.read_bytes()


def test_the_bundle_can_be_loaded(workshop: Path, vsix: zipfile.ZipFile) -> None:
    """With a stand-in for the editor's own module, which exists only inside the editor."""
    vsix.extract("extension/out/extension.js", workshop / "unpacked")
    script = """
      const Module = require('node:module');
      const load = Module._load;
      const get = (_, name) => (name === 'prototype' ? {} : any());
      const any = () => new Proxy(function () {}, { get, construct: () => ({}) });
      Module._load = (name, ...rest) => (name === 'vscode' ? any() : load(name, ...rest));
      console.log(Object.keys(require(process.argv[1])).sort().join());
    """
    bundle = workshop / "unpacked" / "extension" / "out" / "extension.js"
    ended = subprocess.run(
        ["node", "-e", script, str(bundle)], capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("activate,deactivate\n", "")


def test_every_command_that_is_offered_is_there(vsix: zipfile.ZipFile) -> None:
    manifest = json.loads(vsix.read("extension/package.json"))
    bundle = vsix.read("extension/out/extension.js").decode()
    commands = [entry["command"] for entry in manifest["contributes"]["commands"]]
    assert commands
    assert [command for command in commands if command not in bundle] == []


def test_the_lock_file_names_packages_and_not_where_they_came_from() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)


@pytest.mark.usefixtures("browser", "vsix")
def test_a_person_can_use_it(workshop: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "FLOW_BIN": str(BIN),
        "VSIX": str(workshop / "flow.vsix"),
        "OUT": str(tmp_path / "screenshots"),
    }
    ended = subprocess.run(
        ["node", str(workshop / "test" / "ui.mjs")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
