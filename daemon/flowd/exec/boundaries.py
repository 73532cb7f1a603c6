"""What confined steps see and may write to, as data; `confine.py` carries it out.

project   reads everything but credentials, Flow's own files and other programs' sockets;
          writes to the project, a /tmp of its own, and a layer over the caches of tools
strict    reads the project and the system (no home, no /var), writes as `project`, no network
"""

import contextlib
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowd.domain.ports import Confinement
from flowd.errors import Unsupported
from flowd.exec.folders import LAYERS, TEMPORARY
from flowd.exec.held import HELD
from flowd.exec.places import is_within, readable_places, writable_places

if TYPE_CHECKING:
    from flowd.exec.confine import Bounds


def _listed(text: str) -> list[str]:
    return text.split()


_CREDENTIALS = _listed("""
    .ssh .gnupg .aws .azure .oci .kube .docker/config.json .config/containers/auth.json
    .config/gcloud .config/gh .config/glab-cli .config/hub .config/doctl .config/op .config/rclone
    .config/sops .config/age .config/heroku .config/netlify .config/stripe .config/.wrangler
    .netrc .git-credentials .config/git/credentials .npmrc .pypirc .gem/credentials
    .cargo/credentials .cargo/credentials.toml .m2/settings-security.xml .terraformrc
    .terraform.d/credentials.tfrc.json .vault-token .pgpass .my.cnf .mylogin.cnf .s3cfg .boto
    .databrickscfg .kaggle .fly .step .password-store .local/share/keyrings .local/share/kwalletd
    .pki .putty .Xauthority .ICEauthority .cache/huggingface/token .huggingface
    .config/github-copilot .claude .claude.json .codex .gemini .config/anthropic
    .mozilla .config/mozilla .thunderbird .config/google-chrome .config/chromium
    .config/BraveSoftware .config/microsoft-edge .config/vivaldi .config/opera .var/app snap
    .config/Signal .config/Slack .config/discord .config/1Password .config/Bitwarden
    .local/share/TelegramDesktop .electrum .bitcoin .ethereum
    .bash_history .zsh_history .histfile .python_history .node_repl_history .psql_history
    .mysql_history .sqlite_history .local/share/fish/fish_history .lesshst .viminfo
""")
"""Seen from a home. Files and folders that hold keys, tokens, sessions, or what was typed."""

_NAMED_BY = _listed("""
    GNUPGHOME KUBECONFIG NETRC DOCKER_CONFIG REGISTRY_AUTH_FILE PGPASSFILE GH_CONFIG_DIR
    AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE AZURE_CONFIG_DIR CLOUDSDK_CONFIG
    GOOGLE_APPLICATION_CREDENTIALS NPM_CONFIG_USERCONFIG PASSWORD_STORE_DIR SOPS_AGE_KEY_FILE
""")
"""Variables that say where credentials are when they are not where they usually are."""

_SYSTEM_SECRETS = _listed("""
    /etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- /etc/sudoers /etc/sudoers.d
    /etc/ssl/private /etc/pki/tls/private /etc/krb5.keytab /etc/wireguard /etc/openvpn
    /etc/NetworkManager/system-connections /etc/kubernetes /etc/rancher /etc/docker/key.json
    /etc/letsencrypt /etc/ppp /etc/flow
    /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_ed25519_key
    /root/.ssh /var/lib/docker /var/spool/cron /var/backups
""")

FOR_NAMES = _listed("""
    /run/systemd/resolve /run/resolvconf /run/NetworkManager/resolv.conf
    /run/NetworkManager/no-stub-resolv.conf /run/current-system /run/booted-system
    /run/opengl-driver
""")
"""What is seen of /run, where all else is sockets to be asked for something."""

_SYSTEM = _listed("""
    bin sbin lib lib32 lib64 libx32 usr etc opt nix gnu proc sys dev tmp run
""")
"""What `strict` sees of /."""

OUR_PROGRAMS = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))
"""What a program of ours needs to run; a private /tmp may be over it."""

