"""Programs that change nothing, and the ways to call others so that they change nothing."""

import re

from flowd.safety.command import Command
from flowd.safety.tables import listed

ABOUT_FILES = listed(
    "ls stat wc du df file test [ md5sum sha1sum sha256sum sha512sum cksum b2sum "
    "basename dirname realpath readlink find which type locate tree chmod chown "
    "touch mkdir rm diff cmp comm id"
)
"""Programs that print about files, not what is in them."""

_ALWAYS = ABOUT_FILES - {"chmod", "chown", "touch", "mkdir", "rm", "find"} | listed(
    "cat tac head tail less more bat nl grep egrep fgrep rg ag ack zgrep cut tr "
    "rev paste column fold fmt expand unexpand uniq strings od hexdump echo "
    "printf pwd true false : date cal uptime whoami who w users groups hostname "
    "uname arch nproc lscpu lsblk lsusb lspci lsof free vmstat iostat mpstat sar "
    "ps pgrep pidof pstree top htop jobs env printenv locale tty stty getconf "
    "ulimit seq yes sleep wait expr bc dc factor numfmt jq yq xmllint base64 "
    "base32 zcat bzcat xzcat zless whereis whatis man info help apropos nslookup "
    "dig host ping traceroute tracepath mtr ss netstat cloc tokei sum shuf "
    "mapfile read cd pushd popd dirs export declare local readonly typeset set "
    "unset shift alias unalias return exit break continue getopts let trap hash "
    "enable complete compgen shopt umask times disown fg bg exec eval source . "
    "command builtin test logout sha224sum sha384sum xxd getent last lastlog "
    "lsmod modinfo blkid findmnt nvidia-smi sensors acpi lsb_release look ldd nm "
    "objdump readelf size c++filt addr2line tput clear reset fc-list mdls "
    "pygmentize glow diffstat dpkg-query apt-cache rpmquery pip-audit shellcheck "
    "hadolint yamllint tsc-check basenc wait sdiff vimdiff colordiff delta iconv "
    "envsubst getfacl lsattr md5 sha1 shasum cksum identify exiftool ffprobe "
    "mediainfo pdfinfo pdftotext [[ choose fzf tail-f watch timedatectl "
    "journalctl dmesg loginctl hostnamectl"
)
_TRANSPARENT = listed(
    "sh bash zsh dash ksh ash env nice ionice timeout nohup setsid time stdbuf "
    "xargs parallel find fd watch busybox toybox command builtin sudo doas chrt "
    "taskset unbuffer script awk gawk mawk nawk ssh psql mysql mariadb sqlite3 "
    "duckdb strace"
)
"""Programs that are as harmless as what they run, which is looked at by itself."""

_SUBCOMMANDS = {
    "git": listed(
        "status log diff show blame shortlog describe rev-parse rev-list ls-files "
        "ls-tree ls-remote cat-file grep reflog whatchanged help version var "
        "check-ignore check-attr merge-base name-rev show-ref show-branch "
        "for-each-ref cherry count-objects diff-tree diff-index range-diff "
        "verify-commit verify-tag fsck annotate diff-files request-pull"
    ),
    "docker": listed("ps images inspect logs version info top stats port history events search"),
    "podman": listed("ps images inspect logs version info top stats port history events search"),
    "kubectl": listed(
        "get describe logs top explain api-resources api-versions cluster-info version diff auth"
    ),
    "npm": listed("ls list view info outdated audit root prefix bin help search ping whoami why"),
    "pnpm": listed("ls list outdated audit why root"),
    "yarn": listed("list info why outdated audit"),
    "pip": listed("list show freeze check search index help"),
    "cargo": listed("tree metadata search version help"),
    "go": listed("version env list doc vet"),
    "brew": listed("list info search outdated doctor config deps uses desc"),
    "apt": listed("list show search policy depends rdepends"),
    "apt-get": frozenset(["check", "changelog"]),
    "dnf": listed("list info search repolist repoquery provides"),
    "systemctl": listed(
        "status list-units list-unit-files is-active is-enabled is-failed show cat "
        "list-timers list-dependencies list-sockets get-default"
    ),
    "terraform": listed("plan show validate output version providers graph console"),
    "helm": listed("list ls status get show search history version template lint env"),
    "crontab": frozenset(),
    "gh": frozenset(),
}
_GIT_LISTS = {
    "branch": re.compile(
        r"-[avrl]+|--(?:list|all|remotes?|merged|no-merged|show-current|verbose).*"
    ),
    "tag": re.compile(r"-l|--list.*|-n\d*|--(?:contains|points-at|sort).*"),
    "remote": re.compile(r"-v|--verbose|show|get-url"),
    "stash": re.compile(r"list|show"),
    "config": re.compile(r"--(?:get|list|get-all|get-regexp|show-origin).*|-l|get|list"),
    "worktree": re.compile(r"list"),
    "submodule": re.compile(r"status|summary"),
    "bisect": re.compile(r"log|view|visualize"),
    "notes": re.compile(r"list|show"),
}
_ASKS = frozenset({"--help", "--version"})


