"""Reading keys, credentials and `.env` files."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety import secrets
from flowd.safety.command import Command
from flowd.safety.files import resolve
from flowd.safety.findings import confirm
from flowd.safety.programs.copies import copy_operands
from flowd.safety.programs.filters import options_for
from flowd.safety.rules.table import Rules
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

_NEVER_READ = listed(
    "ls ll stat test [ [[ chmod chown chgrp touch mkdir rmdir rm unlink echo "
    "printf find fd basename dirname realpath readlink which type command ssh "
    "ssh-add ssh-keygen ssh-copy-id export cd pushd "
    "file du df source . sudo doas env xargs parallel exec eval bash sh zsh dash "
    "timeout nice nohup time watch trap set unset alias shred srm truncate chattr "
    "tree openssl locate true false : exit return wc npm npx yarn "
    "make cargo pip apt apt-get brew systemctl service terraform helm "
    "az gh curl wget   scp rsync nc socat busybox command docker-compose "
    "crontab passwd su busybox setsid stdbuf strace mv ln install "
    "kubeseal keytool cosign jarsigner apksigner bundletool certtool apptainer gmssl ykman"
)
_SHOWS_FILES = listed(
    "cat tac head tail less more most bat batcat nl od xxd hexdump strings base64 base32 rev sort "
    "uniq cut paste fold fmt pr column tee view vim vi nvim nano emacs code open xdg-open diff "
    "cmp comm cp zip tar gzip bzip2 xz zstd 7z pbcopy xclip xsel wl-copy mail mailx"
)
_PACKERS = listed("tar bsdtar zip 7z 7za cp cpio")
_NAMES_A_KEY = re.compile(
    r"--?(?:[\w-]*(?:key|keyfile|keystore|cert|certfile|creds|credentials?)(?:-file|-path)?"
    r"|ks|identity|i|K|env-file)",
    re.IGNORECASE,
)
"""Options that tell a program which key or credentials to work with."""
_COPIES_OUT = listed("docker podman kubectl aws gcloud")
"""Programs that read local files only to copy them with `cp`."""

_PATTERN_FIRST = listed("grep egrep fgrep rg ag ack zgrep sed gsed awk gawk perl jq yq tr")
_PRINTS_ENVIRONMENT = frozenset({"printenv"})


def reading(command: Command, state: State) -> Iterator[Finding]:
    """Any program that is given the path of a secret, unless it never looks inside files."""
    for argument in _read_by(command):
        if _is_secret(argument, state, packs=command.name in _PACKERS):
            shown = argument.text.replace(UNKNOWN, "…")
            yield confirm("secrets.read", f"Reads {shown}, which holds secrets.", argument.span)
    path = command.stdin_path
    if path and command.name not in _NEVER_READ and secrets.origin_of(path) == "secret":
        yield confirm("secrets.read", f"Reads {path}, which holds secrets.", command.span)


def _read_by(command: Command) -> tuple[Argument, ...]:
    """The arguments whose files a program reads."""
    if command.name in ("mv", "cp", "ln", "install"):
        return copy_operands(command)[1]
    if command.name == "git":
        return _shown_by_git(command)
    if command.name in _COPIES_OUT:
        return command.arguments[:-1] if command.has_word("cp") else ()
    if command.name in _NEVER_READ:
        return ()
    if command.name == "dd":
        return tuple(a.with_text(a.text[3:]) for a in command.arguments if a.text.startswith("if="))
    if command.name not in _PATTERN_FIRST:
        return command.arguments if command.name in _SHOWS_FILES else _not_for_use(command)
    options = options_for(command)
    patterns = options.has("-e", "-f", "--regexp", "--file", "--expression")
    others = [
        option.value
        for option in options.given
        if option.value is not None and option.name not in ("-e", "--regexp", "--expression")
    ]
    return (*others, *(options.operands if patterns else options.operands[1:]))


def _not_for_use(command: Command) -> tuple[Argument, ...]:
    """The arguments of a program that may show files, but for keys it is told to use.

    `uvicorn --ssl-keyfile key.pem` needs the key for its own work.
    """
    kept = []
    before = ""
    for argument in command.arguments:
        option = argument.text.partition("=")[0] if argument.text.startswith("-") else before
        if not _NAMES_A_KEY.fullmatch(option) and "://" not in argument.text:
            kept.append(argument)
        before = argument.text if argument.text.startswith("-") else ""
    return tuple(kept)


def _shown_by_git(command: Command) -> tuple[Argument, ...]:
    """`git show REVISION:PATH`."""
    if not command.has_word("show", "cat-file"):
        return ()
    return tuple(a.with_text(a.text.partition(":")[2]) for a in command.arguments if ":" in a.text)


def _is_secret(argument: Argument, state: State, *, packs: bool = False) -> bool:
    """Whether a file holds secrets; for a program that `packs`, also whether a folder does."""
    text = argument.text
    if text.startswith("-"):
        option, _, text = text.partition("=")
        if "env-file" in option:
            return False
    if packs and secrets.holds_secrets(resolve(text, state)):
        return True
    text = text.removeprefix("@")
    return bool(text) and secrets.origin_of(resolve(text, state)) == "secret"


def _password_store(command: Command, _state: State) -> Iterator[Finding]:
    words = [a.text for a in command.arguments if not a.text.startswith("-")]
    actions = {
        "pass": ("show", "rm", "edit", "cp", "mv"),
        "op": ("read", "item", "inject"),
        "security": (
            "find-generic-password",
            "find-internet-password",
            "dump-keychain",
            "export",
            "delete-keychain",
        ),
        "secret-tool": ("lookup", "search"),
        "bw": ("get", "list", "export"),
        "gpg": (),
    }.get(command.name, ())
    if any(word in actions for word in words[:2]):
        yield confirm("secrets.store", "Reads or changes stored passwords.", command.span)
    if command.name in ("gpg", "gpg2") and any(
        a.text.startswith(("--export-secret", "--delete-secret", "--delete-key", "--delete-keys"))
        for a in command.arguments
    ):
        yield confirm("secrets.keys", "Exports or deletes private keys.", command.span)


def _print_key(command: Command, state: State) -> Iterator[Finding]:
    """`openssl rsa -in KEY` prints the key."""
    if not command.has_word("rsa", "pkey", "ec", "pkcs12", "pkcs8", "dsa"):
        return
    if not command.has_word("-pubout", "-noout"):
        for name, argument in zip(command.arguments, command.arguments[1:], strict=False):
            if name.text == "-in" and _is_secret(argument, state):
                yield confirm("secrets.read", f"Prints the key {argument.text}.", argument.span)


RULES: Rules = {
    "openssl": (_print_key,),
    **dict.fromkeys(
        ("pass", "op", "security", "secret-tool", "bw", "gpg", "gpg2"), (_password_store,)
    ),
}