_CACHES = [
    (".cache", "cache", "XDG_CACHE_HOME"),
    (".npm", "npm", "npm_config_cache"),
    (".cargo", "cargo", "CARGO_HOME"),
    (".rustup", "rustup", ""),
    ("go", "go", "GOPATH"),
    (".gradle", "gradle", "GRADLE_USER_HOME"),
    (".nuget", "nuget", "NUGET_PACKAGES"),
    (".composer", "composer", "COMPOSER_HOME"),
    (".pub-cache", "pub", "PUB_CACHE"),
    (".m2", "maven", ""),
    (".ivy2", "ivy", ""),
    (".sbt", "sbt", ""),
    (".yarn", "yarn", ""),
    (".bun", "bun", ""),
    (".dotnet", "dotnet", "DOTNET_CLI_HOME"),
    (".local/share/pnpm", "pnpm", ""),
    (".gem", "gem", ""),
    (".bundle", "bundle", ""),
    (".stack", "stack", ""),
    (".cabal", "cabal", ""),
    (".mix", "mix", "MIX_HOME"),
    (".hex", "hex", "HEX_HOME"),
    (".julia", "julia", ""),
]
"""Where tools keep what they can get again, seen from a home: folder, name, the variable that tells
of another place. What is written there is gone with the attempt: a cache that a step could change
would be code that the next build runs outside."""

_LEADS_OUT = _listed("""
    SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY
    XAUTHORITY XDG_RUNTIME_DIR
""")
"""Variables that tell of what a confined step cannot reach."""

SCOPED_SOCKETS, _SCOPED_SIGNALS = 1, 2
_LANDLOCK = 6  # Linux 6.12: from there on it stops signals and abstract sockets
OF_FILES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4  # chown, dac_override, fowner, fsetid
"""Capabilities that root keeps: `cp -a` and `tar x` need them."""

_NO_PROJECT = _listed("/bin /boot /dev /etc /lib /lib64 /proc /root/.ssh /run /sbin /sys /usr")
_SHARED = _listed("/ /tmp /var /var/tmp /home /opt /srv /mnt /media")


def project_of(cwd: str) -> str:
    """Give the folder that is the project of a run in `cwd`: its git top folder, or itself.

    Unsupported when that is no place to be written to by a step that is to be confined.
    """
    real = os.path.realpath(cwd)
    project = next((str(up) for up in (Path(real), *Path(real).parents) if _is_top(up)), real)
    if _holds_a_home(project):
        project = real
    closed = [f"{home}/{place}" for home in homes() for place in _CREDENTIALS]
    if _holds_a_home(project) or project in _SHARED:
        raise Unsupported(
            f"{project} is not a project but holds all of them: a sandbox around it keeps nothing",
            cure="run it in the project's own folder, or set sandbox: off, knowing so",
        )
    if any(is_within(project, place) for place in (*_NO_PROJECT, *closed)):
        raise Unsupported(
            f"{project} is no project: a sandbox is to keep steps out of it",
            cure="run it in a project's folder, or set sandbox: off, knowing so",
        )
    return project


def homes(environment: Mapping[str, str] | None = None) -> list[str]:
    """Give the user's home folders: by the user database, and by what HOME says, and said."""
    told = [os.environ.get("HOME", ""), (environment or {}).get("HOME", "")]
    with contextlib.suppress(KeyError):  # as in a container that is run under any number
        told.append(pwd.getpwuid(os.geteuid()).pw_dir)
    real = {os.path.realpath(home) for home in told if home.startswith("/")}
    return sorted(real - {"/"})


def bounds_of(
    confinement: Confinement,
    *,
    folder: str,
    cwd: str,
    environment: Mapping[str, str],
    own: list[str],
    program: str = "",
) -> "Bounds":
    """Say what a step with a sandbox may see and do.

    `own` are Flow's files, which no step is to see; `program` is what reads its script.
    Unsupported when a policy's globs mean too much.
    """
    strict = confinement.level == "strict"
    at = homes(environment)
    git, protected = _git_places(confinement.project)
    kept = {name: value for name, value in environment.items() if name not in _LEADS_OUT}
    temporary = f"{folder}/{TEMPORARY}"
    also = [*map(os.path.realpath, confinement.also)]
    return {
        "environment": {**kept, "TMPDIR": "/tmp"},  # noqa: S108
        "cwd": cwd,
        "folder": folder,
        "writable": [*writable_places([confinement.project, *git], confinement.drawn), *also],
        "readable": [*readable_places(confinement.drawn), *always_readable(program, also)],
        "fixed": [
            *protected,
            f"{confinement.project}/.flow",
            f"{folder}/record",  # it names processes that the daemon may have to end
            f"{folder}/{HELD}",
        ],
        "hidden": [
            *own,
            *(f"{home}/{place}" for home in at for place in _CREDENTIALS),
            *_named_credentials(environment),
            *_named_credentials(os.environ),  # which no workflow can set
            *_SYSTEM_SECRETS,
            "/run",
        ],
        "private": {"/tmp": temporary, "/var/tmp": temporary},  # noqa: S108
        "shown": [*FOR_NAMES, *(OUR_PROGRAMS if confinement.also else ())],
        "layers": [],
        "caches": _CACHES,
        "layers_in": f"{folder}/{LAYERS}",
        "homes": [] if strict or confinement.drawn.readable else at,
        "only": _SYSTEM if strict else [],
        "reachable": [],
        "network": confinement.drawn.network and not strict,
        "apart": True,
        "any_socket": False,
        "scoped": SCOPED_SOCKETS | _SCOPED_SIGNALS,
        "landlock": _LANDLOCK,
        "capabilities": OF_FILES,
    }