def knows(name: str) -> bool:
    """Whether a program is in these tables."""
    return name in _ALWAYS or name in _SUBCOMMANDS or name in _TRANSPARENT


def allows(command: Command) -> bool:
    """Whether this call changes nothing; redirects and what it runs are looked at elsewhere."""
    name = command.name
    if name in _TRANSPARENT:
        return name not in ("find", "gfind") or not command.has_word(
            "-delete", "-fprint", "-fprint0", "-fls", "-fprintf"
        )
    if name in _ALWAYS:
        return not _changes_after_all(command)
    if any(argument.text in _ASKS for argument in command.arguments):
        return name in _SUBCOMMANDS
    words = [argument.text for argument in command.arguments if not argument.text.startswith("-")]
    if name == "git":
        return _git(command, words)
    if name in ("sed", "gsed"):
        return not any(re.match(r"-[a-zA-Z]*i|--in-place", a.text) for a in command.arguments)
    if name == "sort":
        return not any(re.match(r"-[a-zA-Z]*o|--output", a.text) for a in command.arguments)
    if name == "crontab":
        return command.has_word("-l")
    if name in ("tar", "bsdtar"):
        return (
            bool(command.arguments)
            and re.fullmatch(r"-?t[a-z]*|--list", command.arguments[0].text) is not None
        )
    if name == "unzip":
        return command.has_word("-l", "-v", "-t", "-Z")
    if name == "gh":
        return len(words) > 1 and words[1] in ("list", "view", "status", "diff", "checks")
    return bool(words) and words[0] in _SUBCOMMANDS.get(name, ())


def _changes_after_all(command: Command) -> bool:
    """The few options with which a reading program writes."""
    name = command.name
    if name == "date":
        return command.has_word("-s", "--set")
    if name == "hostname":
        return any(not argument.text.startswith("-") for argument in command.arguments)
    if name in ("yq", "shuf", "tree", "xmllint", "less", "xxd"):
        return any(
            re.match(r"-o|--output|-i$|--inplace|-r$", argument.text)
            for argument in command.arguments
        )
    if name in ("journalctl", "dmesg"):
        return any(
            re.match(r"--vacuum|--rotate|--flush|-[cC]$|--clear", a.text) for a in command.arguments
        )
    if name in ("timedatectl", "loginctl", "hostnamectl"):
        return bool(command.arguments) and command.arguments[0].text not in (
            "status",
            "show",
            "list",
        )
    return False


def _git(command: Command, words: list[str]) -> bool:
    values = ("-C", "-c", "--git-dir", "--work-tree")
    texts = [argument.text for argument in command.arguments]
    while texts and texts[0].startswith("-"):
        texts = texts[2:] if texts[0] in values else texts[1:]
    if not texts:
        return True
    name, *rest = texts
    if any(text.startswith("--output") for text in rest):
        return False
    if name == "reflog":
        return not rest or rest[0] not in ("expire", "delete")
    if name in _SUBCOMMANDS["git"]:
        return True
    lists = _GIT_LISTS.get(name)
    if lists is None:
        return False
    if not rest:
        return name in ("branch", "tag", "remote")
    return lists.fullmatch(rest[0]) is not None
