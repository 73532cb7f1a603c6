"""Programs that fetch from or send to other machines."""

import re
from collections.abc import Iterator

from flowd.safety.command import Command, split
from flowd.safety.files import CONNECTION, content_of, resolve, tree_of
from flowd.safety.programs.effects import Code, Effects, Models, Run, Send, Write
from flowd.safety.programs.printers import origins_of
from flowd.safety.state import State
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import (
    NETWORK,
    UNKNOWN,
    Argument,
    Origins,
    Value,
    either,
    unknown,
    value_of,
)

CURL_VALUES = listed(
    "-A -b -c -C -d -D -e -E -F -H -K -m -o -P -Q -r -T -t -u -U -w -x -X -y -Y -z --data "
    "--data-ascii --data-binary --data-raw --data-urlencode --json --form --form-string "
    "--upload-file --output --header --user --request --cacert --capath --cert --cert-type --key "
    "--key-type --pass --url --max-time --connect-timeout --retry --retry-delay --user-agent "
    "--referer --cookie --cookie-jar --proxy --proxy-user --resolve --config --output-dir --range "
    "--limit-rate --write-out --interface --dns-servers --ciphers --tls-max --max-redirs "
    "--max-filesize --proto --proto-default --unix-socket --connect-to --continue-at --time-cond "
    "--dump-header --trace --trace-ascii --stderr --netrc-file --noproxy --oauth2-bearer --quote"
)
WGET_VALUES = listed(
    "-O -o -a -i -P -T -t -U -e -A -R -D -I -X -l -w -Q -B --output-document --output-file "
    "--directory-prefix --post-data --post-file --body-data --body-file --method --header --user "
    "--password --user-agent --timeout --tries --input-file --limit-rate --referer --wait --level "
    "--ca-certificate --certificate --private-key --load-cookies --save-cookies --quota"
)
SSH_VALUES = listed("-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w")
RSYNC_VALUES = listed(
    "-e -f -T -B -M --rsh --exclude --include --filter --files-from --exclude-from --include-from "
    "--rsync-path --bwlimit --log-file --temp-dir --backup-dir --suffix --compare-dest "
    "--copy-dest --link-dest --partial-dir --port --timeout --chmod --chown --password-file "
    "--max-size --min-size --info --out-format --modify-window"
)
SCP_VALUES = listed("-c -D -F -i -J -l -o -P -S -X")
NETCAT_VALUES = listed(
    "-e -c -g -G -i -I -m -M -O -o -p -P -q -s -T -V -w -W -X -x --exec --sh-exec --lua-exec "
    "--source --source-port --proxy --proxy-type --proxy-auth --wait --idle-timeout --delay "
    "--output --hex-dump --ssl-cert --ssl-key --max-conns --allow --deny"
)
_REMOTE_PATH = re.compile(
    r"(?:[^/:\s]*@)?([^/:\s]+)::?(.*)|[a-z]+://(?:[^/@]*@)?([^/:]+).*", re.DOTALL
)


_SENSITIVE: Origins = frozenset({"secret", "system"})


def host_of(url: str) -> str:
    """The host an address names."""
    rest = url.partition("://")[2] or url
    return re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]


def remote_host(text: str) -> str | None:
    """The host of `user@host:path` or `scheme://host/path`; None for a local path."""
    match = _REMOTE_PATH.fullmatch(text)
    return (match[1] or match[3]) if match else None


def _body(argument: Argument, command: Command, state: State) -> tuple[Value, bool]:
    """A request's data: literal, or the content of a file for `@file` and `name=@file`."""
    _, at, name = argument.text.partition("@")
    form = argument.text.partition("=")[2]
    if form.startswith(("@", "<")):
        name, at = form[1:].partition(";")[0], "@"
    elif not argument.text.startswith("@"):
        return value_of(argument.text, argument.origins), False
    if name == "-":
        return command.stdin, True
    return content_of(argument.with_text(name), state), bool(at)


