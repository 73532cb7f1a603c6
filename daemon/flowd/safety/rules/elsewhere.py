"""macOS and Windows commands, and server tools that are no cloud: told by a few words."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import block, confirm
from flowd.safety.paths import locate
from flowd.safety.rules.table import Rule, Rules
from flowd.safety.rules.verbs import Verbs, rule_of
from flowd.safety.state import State
from flowd.safety.tables import listed

_ERASES = re.compile(
    r"erase\w*|partitionDisk|reformat|secureErase|zeroDisk|randomDisk|delete\w*|resizeVolume",
    re.IGNORECASE,
)
_WINDOWS_DANGER = re.compile(
    r"remove-item|\bri\b|\b(?:del|erase|rd|rmdir)\b|format(?:-volume)?\b|diskpart|clear-(?:content|disk"
    r"|recyclebin)|stop-(?:computer|process|service)|restart-computer|reg\s+(?:delete|add)|vssadmin"
    r"|bcdedit|cipher\s+/w|takeown|icacls|schtasks|taskkill|net\s+(?:user|localgroup|stop)|wmic"
    r"|set-executionpolicy|start-process|invoke-(?:expression|webrequest)|\biex\b|downloadstring"
    r"|-enc\w*\b|shutdown|start\s+https?:",
    re.IGNORECASE,
)
_WINDOWS_HIDDEN = re.compile(
    r"(?:iex|invoke-expression).*(?:download|webrequest|iwr)|(?:download|iwr|curl).*\|\s*(?:iex|invoke)"
    r"|\s-e(?:nc\w*)?\s+[A-Za-z0-9+/=]{16,}",
    re.IGNORECASE,
)
_WINDOWS_NAMES = listed(
    "del erase rd format diskpart Remove-Item Clear-Content Clear-Disk Format-Volume Stop-Computer "
    "Restart-Computer Stop-Process Stop-Service vssadmin bcdedit takeown icacls taskkill schtasks"
)


def _disk_utility(command: Command, _state: State) -> Iterator[Finding]:
    actions = [a.text for a in command.arguments[:2]]
    if any(_ERASES.fullmatch(action) for action in actions):
        yield block("disks.erase", "Erases a disk or a volume.", command.span)
    elif any(action in ("unmountDisk", "unmount", "eject", "rename") for action in actions):
        yield confirm("disks.mount", "Changes which file systems are mounted.", command.span)


def _windows_shell(command: Command, _state: State) -> Iterator[Finding]:
    text = " ".join(argument.text for argument in command.arguments)
    if _WINDOWS_HIDDEN.search(f" {text}"):
        yield block("code.from-network", "Runs code that cannot be seen here.", command.span)
    elif _WINDOWS_DANGER.search(text):
        yield confirm("windows.command", "Deletes, stops or changes something.", command.span)


def _windows_command(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments and not command.has_word("/?"):
        yield confirm("windows.command", "Deletes, stops or changes something.", command.span)


def _registry(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("delete", "add", "import", "restore"):
        yield confirm("windows.command", "Changes the registry.", command.span)


def _topics(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("--delete", "--delete-offsets", "--reset-offsets", "--delete-config"):
        yield confirm("services.delete", "Deletes topics, offsets or settings.", command.span)


def _web_server(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("stop", "quit", "reload", "graceful-stop", "restart", "graceful"):
        yield confirm("processes.service", "Stops or restarts a server.", command.span)


def _ports(command: Command, _state: State) -> Iterator[Finding]:
    if split(command.arguments, listed("-n -s")).has("-k", "--kill"):
        yield confirm("processes.kill-by-name", "Ends every process that matches.", command.span)


def _addresses(command: Command, _state: State) -> Iterator[Finding]:
    if split(command.arguments).has("-d", "-s", "-f"):
        yield confirm("network.interface", "Changes the network of this machine.", command.span)


def _protection(command: Command, _state: State) -> Iterator[Finding]:
    harmless = ("status", "--status", "-a", "--assess", "read", "find", "-p", "list", "listbackups")
    if command.name == "pmset" and command.has_word("-g"):
        return
    if command.arguments and not command.has_word(*harmless):
        yield confirm("processes.protection", "Changes settings of this machine.", command.span)


_DELETE = ("services.delete", "Deletes or stops something that is not made again easily.")
_SERVICES: Rule = rule_of(
    Verbs(
        {
            _DELETE: "delete remove rm destroy purge drop reset uninstall prune forget compact "
            "erase flush clear kill stop restart */delete */remove */rm */destroy */purge "
            "*/reset */prune */disable "
            "*/delete-all */clear */terminate */stop delete_queue delete_vhost delete_user "
            "purge_queue stop_app force_reset terminate-user kill-user terminate-session "
            "decommission removenode rmi rmp "
            "revoke-node-token truncate */*/delete deleteall rmr remove-older-than "
            "remove-all-but-n-full unlock rebuild-index restore */restore"
        },
        "-n --namespace -c --context --cluster --name --region -r --repo -p --project -s",
        "--dry-run",
    )
)


def _dry_short(command: Command, state: State) -> Iterator[Finding]:
    """Backup tools take -n for a try-out."""
    if not split(command.arguments, listed("-r --repo")).has("-n"):
        yield from _SERVICES(command, state)


_TRUST = re.compile(
    r"-install|-uninstall|-delete|-import\w*|delete|revoke|renew|unregister|add-trusted-cert"
)


def _certificates(command: Command, _state: State) -> Iterator[Finding]:
    """Whom this machine trusts, and what proves who it is."""
    if any(_TRUST.fullmatch(each.text) for each in command.arguments[:3]):
        message = "Changes which certificates are trusted, or used."
        yield confirm("secrets.certificates", message, command.span)


def _secret_file(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("-d", "--decrypt", "decrypt", "view", "edit", "exec-env"):
        yield confirm("secrets.store", "Reads stored secrets.", command.span)


def _password_reset(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments:
        yield confirm("services.password", "Sets a new password.", command.span)


def _secret_server(command: Command, state: State) -> Iterator[Finding]:
    writes = command.has_word("write", "put", "patch", "seal", "generate-root", "rekey", "rotate")
    if writes and not command.has_word("-help", "--help"):
        yield confirm("secrets.change", "Changes stored secrets.", command.span)
    words = [a.text for a in command.arguments if not a.text.startswith("-")][:2]
    if words[:1] == ["read"] or words in (
        ["kv", "get"],
        ["secrets", "get"],
        ["secrets", "download"],
    ):
        yield confirm("secrets.store", "Reads stored secrets.", command.span)
    yield from _SERVICES(command, state)


def _restores_device(command: Command, state: State) -> Iterator[Finding]:
    """Imaging tools: the last word is what is overwritten."""
    targets = [a for a in command.arguments if not a.text.startswith("-")][-1:]
    for target in targets:
        if locate(target.text, state.folder).place == "device":
            yield block("disks.overwrite", f"Overwrites {target.text}.", target.span)


_REVERTS = ("versions.revert", "Throws away changes that are not committed, or rewrites history.")
_VERSIONS = Verbs({_REVERTS: "revert strip purge rollback histedit rebase uncommit"})


def _versions(command: Command, state: State) -> Iterator[Finding]:
    """Mercurial, Subversion and their like."""
    options = split(command.arguments)
    first = options.operands[0].text if options.operands else ""
    if first in ("update", "up", "checkout", "co") and options.has("-C", "--clean"):
        yield confirm(*_REVERTS, command.span)
    else:
        yield from rule_of(_VERSIONS)(command, state)


RULES: Rules = {
    **dict.fromkeys(("hg", "svn", "bzr"), (_versions,)),
    "diskutil": (_disk_utility,),
    **dict.fromkeys(listed("cmd cmd.exe powershell powershell.exe pwsh"), (_windows_shell,)),
    **dict.fromkeys(_WINDOWS_NAMES, (_windows_command,)),
    "reg": (_registry,),
    **dict.fromkeys(
        listed("kafka-topics kafka-topics.sh kafka-consumer-groups kafka-configs"), (_topics,)
    ),
    **dict.fromkeys(listed("nginx apachectl apache2ctl httpd caddy haproxy"), (_web_server,)),
    "fuser": (_ports,),
    "arp": (_addresses,),
    **dict.fromkeys(
        listed("csrutil spctl tccutil nvram defaults tmutil scutil systemsetup pmset"),
        (_protection,),
    ),
    **dict.fromkeys(
        listed(
            "eksctl kops velero doppler istioctl linkerd rabbitmqctl rabbitmqadmin nats "
            "pulsar-admin pm2 influx nodetool loginctl machinectl cilium rancher crictl ctr "
            "elasticdump curator_cli snapper timeshift ostree rpm-ostree"
        ),
        (_SERVICES,),
    ),
    **dict.fromkeys(listed("borg restic duplicity kopia bup"), (_dry_short,)),
    **dict.fromkeys(("vault", "bao"), (_secret_server,)),
    **dict.fromkeys(listed("certbot mkcert keytool"), (_certificates,)),
    **dict.fromkeys(("sops", "ansible-vault"), (_secret_file,)),
    "elasticsearch-reset-password": (_password_reset,),
    **dict.fromkeys(("zkCli.sh", "zookeeper-shell", "zookeeper-shell.sh"), (_SERVICES,)),
    **dict.fromkeys(listed("balena-etcher partclone.restore fsarchiver asr"), (_restores_device,)),
}
