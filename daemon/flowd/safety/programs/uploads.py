"""Programs that hand files to a service: mail, object stores."""

import re

from flowd.safety.command import Command, split
from flowd.safety.files import content_of, tree_of
from flowd.safety.programs.effects import Effects, Models, Send, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import NETWORK, UNKNOWN, Argument, Value, unknown

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


def _send(source: Argument, target: Argument, state: State) -> Send:
    value = Value((UNKNOWN,), tree_of(source, state))
    return Send(value, target.text, source.span, files=True, trusted=True)


MODELS: Models = {
    **dict.fromkeys(listed("mail mailx mutt sendmail msmtp swaks ssmtp"), _mail),
    **dict.fromkeys(listed("aws gsutil rclone mc s3cmd gcloud azcopy s5cmd b2"), _object_store),
}