def _curl(command: Command, state: State) -> Effects:
    options = split(command.arguments, CURL_VALUES)
    urls = [*options.operands, *options.values("--url")]
    if options.asks_for_help or options.has("-h", "-V"):
        return Effects(output=value_of(UNKNOWN))
    host = host_of(urls[0].text) if urls else UNKNOWN
    local = bool(urls) and all(url.text.startswith("file:") for url in urls)
    origins = origins_of(tuple(urls)) & _SENSITIVE
    content = unknown(NETWORK | origins)
    if local:
        content = either(content_of(url.with_text(_local_path(url.text)), state) for url in urls)
    sends: list[Send] = []
    for body in options.values(
        "-d",
        "--data",
        "--data-ascii",
        "--data-binary",
        "--data-urlencode",
        "--json",
        "-F",
        "--form",
    ):
        value, is_file = _body(body, command, state)
        sends.append(Send(value, host, body.span, is_file))
    for body in options.values("--data-urlencode"):  # `name@file`, too
        name, at, file = body.text.partition("@")
        if at and name.isidentifier():
            value = content_of(body.with_text(file), state)
            sends.append(Send(value, host, body.span, files=True))
    for upload in options.values("-T", "--upload-file"):
        value = command.stdin if upload.text in ("-", ".") else content_of(upload, state)
        sends.append(Send(value, host, upload.span, files=True))
    raw = [*options.values("-H", "--header", "--data-raw", "-b", "-A", "-u", "-e"), *urls]
    sends += [Send(value_of(each.text, each.origins), host, each.span) for each in raw]
    folder = options.value("--output-dir")
    writes = [
        Write(_inside(folder, target), content) for target in options.values("-o", "--output")
    ]
    if options.has("-O", "--remote-name", "--remote-name-all", "-J"):
        writes += [Write(_inside(folder, _file_name(url)), content) for url in urls]
    for kept in options.values("-c", "--cookie-jar", "-D", "--dump-header"):
        writes.append(Write(kept, content))
    return Effects(value_of("") if writes else content, tuple(writes), tuple(sends))


def _local_path(url: str) -> str:
    """The path of a `file:` address."""
    path = url.removeprefix("file:")
    return f"/{path[2:].partition('/')[2]}" if path.startswith("//") else path


def _inside(folder: Argument | None, target: Argument) -> Argument:
    if folder is None or target.text in ("-", "/dev/null"):
        return target
    return target.with_text(f"{folder.text}/{target.text}")


def _file_name(url: Argument) -> Argument:
    """The file a download of this address is kept in."""
    path = url.text.partition("://")[2] or url.text
    name = path.partition("?")[0].rpartition("/")[2]
    return url.with_text(UNKNOWN if UNKNOWN in url.text else name or "index.html")


def _wget(command: Command, state: State) -> Effects:
    options = split(command.arguments, WGET_VALUES)
    urls = options.operands
    content = unknown(NETWORK)
    host = host_of(urls[0].text) if urls else UNKNOWN
    sends = [
        Send(value_of(data.text, data.origins), host, data.span)
        for data in [*options.values("--post-data", "--body-data", "--header"), *urls]
    ]
    sends += [
        Send(content_of(name, state), host, name.span, files=True)
        for name in options.values("--post-file", "--body-file")
    ]
    if options.asks_for_help or options.has("--spider"):
        return Effects(output=unknown(), sends=tuple(sends))
    target = options.value("-O", "--output-document")
    if target is not None and target.text == "-":
        return Effects(output=content, sends=tuple(sends))
    targets = [target] if target is not None else [_file_name(url) for url in urls]
    folder = options.value("-P", "--directory-prefix")
    writes = tuple(Write(_inside(folder, each), content) for each in targets)
    return Effects(output=value_of(""), writes=writes, sends=tuple(sends))


def _download(command: Command, _state: State) -> Effects:
    """Other programs that print what they fetch, or keep it with -o."""
    options = split(command.arguments, listed("-o -O --output -d --dir -H --header -x -s -j"))
    target = options.value("-o", "--output")
    content = unknown(NETWORK)
    operands = options.operands
    targets = [target] if target is not None and target.text != "-" else []
    if command.name in ("aria2c", "axel") and target is None:  # these never print
        targets = [_file_name(url) for url in operands]
    writes = tuple(Write(_inside(options.value("-d", "--dir"), each), content) for each in targets)
    sends = tuple(Send(value_of(each.text, each.origins), UNKNOWN, each.span) for each in operands)
    return Effects(output=content, writes=writes, sends=sends)


