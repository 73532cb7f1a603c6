"""Listening and calling out with a shell, firewalls, interfaces, changes on other machines."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.files import CONNECTION
from flowd.safety.findings import block, confirm
from flowd.safety.programs.interpreters import is_interpreter
from flowd.safety.programs.transfer import (
    CURL_VALUES,
    NETCAT_VALUES,
    SOCAT_NETWORK,
    SSH_VALUES,
    WGET_VALUES,
    host_of,
    socat_addresses,
)
from flowd.safety.rules.exfiltration import is_local
from flowd.safety.rules.table import Rules
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

_SHELL = re.compile(
    r"(?:^|[/\s;,:'\"])(?:ba|z|da|k|a|c|fi)?sh(?:$|[\s,;'\"])|cmd\.exe|powershell|python|perl"
)


def _netcat(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, NETCAT_VALUES)
    served = options.values("-e", "--exec", "--sh-exec", "--lua-exec", "-c")
    for program in served:
        if _SHELL.search(program.text):
            yield block(
                "network.reverse-shell",
                "Gives somebody on the network a shell on this machine.",
                command.span,
            )
        else:
            yield confirm(
                "network.serve-program", "Lets the network talk to a program.", command.span
            )


def _socat(command: Command, _state: State) -> Iterator[Finding]:
    addresses = [address.text for address in socat_addresses(command)]
    network = any(SOCAT_NETWORK.fullmatch(address) for address in addresses)
    programs = [a for a in addresses if a.upper().startswith(("EXEC:", "SYSTEM:", "SHELL:"))]
    if network and any(_SHELL.search(program) for program in programs):
        yield block(
            "network.reverse-shell",
            "Gives somebody on the network a shell on this machine.",
            command.span,
        )
    elif network and programs:
        yield confirm("network.serve-program", "Lets the network talk to a program.", command.span)


def shell_on_network(command: Command, state: State) -> Iterator[Finding]:
    """A shell whose input or output is a connection: `bash -i >& /dev/tcp/host/port`."""
    if not is_interpreter(command.name):
        return
    ends = [command.stdin_path, command.stdout_path, state.descriptors.get(2, "")]
    if any(CONNECTION.fullmatch(path) for path in ends):
        yield block(
            "network.reverse-shell",
            "Gives somebody on the network a shell on this machine.",
            command.span,
        )


_CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def _request(command: Command, _state: State) -> Iterator[Finding]:
    """Requests that change something at the other end."""
    if command.name == "curl":
        options = split(command.arguments, CURL_VALUES)
        method = options.value("-X", "--request")
        sends = options.has(
            "-d",
            "--data",
            "--data-raw",
            "--data-binary",
            "--data-urlencode",
            "-F",
            "--form",
            "--json",
            "-T",
            "--upload-file",
            "--data-ascii",
        )
        sends = sends and not options.has("-G", "--get")
    else:
        options = split(command.arguments, WGET_VALUES)
        method = options.value("--method")
        sends = options.has("--post-data", "--post-file", "--body-data", "--body-file")
    urls = [*options.operands, *options.values("--url")]
    verb = method.text.upper() if method is not None else ""
    changes = verb in _CHANGING_METHODS or UNKNOWN in verb or (sends and not verb)
    if not changes or options.has("--help"):
        return
    if verb != "DELETE" and urls and all(is_local(host_of(url.text)) for url in urls):
        return
    yield confirm(
        "network.request",
        "Sends a request that may change something at the other end.",
        command.span,
    )


_METHODS = re.compile(r"POST|PUT|PATCH|DELETE", re.IGNORECASE)


def _request_by_words(command: Command, _state: State) -> Iterator[Finding]:
    """`http POST URL field=value`, or with fields but without a method."""
    words = [each.text for each in split(command.arguments).operands]
    method = words[0] if words else ""
    fields = any(re.fullmatch(r"[\w-]+:?=(?!=).*", word) for word in words[1:])
    urls = words[1:2] if method.isupper() else words[:1]
    if not (_METHODS.fullmatch(method) or (fields and not method.isupper())):
        return
    if method.upper() == "DELETE" or not (urls and is_local(host_of(urls[0]))):
        message = "Sends a request that may change something at the other end."
        yield confirm("network.request", message, command.span)


def _radio(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("block", "unblock", "toggle"):
        yield confirm("network.interface", "Changes the network of this machine.", command.span)


def _firewall(command: Command, _state: State) -> Iterator[Finding]:
    texts = [argument.text for argument in command.arguments]
    looks = {
        "-L",
        "-S",
        "--list",
        "-nL",
        "-vnL",
        "-nvL",
        "-Ln",
        "-vL",
        "-Lv",
        "status",
        "list",
        "show",
        "--list-all",
        "--state",
        "--get-active-zones",
        "-C",
        "--check",
        "--help",
        "--version",
        "-c",
        "--list-rules",
        "--list-ports",
        "--list-services",
        "version",
        "app",
        "-sr",
        "-s",
    }
    restores = command.name.endswith("-restore") and bool(command.stdin_path)
    if (texts or restores) and not looks.intersection(texts):
        yield confirm("network.firewall", "Changes what the firewall lets through.", command.span)


def _interface(command: Command, _state: State) -> Iterator[Finding]:
    texts = [argument.text for argument in command.arguments]
    changes = {"set", "add", "del", "delete", "flush", "change", "replace", "exec"}
    if (
        (command.name == "ip" and changes.intersection(texts[:4]))
        or (
            command.name in ("ifconfig", "iwconfig", "ethtool", "route")
            and (
                {"down", "up", "add", "del", "delete", "netmask", "-s", "hw", "flush"}.intersection(
                    texts
                )
            )
        )
        or (
            command.name in ("nmcli", "networksetup", "wpa_cli", "resolvectl", "netplan")
            and (
                {
                    "down",
                    "delete",
                    "off",
                    "modify",
                    "disconnect",
                    "add",
                    "apply",
                    "-setdnsservers",
                    "up",
                    "connect",
                    "flush-caches",
                }.intersection(texts)
            )
        )
    ):
        yield confirm("network.interface", "Changes the network of this machine.", command.span)


def _interface_down(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments:
        yield confirm("network.interface", "Changes the network of this machine.", command.span)


def _scanner(command: Command, _state: State) -> Iterator[Finding]:
    if command.name == "tcpdump" and command.has_word("-D", "--list-interfaces"):
        return
    if command.arguments and not command.has_word("--help", "-h", "--version", "-V"):
        yield confirm("network.attack-tool", "Searches or attacks other machines.", command.span)


def _grant_login(command: Command, _state: State) -> Iterator[Finding]:
    """Ssh-copy-id lets a key log in to another machine from now on."""
    if command.arguments and not command.has_word("-n", "-h", "-?"):
        message = "Lets a key of yours log in to another machine."
        yield confirm("remote.grant", message, command.span)


def _tunnel(command: Command, _state: State) -> Iterator[Finding]:
    texts = {argument.text for argument in command.arguments}
    if (command.name in ("ngrok", "localtunnel", "lt", "bore", "frpc", "chisel") and texts) or (
        command.name == "cloudflared" and "tunnel" in texts
    ):
        yield confirm("network.tunnel", "Opens this machine to the internet.", command.span)


_CLEAR = frozenset({"telnet", "ftp"})


def _login(command: Command, _state: State) -> Iterator[Finding]:
    """Ssh without a command, sftp, telnet: whatever is typed there happens there."""
    options = split(command.arguments, SSH_VALUES, first_operand_ends=True)
    after = split(options.operands[1:], SSH_VALUES, first_operand_ends=True)
    if options.has("-R") or after.has("-R"):
        yield confirm("network.tunnel", "Opens this machine to another one.", command.span)
    elif options.has("-G", "-V", "-Q", "-N", "-O") or after.has("-N", "-O"):
        return
    elif (
        options.operands
        and (command.name in _CLEAR or not after.operands)
        and (not command.stdin_path)
    ):
        yield confirm("remote.login", "Opens a session on another machine.", command.span)


RULES: Rules = {
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional"), (_netcat,)),
    "socat": (_socat,),
    "ssh-copy-id": (_grant_login,),
    **dict.fromkeys(("curl", "wget"), (_request,)),
    **dict.fromkeys(listed("http https xh xhs"), (_request_by_words,)),
    "rfkill": (_radio,),
    **dict.fromkeys(
        listed(
            "iptables ip6tables nft ufw firewall-cmd pfctl ipset iptables-restore "
            "ebtables arptables shorewall"
        ),
        (_firewall,),
    ),
    **dict.fromkeys(
        listed("ip ifconfig iwconfig route nmcli networksetup ethtool resolvectl netplan"),
        (_interface,),
    ),
    **dict.fromkeys(("ifdown", "ifup", "dhclient", "brctl", "tc"), (_interface_down,)),
    **dict.fromkeys(
        listed(
            "nmap masscan hydra sqlmap msfconsole msfvenom nikto aircrack-ng hashcat john "
            "responder ettercap arpspoof tcpdump"
        ),
        (_scanner,),
    ),
    **dict.fromkeys(
        ("ngrok", "localtunnel", "lt", "bore", "frpc", "chisel", "cloudflared"), (_tunnel,)
    ),
    **dict.fromkeys(("ssh", "autossh", "mosh", "sftp", "telnet", "ftp"), (_login,)),
}
