"""Package managers: installing, removing and publishing."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rules
from flowd.safety.rules.verbs import Verbs, rule_of
from flowd.safety.state import State
from flowd.safety.tables import listed

_INSTALL = ("packages.install", "Installs software, which may run code of its own.")
_REMOVE = ("packages.remove", "Removes software.")
_PUBLISH = ("packages.publish", "Publishes to a package registry: others get it at once.")
_CHANGE = ("packages.change", "Changes installed software.")

_NODE = Verbs(
    {
        _INSTALL: "install i in ins inst isntall add ci clean-install update up upgrade link "
        "create global/add install-test it rebuild audit/fix dlx",
        _REMOVE: "uninstall un remove rm r unlink prune",
        _PUBLISH: "publish unpublish deprecate dist-tag/add dist-tag/rm owner/add owner/rm "
        "access/public access/set team/create token/create token/revoke npm/publish npm/unpublish",
    },
    "--prefix -w --workspace --registry --loglevel --cwd -C --dir --filter",
    "--dry-run",
)
_PYTHON = Verbs(
    {_INSTALL: "install", _REMOVE: "uninstall"},
    "-r -c -e -t -i --requirement --target --index-url --extra-index-url --prefix --root -f "
    "--python",
    "--dry-run",
)
_PROJECT = Verbs(
    {
        _INSTALL: "install add update sync upgrade self/update tool/install pip/install pip/sync "
        "plugin/add tool/run tool/upgrade python/install build/install self/add",
        _REMOVE: "remove uninstall pip/uninstall tool/uninstall env/remove",
        _PUBLISH: "publish upload",
    },
    "-p --python --group -C --directory --project --index",
    "--dry-run",
)
_SYSTEM = Verbs(
    {
        _INSTALL: "install reinstall add update upgrade dist-upgrade full-upgrade dup in up tap "
        "groupinstall localinstall build-dep refresh cask/install fetch/install bundle switch try",
        _REMOVE: "remove purge autoremove erase uninstall del rm autoclean clean delete rmi zap "
        "disable unlink untap",
        _CHANGE: "downgrade config-manager services/start services/stop services/restart "
        "hold mark module pin link",
    },
    "-c -o -t --config-file --option --target-release --repo --enablerepo --disablerepo "
    "--releasever",
    "--dry-run -s --simulate --just-print --no-act --assumeno --print-uris --download-only",
)
_RUST = Verbs(
    {
        _INSTALL: "install binstall add component/add target/add toolchain/install self/update "
        "default",
        _REMOVE: "uninstall remove toolchain/uninstall",
        _PUBLISH: "publish yank owner",
    },
    "--vers --version --git --branch --tag --path --root -p --package --manifest-path --features",
    "--dry-run -n --list -l",
)
_TOOLCHAINS = Verbs(
    {
        _INSTALL: "update install default self/update target/add component/add toolchain/install",
        _REMOVE: "uninstall toolchain/uninstall self/uninstall target/remove component/remove",
    }
)
_GEMS = Verbs(
    {
        _INSTALL: "install update require add global/require create-project",
        _REMOVE: "uninstall remove cleanup",
        _PUBLISH: "push yank owner",
    },
    "-v --version --install-dir -i",
    "--dry-run",
)
_OTHERS = Verbs(
    {
        _INSTALL: "install upgrade update add get tap env/create create self-update refresh sdk",
        _REMOVE: "remove uninstall delete purge env/remove clean",
        _PUBLISH: "publish push deploy release upload nuget/push hex/publish pub/publish",
    },
    "-n --name -p --prefix -c --channel -f --file",
    "--dry-run",
)
_LOCAL_TOOLS = listed(
    "eslint prettier tsc jest vitest mocha webpack vite rollup esbuild tsx "
    "ts-node playwright cypress stylelint biome turbo nx next nuxt astro "
    "svelte-check tailwindcss postcss babel nyc c8 ava tap swc rimraf "
    "concurrently nodemon husky lint-staged commitlint typedoc storybook wrangler "
    "prisma"
)


def _pacman(command: Command, _state: State) -> Iterator[Finding]:
    """Pacman's verbs are letters: -S installs, -R removes, -Q and -Ss only look."""
    for argument in command.arguments:
        text = argument.text
        if (text.startswith("-S") and not any(letter in text for letter in "sgilp")) or text in (
            "-U",
            "--sync",
            "--upgrade",
        ):
            yield confirm(*_INSTALL, command.span)
        elif text.startswith("-R") or text == "--remove":
            yield confirm(*_REMOVE, command.span)