def _lookup(command: Command, _state: State) -> Effects:
    """Name servers see the names they are asked for."""
    sends = tuple(
        Send(value_of(each.text, each.origins), _domain(each.text), each.span)
        for each in command.arguments
        if not each.text.startswith(("-", "+"))
    )
    return Effects(output=unknown(NETWORK), sends=sends)


def _domain(name: str) -> str:
    """The part of a host name that is known, at its end."""
    return name.rpartition(UNKNOWN)[2].strip(".") or UNKNOWN


def _netcat(command: Command, _state: State) -> Effects:
    options = split(command.arguments, NETCAT_VALUES)
    if options.has("-h", "--help"):
        return Effects(output=unknown())
    shell_code = options.values("--sh-exec", "-c") if command.name != "nc.openbsd" else []
    runs = tuple(
        Run(tuple(each.with_text(word) for word in each.text.split()), stdin=unknown(NETWORK))
        for each in options.values("-e", "--exec")
    )
    codes = tuple(
        Code("shell", value_of(each.text), each.span, stdin=unknown(NETWORK)) for each in shell_code
    )
    host = options.operands[0].text if options.operands else ""
    sends: tuple[Send, ...] = ()
    if not options.has("-z"):
        sends = (Send(command.stdin, host, command.span, files=bool(command.stdin_path)),)
    return Effects(unknown(NETWORK), sends=sends, runs=runs, codes=codes)


def _telnet(command: Command, _state: State) -> Effects:
    host = command.arguments[0].text if command.arguments else ""
    return Effects(unknown(NETWORK), sends=(Send(command.stdin, host, command.span),))


SOCAT_NETWORK = re.compile(
    r"(?:tcp|udp|sctp|openssl|ssl|proxy|socks|ip\d?|dtls|quic)[\w-]*:.*", re.IGNORECASE
)


def socat_addresses(command: Command) -> tuple[Argument, ...]:
    """The two addresses socat connects."""
    options = split(command.arguments, listed("-b -L -W -t -T -x -v -lf -lp -ly"))
    return options.operands[:2]


def _socat(command: Command, state: State) -> Effects:
    addresses = socat_addresses(command)
    if len(addresses) < 2:
        return Effects()
    backwards = any(argument.text == "-U" for argument in command.arguments)
    first, second = reversed(addresses) if backwards else addresses
    effects = _socat_flow(_socat_source(first, command, state), second, command.span, state)
    if command.has_word("-u", "-U"):
        return effects
    other = _socat_flow(_socat_source(second, command, state), first, command.span, state)
    return Effects(
        output=effects.output or other.output,
        writes=effects.writes + other.writes,
        sends=effects.sends + other.sends,
        runs=effects.runs + other.runs,
        codes=effects.codes + other.codes,
    )


def _socat_source(address: Argument, command: Command, state: State) -> Value:
    kind, _, rest = address.text.partition(":")
    name = rest.partition(",")[0]
    if address.text in ("-", "STDIO", "STDIN"):
        return command.stdin
    if SOCAT_NETWORK.fullmatch(address.text):
        return unknown(NETWORK)
    if kind.upper() in ("OPEN", "FILE", "GOPEN", "PIPE"):
        return content_of(address.with_text(name), state)
    if kind.upper() == "FD":
        return content_of(address.with_text(f"/dev/fd/{name}"), state)
    return unknown()