def always_readable(program: str, also: list[str]) -> list[str]:
    """Give what a step may read whatever policies draw: its shell, and how names are found.

    `also` are folders of ours, for a program of ours.
    """
    real = os.path.realpath(program)
    of_python = [f"{Path(real).parents[1]}/lib/{Path(real).name}"] if "/bin/python" in real else []
    return [*FOR_NAMES, program, real, *of_python, *also, *(OUR_PROGRAMS if also else ())]


def places_rehearsed(project: str) -> list[str]:
    """Give the folders that a rehearsal needs a layer over: git's may be elsewhere."""
    git, _ = _git_places(project)
    return [project, *(place for place in git if not is_within(place, project))]


def rehearse(bounds: "Bounds", project: str, place: Path) -> None:
    """Have a step write into what stands in for its project, and without network."""
    bounds["network"] = False
    bounds["writable"] = []
    copy = place / "copy"
    if copy.is_dir():
        bounds["private"][project] = str(copy)
        return
    bounds["layers"] = [
        (target, f"{place}/{number}/upper", f"{place}/{number}/work")
        for number, target in enumerate(places_rehearsed(project))
    ]


def _named_credentials(environment: Mapping[str, str]) -> list[str]:
    """Give the places that variables name; below XDG_CONFIG_HOME what else is below ~/.config."""
    named = [path for name in _NAMED_BY for path in environment.get(name, "").split(":")]
    config = environment.get("XDG_CONFIG_HOME", "")
    named += [f"{config}/{place[8:]}" for place in _CREDENTIALS if place.startswith(".config/")]
    return [path for path in named if path.startswith("/") and path.strip("/")]


def _git_places(project: str) -> tuple[list[str], list[str]]:
    """Give git's folders of a project, each to be a mount of its own, and what is fixed in them.

    A mount cannot be moved out of the way. The hooks and settings name programs that run later,
    outside of every sandbox.
    """
    top = f"{project}/.git"
    if os.path.islink(top):  # noqa: PTH114
        return [], []
    if os.path.isdir(top):  # noqa: PTH112
        common = top
    else:
        common = _common_folder(top)
        if not common:
            return [], []
    repositories = [common, *_modules_of(common)]
    for repository in repositories:
        if not os.path.lexists(f"{repository}/hooks"):
            with contextlib.suppress(OSError):  # then a step cannot make it either
                os.mkdir(f"{repository}/hooks", 0o755)  # noqa: PTH102  # to be mounted upon
    names = ("hooks", "config", "config.worktree")
    return repositories, [f"{repository}/{name}" for repository in repositories for name in names]


def _modules_of(repository: str) -> list[str]:
    """Give the repositories of submodules, which lie within, at any depth."""
    found, waiting = [], [Path(repository, "modules")]
    while waiting:
        folder = waiting.pop()
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            found.append(str(folder))
            waiting.append(folder / "modules")
        elif folder.is_dir() and not folder.is_symlink():
            waiting += [below for below in folder.iterdir() if not below.is_symlink()]
    return found


def _common_folder(link: str) -> str:
    """Give the repository of a working tree that `git worktree add` made; empty when it is none.

    A step can write anything into the file `.git`, so it counts only if the repository says so too:
    a step cannot have written there (gitrepository-layout(5), `worktrees/<id>/gitdir`).
    """
    try:
        folder = Path(Path(link).read_text().removeprefix("gitdir:").strip())
        back = Path(folder, "gitdir").read_text().strip()
        common = os.path.realpath(Path(folder, Path(folder, "commondir").read_text().strip()))
    except (OSError, ValueError):
        return ""
    ours = folder.is_absolute() and folder.parent == Path(common, "worktrees")
    return common if ours and os.path.realpath(back) == os.path.realpath(link) else ""


def _is_top(folder: Path) -> bool:
    """Whether the folder is the top of a repository of this user's."""
    git = folder / ".git"
    try:
        if git.is_symlink() or git.stat().st_uid != os.geteuid():
            return False
        return (git / "HEAD").exists() if git.is_dir() else bool(_common_folder(str(git)))
    except OSError:
        return False


def _holds_a_home(folder: str) -> bool:
    return any(is_within(home, folder) for home in homes())
