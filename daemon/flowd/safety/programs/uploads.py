"""Programs that hand files to a service: mail, object stores."""

import re

from flowd.safety.command import Command, split
from flowd.safety.files import content_of, tree_of
from flowd.safety.programs.effects import Effects, Model, Models, Send, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import NETWORK, UNKNOWN, Argument, Value, unknown, value_of

_STORE = re.compile(r"(?:s3|gs|gcs|az|r2|b2|oss|cos|wasbs?|https?)://.*|[\w.-]{2,}:(?!//).*")
_COPIES = listed("cp copy mv move sync rsync put upload upload-batch copyto moveto cat mirror")


def _mail(command: Command, state: State) -> Effects:
    options = split(command.arguments, listed("-s -a -A -c -b -r -S -f -q -t --attach --to --body"))
    host = options.operands[-1].text if options.operands else UNKNOWN
    sends = [Send(command.stdin, host, command.span, files=bool(command.stdin_path))]
    sends += [
        Send(content_of(each, state), host, each.span, files=True)
        for each in options.values("-a", "-A", "--attach", "-q", "--body")
    ]
    return Effects(output=unknown(), sends=tuple(sends))


def _object_store(command: Command, state: State) -> Effects:
    """`aws s3 cp FROM TO`, `gsutil cp`, `rclone copy`, `mc cp`: one side is in the store."""
    options = split(
        command.arguments,
        listed(
            "--profile --region --endpoint-url --acl --storage-class --config -h -o "
            "--exclude --include"
        ),
    )
    words = [word for word in options.operands if word.text not in ("s3", "storage", "-")]
    if options.has("--dryrun", "--dry-run") or (command.name == "gsutil" and options.has("-n")):
        return Effects(output=unknown())
    if not words or words[0].text not in _COPIES or len(words) < 3:
        return Effects(output=unknown(NETWORK) if command.has_word("-", "cat") else unknown())
    *sources, target = words[1:]
    near = [source for source in sources if not _STORE.fullmatch(source.text)]
    if _STORE.fullmatch(target.text):
        sends = tuple(_send(source, target, state) for source in near)
        return Effects(output=unknown(), sends=sends)
    if len(near) < len(sources):
        return Effects(output=unknown(), writes=(Write(target, unknown(NETWORK)),))
    return Effects(output=unknown())


_PUTS = re.compile(
    r"^\s*-?(?:m?put|send|reput|mirror\s+(?:-\w*R\w*|--reverse))(?:\s+-\w+)*\s+(\S+)", re.MULTILINE
)


def _typed_transfer(command: Command, state: State) -> Effects:
    """Sftp, ftp and their like read `put FILE` from standard input, a file or an option."""
    options = split(command.arguments, listed("-b -c -e -f -i -P -o -u -p -U -W -n? -J -F"))
    script = options.value("-b", "-f")
    lines = [value for each in options.values("-c", "-e") for value in (value_of(each.text),)]
    lines.append(content_of(script, state) if script is not None else command.stdin)
    host = options.operands[0].text if options.operands else UNKNOWN
    sends = []
    for text in (text for value in lines for text in value.texts):
        for match in _PUTS.finditer(text.replace(";", "\n")):
            name = Argument(match[1].strip("\"'"), command.span)
            value = Value((UNKNOWN,), tree_of(name, state))
            sends.append(Send(value, host.rpartition("@")[2], command.span, files=True))
    return Effects(output=unknown(NETWORK), sends=tuple(sends))


def _handed_over(verbs: str, values: str = "") -> Model:
    """`gh gist create FILE`, `croc send FILE`: the operands after these words leave the machine."""
    wanted = verbs.split()

    def model(command: Command, state: State) -> Effects:
        operands = split(command.arguments, listed(values)).operands
        if [each.text for each in operands[: len(wanted)]] != wanted:
            return Effects(output=unknown())
        files = operands[len(wanted) :]
        sends = [
            Send(Value((UNKNOWN,), tree_of(each, state)), command.name, each.span, files=True)
            for each in files
        ]
        if command.stdin_path and (not files or files[-1].text == "-"):
            sends.append(Send(command.stdin, command.name, command.span, files=True))
        return Effects(output=unknown(), sends=tuple(sends))

    return model


def _send(source: Argument, target: Argument, state: State) -> Send:
    value = Value((UNKNOWN,), tree_of(source, state))
    return Send(value, target.text, source.span, files=True, trusted=True)


MODELS: Models = {
    **dict.fromkeys(listed("mail mailx mutt sendmail msmtp swaks ssmtp"), _mail),
    **dict.fromkeys(listed("sftp ftp lftp tftp ncftp smbclient"), _typed_transfer),
    "gh": _handed_over("gist create", "-d --desc -f --filename"),
    **dict.fromkeys(("wormhole", "croc"), _handed_over("send", "--code -c")),
    "ipfs": _handed_over("add"),
    **dict.fromkeys(("pastebinit", "gist", "wgetpaste"), _handed_over("", "-b -t -d -f -i -a")),
    **dict.fromkeys(listed("aws gsutil rclone mc s3cmd gcloud azcopy s5cmd b2"), _object_store),
}