def _socat_flow(value: Value, address: Argument, span: Span, state: State) -> Effects:
    kind, _, rest = address.text.partition(":")
    name = rest.partition(",")[0]
    if SOCAT_NETWORK.fullmatch(address.text):
        return Effects(sends=(Send(value, name, span, files=True),))
    if kind.upper() == "FD":
        path = resolve(f"/dev/fd/{name}", state)
        if CONNECTION.fullmatch(path):
            return Effects(sends=(Send(value, path, span, files=True),))
    if kind.upper() == "EXEC":
        words = tuple(address.with_text(word) for word in name.split())
        return Effects(runs=(Run(words, stdin=value),))
    if kind.upper() in ("SYSTEM", "SHELL"):
        return Effects(codes=(Code("shell", value_of(rest), address.span, stdin=value),))
    if kind.upper() in ("OPEN", "FILE", "GOPEN", "CREATE", "CREAT"):
        return Effects(writes=(Write(address.with_text(name), value),))
    return Effects(output=value)


def _ssh_programs(settings: list[Argument]) -> Iterator[Code]:
    """What ssh runs on this machine by its settings: `-o ProxyCommand=CODE`."""
    for setting in settings:
        key, _, value = setting.text.partition("=")
        if key.strip().lower() in ("proxycommand", "localcommand", "knownhostscommand"):
            yield Code("shell", value_of(value), setting.span)


def _ssh(command: Command, _state: State) -> Effects:
    options = split(command.arguments, SSH_VALUES, first_operand_ends=True)
    if not options.operands:
        return Effects()
    host, *rest = options.operands
    after = split(rest, SSH_VALUES, first_operand_ends=True)  # ssh takes options after the host too
    words = after.operands
    name = host.text.rpartition("@")[2]
    sends: tuple[Send, ...] = ()
    if command.stdin_path:
        sends = (Send(command.stdin, name, command.span, files=True, trusted=True),)
    codes = list(_ssh_programs([*options.values("-o"), *after.values("-o")]))
    if words:
        source = value_of(" ".join(word.text for word in words), origins_of(words))
        codes.append(Code("shell", source, command.span, remote=True, stdin=command.stdin))
    elif command.stdin_path:
        codes.append(Code("shell", command.stdin, command.span, remote=True, unseen=True))
    return Effects(unknown(NETWORK), sends=sends, codes=tuple(codes))


def _copy_remotely(command: Command, state: State) -> Effects:
    """scp, rsync, sftp: the last operand is where to."""
    values = RSYNC_VALUES if command.name == "rsync" else SCP_VALUES
    options = split(command.arguments, values)
    tries = options.has("--dry-run") or (command.name == "rsync" and options.has("-n"))
    if len(options.operands) < 2 or tries:
        return Effects(output=unknown())
    *sources, target = options.operands
    near = [source for source in sources if remote_host(source.text) is None]
    content = either(Value((UNKNOWN,), tree_of(source, state)) for source in near)
    if len(near) < len(sources):
        content = either([content, unknown(NETWORK)])
    host = remote_host(target.text)
    codes = tuple(_ssh_programs(options.values("-o")))
    if host is None:
        received = tuple(_received(sources, target, content))
        return Effects(unknown(), writes=received, codes=codes)
    if not near:
        return Effects(output=unknown(), codes=codes)
    send = Send(content, host, target.span, files=True, trusted=True)
    return Effects(unknown(), sends=(send,), codes=codes)


def _received(sources: list[Argument], target: Argument, content: Value) -> Iterator[Write]:
    """What is copied here, by its own name too, for the target may be a folder."""
    yield Write(target, content)
    for source in sources:
        name = source.text.rstrip("/").rpartition("/")[2].rpartition(":")[2]
        if name and remote_host(source.text) is not None:
            yield Write(target.with_text(f"{target.text.rstrip('/')}/{name}"), content)


MODELS: Models = {
    "curl": _curl,
    "wget": _wget,
    **dict.fromkeys(
        listed("fetch http https aria2c axel lynx links w3m xh GET lwp-request"),
        _download,
    ),
    **dict.fromkeys(
        listed("dig nslookup host drill whois ping ping6 traceroute tracepath mtr"), _lookup
    ),
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _netcat),
    "telnet": _telnet,
    "socat": _socat,
    **dict.fromkeys(("ssh", "autossh", "mosh"), _ssh),
    **dict.fromkeys(("scp", "rsync"), _copy_remotely),
}
