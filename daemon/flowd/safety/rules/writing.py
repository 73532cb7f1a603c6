"""Where content is written to, by a redirect or by a program."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.findings import block, confirm
from flowd.safety.paths import locate
from flowd.safety.programs.effects import Write
from flowd.safety.value import UNKNOWN

_ACCOUNTS = re.compile(
    r"/etc/(?:passwd|shadow|group|gshadow|sudoers|sudoers\.d/.*|pam\.d/.*|ld\.so\.preload|fstab"
    r"|crypttab|hosts|resolv\.conf|nsswitch\.conf|securetty|login\.defs|ssh/sshd_config"
    r"|security/.*|inittab|hostname|machine-id|os-release|ld\.so\.conf|crontab|profile|environment"
    r"|bash\.bashrc|shells|subuid|subgid|rc\.local|sysctl\.conf|default/grub)-?|/private/etc/.*"
)
_EXTENDED = re.compile(
    r"/etc/(?:fstab|hosts|resolv\.conf|hostname|crontab|profile|environment|bash\.bashrc|shells"
    r"|subuid|subgid|rc\.local|sysctl\.conf|default/grub)"
)
"""System files that get a line more in ordinary work: only to overwrite them is grave."""
_PROGRAMS = re.compile(r"(?:/usr)?/s?bin/.*|/boot/.*|/lib(?:32|64)?/.*|/usr/lib(?:32|64)?/.*")
_STARTUP = re.compile(
    r"(?:.*/)?\.(?:bashrc|bash_profile|bash_login|bash_logout|bash_aliases|profile|zshrc|zprofile"
    r"|zshenv|zlogin|kshrc|cshrc|tcshrc|login|xprofile|xinitrc|xsessionrc|inputrc)"
    r"|(?:.*/)?\.config/fish/(?:config\.fish|conf\.d/.*)|/etc/(?:profile|bash\.bashrc|zsh/.*"
    r"|profile\.d/.*|environment)"
)
_TAKES_OVER = re.compile(
    r".*/\.ssh/(?:authorized_keys2?|config|rc|environment)|(?:.*/)?\.git/(?:hooks/.*|config)"
    r"|.*/\.config/(?:autostart|systemd/user)/.*|.*/Library/LaunchAgents/.*|.*/\.gitconfig"
    r"|/var/spool/cron/.*|.*/\.(?:vimrc|emacs|tmux\.conf|gdbinit|npmrc|pypirc|netrc|pam_environment)"
)
_JOBS = re.compile(
    r"(?:.*/)?\.git/hooks/[^/]+|(?:.*/)?\.husky/[^/]+|/etc/cron\.(?:hourly|daily|weekly|monthly)/[^/]+"
    r"|/etc/rc\.local|/etc/(?:init\.d|update-motd\.d|network/if-\w+\.d|dhcp/\S*hooks\.d)/[^/]+"
)
_HISTORY = re.compile(
    r".*/\.(?:bash|zsh|sh|python|psql|mysql|node_repl|local/share/fish/fish)_history"
)
_OWN_IN_ETC = re.compile(r"/etc/(?:[^/]+/)*[\w.-]+\.d/[^/]+$")
"""Folders of /etc to which everybody adds files of their own."""
_TIMETABLE = re.compile(r"/etc/(?:crontab|cron\.d/[^/]+|anacrontab)")
_MOUNTED = ("/mnt/", "/media/", "/Volumes/", "/run/user/")


def is_startup_file(path: str) -> bool:
    """Whether a shell reads this file when it starts."""
    return _STARTUP.fullmatch(path) is not None


def is_depended_on(path: str) -> bool:
    """Whether it is a file of accounts, rights or the start that nobody but the system changes."""
    return _ACCOUNTS.fullmatch(path) is not None and _EXTENDED.fullmatch(path) is None


def is_timetable(path: str) -> bool:
    """Whether cron reads what to run, and when, from this file."""
    return _TIMETABLE.fullmatch(path) is not None


def runs_later(path: str) -> bool:
    """Whether something runs a file's shell text by itself: startup files, git's hooks, jobs."""
    return is_startup_file(path) or _JOBS.fullmatch(path) is not None


def judge(write: Write, path: str) -> Iterator[Finding]:
    """Judge writing to a resolved path."""
    span = write.target.span
    shown = path.replace(UNKNOWN, "…")
    location = locate(path)
    place = location.place
    overwrites = not write.append
    redirected = overwrites and not write.tool
    if place == "device":
        yield block(
            "disks.overwrite", f"Overwrites the device {shown}: everything on it is lost.", span
        )
    elif path == "/proc/sysrq-trigger" or (
        _ACCOUNTS.fullmatch(path) and (overwrites or not _EXTENDED.fullmatch(path))
    ):
        verb = "Overwrites" if overwrites else "Changes"
        yield block("files.write-system", f"{verb} {shown}, which the system depends on.", span)
    elif path.startswith("/etc/") and redirected and not _OWN_IN_ETC.match(path):
        yield block("files.write-system", f"Overwrites the system file {shown}.", span)
    elif _PROGRAMS.fullmatch(path) and redirected:
        yield block("files.write-system", f"Overwrites the system program {shown}.", span)
    elif place == "git_store":
        if path.endswith("/config"):
            yield confirm("git.config-file", "Writes to git's own configuration.", span)
        else:
            yield block("files.write-git-store", f"Writes into git's own store ({shown}).", span)
    elif is_startup_file(path):
        yield confirm(
            "backdoor.startup-file", f"Changes {shown}, which every new shell runs.", span
        )
    elif _HISTORY.fullmatch(path) and overwrites:
        message = "Removes or stops the record of what was done on this machine."
        yield confirm("history.clear", message, span)
    elif _TAKES_OVER.fullmatch(path):
        yield confirm("backdoor.settings", f"Changes {shown}, which others run or trust.", span)
    elif place in ("root", "system", "inside_system") and not path.startswith(_MOUNTED):
        yield confirm("files.write-outside", f"Writes to {shown}, a folder of the system.", span)