def _nix(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-f -p -A --attr --file --profile"))
    if options.has("--dry-run"):
        return
    if options.has("-i", "--install", "-u", "--upgrade"):
        yield confirm(*_INSTALL, command.span)
    elif options.has("-e", "--uninstall"):
        yield confirm(*_REMOVE, command.span)


def _low_level(command: Command, _state: State) -> Iterator[Finding]:
    """Dpkg and rpm."""
    options = split(command.arguments)
    if options.has("-i", "--install", "-U", "--upgrade", "-F", "--unpack", "--configure") and not (
        options.has("-q", "--query")
    ):
        yield confirm(*_INSTALL, command.span)
    elif options.has("-r", "--remove", "-P", "--purge", "-e", "--erase"):
        yield confirm(*_REMOVE, command.span)


_PUBLISHES = re.compile(r"(?:deploy|publish|release)(?::.*)?")


def _node_tool(command: Command, state: State) -> Iterator[Finding]:
    """`npm exec X` and `pnpm dlx X` are npx under another name."""
    words = [each.text for each in command.arguments[:2]]
    if words[:1] in (["run"], ["run-script"]) and words[1:2] and _PUBLISHES.fullmatch(words[1]):
        message = "Runs a script of the project that publishes or deploys."
        yield confirm("packages.publish", message, command.span)
    runs_code = command.name == "bun" and words[:1] == ["exec"]
    if command.arguments and command.arguments[0].text in ("exec", "x") and not runs_code:
        rest = command.arguments[1:]
        yield from _fetched_tool(
            Command("npx", command.program, rest, command.stdin, command.span), state
        )


def _fetched_tool(command: Command, _state: State) -> Iterator[Finding]:
    """npx, uvx, pipx run: fetch a package and run it at once."""
    options = split(
        command.arguments,
        listed("-p --package --python --with --from --spec --index-url -c --call"),
        first_operand_ends=True,
    )
    words = [operand.text for operand in options.operands]
    if command.name == "pipx":
        if not words or words[0] in ("list", "environment", "--version"):
            return
        words = words[1:] if words[0] == "run" else words
    if not words or options.asks_for_help or options.has("--no-install", "--no"):
        return
    if words[0].partition("@")[0] in _LOCAL_TOOLS:
        return
    yield confirm("packages.run", "May fetch a package and run it at once.", command.span)


def _editor_extension(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("--install-extension --uninstall-extension"))
    if options.has("--install-extension"):
        yield confirm(*_INSTALL, command.span)
    elif options.has("--uninstall-extension"):
        yield confirm(*_REMOVE, command.span)


def _upload(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("upload", "publish", "deploy"):
        yield confirm(*_PUBLISH, command.span)


def _install_build(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("--install", "install"):
        yield confirm(*_INSTALL, command.span)


_LOOKS = listed(
    "showmanual showauto showhold list finger dry-build build build-vm list-generations --help "
    "-h --version"
)


def _system_sources(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments and not any(each.text in _LOOKS for each in command.arguments):
        yield confirm(*_CHANGE, command.span)


def _alternatives(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("--set", "--install", "--remove", "--remove-all", "--config", "--auto"):
        yield confirm(*_CHANGE, command.span)


def _store(command: Command, _state: State) -> Iterator[Finding]:
    """What only old generations of the system need is deleted."""
    deletes = command.name == "nix-collect-garbage" or command.has_word("--gc", "gc", "--delete")
    if deletes and not command.has_word("--dry-run", "--print-dead", "--print-roots", "--help"):
        yield confirm(*_REMOVE, command.span)


def _system_update(command: Command, _state: State) -> Iterator[Finding]:
    if split(command.arguments).has("-i", "--install"):
        yield confirm(*_INSTALL, command.span)


def _go(command: Command, _state: State) -> Iterator[Finding]:
    words = split(command.arguments).operands
    if words and words[0].text in ("install", "get"):
        yield confirm(*_INSTALL, command.span)
    elif words and words[0].text == "clean" and command.has_word("-modcache", "-cache"):
        yield confirm(*_REMOVE, command.span)
    elif words[:1] and words[0].text == "run" and any("@" in word.text for word in words[1:2]):
        yield confirm("packages.run", "May fetch a package and run it at once.", command.span)


def _yarn(command: Command, _state: State) -> Iterator[Finding]:
    """`yarn` alone installs."""
    if not command.arguments:
        yield confirm(*_INSTALL, command.span)


def _build_tool(command: Command, _state: State) -> Iterator[Finding]:
    """Goals of make, Maven, Gradle and their like that install, publish or deploy."""
    if command.has_word("-n", "--dry-run", "--just-print"):
        return
    for argument in command.arguments:
        goal = argument.text.rpartition(":")[2]
        if goal in (
            "deploy",
            "publish",
            "release:perform",
            "uploadArchives",
            "publishToMavenCentral",
            "release",
            "upload",
        ):
            yield confirm(*_PUBLISH, argument.span)
        elif goal == "install" and command.name in ("make", "gmake", "ninja"):
            yield confirm(*_INSTALL, argument.span)
        elif goal == "uninstall":
            yield confirm(*_REMOVE, argument.span)


RULES: Rules = {
    **dict.fromkeys(("npm", "pnpm", "bun", "cnpm"), (rule_of(_NODE), _node_tool)),
    "yarn": (rule_of(_NODE), _yarn),
    **dict.fromkeys(("pip", "pip3", "pip2"), (rule_of(_PYTHON),)),
    **dict.fromkeys(
        ("poetry", "uv", "pdm", "rye", "hatch", "flit", "pipenv"), (rule_of(_PROJECT),)
    ),
    **dict.fromkeys(
        listed(
            "apt apt-get aptitude dnf dnf5 yum zypper brew snap flatpak port pkg nala "
            "microdnf eopkg pkgin xbps-install emerge winget choco scoop apk opkg "
            "swupd"
        ),
        (rule_of(_SYSTEM),),
    ),
    **dict.fromkeys(("pacman", "yay", "paru", "pamac"), (_pacman,)),
    **dict.fromkeys(("dpkg", "rpm"), (_low_level,)),
    "cargo": (rule_of(_RUST),),
    "rustup": (rule_of(_TOOLCHAINS),),
    "nix-env": (_nix,),
    **dict.fromkeys(
        ("gem", "bundle", "bundler", "composer", "luarocks", "cpan", "cpanm"), (rule_of(_GEMS),)
    ),
    **dict.fromkeys(
        listed(
            "conda mamba micromamba helm-plugin sdk asdf mise pyenv nvm rbenv opam ghcup "
            "mix hex dotnet nuget vcpkg conan pod carthage flutter dart stack cabal krew "
            "gup easy_install"
        ),
        (rule_of(_OTHERS),),
    ),
    **dict.fromkeys(("npx", "uvx", "pipx", "bunx", "pnpx"), (_fetched_tool,)),
    **dict.fromkeys(("code", "codium", "cursor"), (_editor_extension,)),
    "nix": (rule_of(Verbs({_INSTALL: "profile/install profile/add", _REMOVE: "profile/remove"})),),
    "softwareupdate": (_system_update,),
    "ansible-galaxy": (rule_of(_OTHERS),),
    "setup.py": (rule_of(Verbs({_INSTALL: "install develop", _PUBLISH: "upload register"})),),
    **dict.fromkeys(("cmake", "meson"), (_install_build,)),
    "rake": (rule_of(Verbs({_PUBLISH: "release"})),),
    **dict.fromkeys(
        listed("apt-mark apt-key add-apt-repository dpkg-reconfigure nixos-rebuild"),
        (_system_sources,),
    ),
    "update-alternatives": (_alternatives,),
    **dict.fromkeys(("nix-collect-garbage", "nix-store", "guix"), (_store,)),
    "twine": (_upload,),
    "vsce": (_upload,),
    "ovsx": (_upload,),
    "go": (_go,),
    **dict.fromkeys(
        ("make", "gmake", "ninja", "mvn", "mvnw", "gradle", "gradlew", "ant", "sbt"), (_build_tool,)
    ),
}
