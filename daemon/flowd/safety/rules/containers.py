"""Containers and clusters."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety import read_only
from flowd.safety.command import Command, Options, split
from flowd.safety.findings import confirm
from flowd.safety.programs.containers import KUBECTL_VALUES, RUN_VALUES, after_subcommand
from flowd.safety.programs.interpreters import is_interpreter
from flowd.safety.rules.table import Rules
from flowd.safety.rules.verbs import Verbs, rule_of
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

_DELETES = listed("rm rmi remove prune down kill stop delete del")
_PUBLISHES = frozenset({"push"})
_HOST_ACCESS = re.compile(
    r"/:.*|/(?:etc|root|home|var|usr|boot|dev|proc|sys)/?:.*|.*docker\.sock.*|~/?:.*"
    r"|.*(?:source|src)=/(?:etc|root|home|var|usr)?/?(?:,.*|$)"
)


def _docker(command: Command, _state: State) -> Iterator[Finding]:
    names, rest = after_subcommand(command)
    if not names:
        return
    action = names[-1]
    span = command.span
    if action in ("run", "create", "exec"):
        options = split(rest, RUN_VALUES, first_operand_ends=True)
        if options.has("--privileged") or any(
            value.text in ("host", "ALL", "SYS_ADMIN", "all")
            for value in options.values("--pid", "--cap-add", "--userns", "--ipc")
        ):
            yield confirm(
                "containers.privileged",
                "The container gets the rights of the machine's administrator.",
                span,
                "Give single capabilities with --cap-add.",
            )
        mounts = options.values("-v", "--volume", "--mount")
        if any(_HOST_ACCESS.fullmatch(mount.text) for mount in mounts):
            yield confirm(
                "containers.host-files", "The container gets the machine's own files.", span
            )
        return
    options = split(rest, RUN_VALUES)
    if options.asks_for_help or options.has("--dry-run"):
        return
    if action in _DELETES or names == ("system", "reset"):
        verb = "Stops" if action in ("stop", "kill") else "Deletes"
        yield confirm("containers.delete", f"{verb} containers, images, volumes or networks.", span)
    elif names == ("plugin", "install"):
        yield confirm("packages.install", "Installs software, which may run code of its own.", span)
    elif action in _PUBLISHES:
        yield confirm("containers.publish", "Publishes an image: others get it at once.", span)
    elif names[0] in ("swarm", "stack", "service", "node") and action in (
        "init",
        "leave",
        "deploy",
        "update",
        "scale",
        "rollback",
        "join",
        "create",
    ):
        yield confirm("containers.cluster", "Changes a cluster.", span)
    elif UNKNOWN in action:
        yield confirm(
            "shell.unknown-subcommand", "Nobody can say what this does before it runs.", span
        )


_READS = listed(
    "get describe logs top explain api-resources api-versions cluster-info "
    "version config diff wait events completion kustomize auth options "
    "port-forward proxy help plugin"
)
_CONFIG_CHANGES = listed("delete-context delete-cluster delete-user set-credentials")


def _only_looks(command: Command) -> bool:
    """Whether what `exec` runs inside changes nothing."""
    texts = [argument.text for argument in command.arguments]
    inner = command.arguments[texts.index("--") + 1 :] if "--" in texts else ()
    if not inner:
        return False
    name = inner[0].text.rpartition("/")[2]
    runs = Command(name, inner[0], inner[1:], command.stdin, command.span)
    return read_only.allows(runs) and not is_interpreter(name)


def _tells_secrets(words: list[str], options: Options) -> bool:
    """Whether `get` shows what is in secrets, not only which there are."""
    shown = options.value("-o", "--output")
    kinds = words[1].partition("/")[0].split(",") if len(words) > 1 else []
    asked = "secret" in kinds or "secrets" in kinds
    return asked and shown is not None and shown.text.partition("=")[0] not in ("name", "wide")


def _kubectl(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, KUBECTL_VALUES)
    words = [operand.text for operand in options.operands]
    tries = options.value("--dry-run")
    if not words or options.asks_for_help or options.has("-h"):
        return
    if tries is not None and tries.text != "none":
        return
    action = words[0]
    if action in ("delete", "drain", "evict"):
        yield confirm(
            "containers.cluster-delete",
            "Deletes things in a cluster.",
            command.span,
            "kubectl delete --dry-run=client shows what would go.",
        )
    elif action == "get" and _tells_secrets(words, options):
        yield confirm("secrets.store", "Prints a cluster's secrets.", command.span)
    elif action == "config":
        if words[1:2] and words[1] in _CONFIG_CHANGES:
            yield confirm(
                "containers.cluster-settings", "Changes which clusters are known.", command.span
            )
    elif action == "rollout":
        if words[1:2] and words[1] in ("restart", "undo", "pause", "resume"):
            yield confirm("containers.cluster", "Changes what runs in a cluster.", command.span)
    elif action in ("exec", "cp", "attach", "debug", "run") and not _only_looks(command):
        yield confirm("containers.cluster-exec", "Runs something inside a cluster.", command.span)
    elif action in (
        "apply",
        "create",
        "replace",
        "patch",
        "edit",
        "scale",
        "set",
        "label",
        "annotate",
        "cordon",
        "uncordon",
        "taint",
        "expose",
        "autoscale",
    ):
        yield confirm("containers.cluster", "Changes what runs in a cluster.", command.span)
    elif action == "certificate" or words[:2] == ["auth", "reconcile"]:
        yield confirm("containers.cluster", "Changes who may do what in a cluster.", command.span)
    elif action not in _READS and UNKNOWN in action:
        yield confirm("containers.cluster", "May change what runs in a cluster.", command.span)


_CLUSTER = ("containers.cluster", "Changes what runs in a cluster.")
_HELM = Verbs(
    {
        _CLUSTER: "install upgrade rollback uninstall delete del un test push repo/remove "
        "plugin/install",
    },
    "-n --namespace --kube-context --kubeconfig -f --values --set --version",
    "--dry-run --debug-only",
)
_DEPLOYERS = Verbs(
    {
        _CLUSTER: "apply sync destroy delete deploy run dev down up converge dismiss",
    },
    "-f --file -e --environment -n --namespace -p --profile",
    "--dry-run",
)
_LOCAL_CLUSTERS = Verbs(
    {
        (
            "containers.delete",
            "Deletes or stops a local cluster or machine.",
        ): "delete stop destroy cluster/delete cluster/stop halt remove rm unregister "
        "kill prune delete/cluster undefine vol-delete pool-delete net-destroy snapshot-delete"
    },
    "-p --profile --name -n",
)


RULES: Rules = {
    **dict.fromkeys(("docker", "podman", "nerdctl", "docker-compose"), (_docker,)),
    **dict.fromkeys(("kubectl", "oc"), (_kubectl,)),
    "helm": (rule_of(_HELM),),
    **dict.fromkeys(("helmfile", "skaffold", "tilt", "kapp", "werf"), (rule_of(_DEPLOYERS),)),
    **dict.fromkeys(
        listed(
            "minikube kind k3d vagrant colima lima limactl multipass lxc incus virsh toolbox "
            "distrobox"
        ),
        (rule_of(_LOCAL_CLUSTERS),),
    ),
}
