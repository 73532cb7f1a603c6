"""Programs that run commands in a container or a cluster, and databases that run SQL."""

import re

from flowd.safety.command import Command, split
from flowd.safety.files import content_of
from flowd.safety.paths import below
from flowd.safety.programs.effects import Code, Effects, Models, Run
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import Argument, unknown, value_of

DOCKER_VALUES = listed(
    "-c -H -l --context --host --log-level --config -f --file -p --project-name --profile "
    "--env-file --project-directory"
)
RUN_VALUES = listed(
    "-a -c -e -h -l -m -p -u -v -w --add-host --annotation --attach --blkio-weight --cap-add "
    "--cap-drop --cgroupns --cidfile --cpus --cpuset-cpus --detach-keys --device --dns "
    "--entrypoint --env --env-file --expose --gpus --group-add --hostname --ip --ipc --label "
    "--link --log-driver --log-opt --mac-address --memory --mount --name --network "
    "--network-alias --pid --platform --publish --pull --restart --runtime --security-opt "
    "--shm-size --stop-signal --stop-timeout --storage-opt --sysctl --tmpfs --ulimit --user "
    "--userns --uts --volume --volume-driver --volumes-from --workdir --index --scale "
    "--service-ports"
)
KUBECTL_VALUES = listed(
    "-n -c -f -l -o -s --namespace --context --cluster --kubeconfig --user --container --filename "
    "--selector --output --server --token --as --as-group --request-timeout "
    "--certificate-authority "
    "--client-certificate --client-key --replicas --image --field-selector --timeout "
    "--grace-period "
    "--dry-run --tail --since --type --patch --port"
)


def after_subcommand(command: Command) -> tuple[tuple[str, ...], tuple[Argument, ...]]:
    """`docker -H x compose -f y exec ...` → (("compose", "exec"), the words after them)."""
    first = split(command.arguments, DOCKER_VALUES, first_operand_ends=True).operands
    if not first:
        return (), ()
    name, rest = first[0].text, first[1:]
    if name in (
        "compose",
        "container",
        "image",
        "volume",
        "network",
        "system",
        "stack",
        "service",
        "builder",
        "buildx",
        "context",
        "swarm",
        "node",
        "secret",
        "config",
        "pod",
        "machine",
        "manifest",
        "plugin",
        "trust",
        "model",
    ):
        second = split(rest, DOCKER_VALUES, first_operand_ends=True).operands
        return (name, second[0].text if second else ""), second[1:]
    return (name,), rest


def _docker(command: Command, _state: State) -> Effects:
    names, rest = after_subcommand(command)
    if not names or names[-1] not in ("exec", "run"):
        return Effects(output=unknown())
    options = split(rest, RUN_VALUES, first_operand_ends=True)
    inner = options.operands[1:]
    entry = options.value("--entrypoint")
    if entry is not None:
        inner = (entry, *inner)
    mounts = options.has("-v", "--volume", "--mount", "--privileged", "--volumes-from")
    if names[-1] == "run" and names[0] != "compose" and not mounts:
        return Effects(output=unknown())  # what it changes goes away with the container
    shared = dict(_volume(value.text) for value in options.values("-v", "--volume"))
    inner = tuple(_seen_from_outside(argument, shared) for argument in inner)
    return Effects(output=unknown(), runs=(Run(inner),) if inner else ())


def _volume(text: str) -> tuple[str, str]:
    """`HOST:CONTAINER[:OPTIONS]` → the container's folder and the host's."""
    host, _, rest = text.partition(":")
    return rest.partition(":")[0].rstrip("/"), host.rstrip("/")


def _seen_from_outside(argument: Argument, shared: dict[str, str]) -> Argument:
    """A path below a shared folder, as it is called on the machine."""
    for inside, outside in shared.items():
        if inside and outside != inside and below(argument.text, inside):
            return argument.with_text(f"{outside}{argument.text[len(inside) :]}" or "/")
        if inside and outside != inside and " " in argument.text:  # a line for a shell
            named = re.compile(rf"(?<![\w./-]){re.escape(inside)}(?=[/\s'\";&|)*]|$)")
            return argument.with_text(named.sub(outside.replace("\\", r"\\") or "/", argument.text))
    return argument


def _kubectl(command: Command, _state: State) -> Effects:
    options = split(command.arguments, KUBECTL_VALUES)
    texts = [argument.text for argument in command.arguments]
    if options.operands[:1] and options.operands[0].text == "exec" and "--" in texts:
        return Effects(output=unknown(), runs=(Run(command.arguments[texts.index("--") + 1 :]),))
    return Effects(output=unknown())


_CLIENTS = {
    "psql": (
        "-c --command",
        "-f --file",
        "-h -p -U -d -o -v -F -R -P -L --host --port --username "
        "--dbname --output --set --variable --field-separator --pset --log-file",
    ),
    "mysql": (
        "-e --execute --init-command",
        "",
        "-h -P -u -D -S --host --port --user --database "
        "--socket --protocol --default-character-set --defaults-file --ssl-ca",
    ),
    "mariadb": (
        "-e --execute --init-command",
        "",
        "-h -P -u -D -S --host --port --user --database",
    ),
    "sqlite3": ("-cmd", "-init", "-separator -nullvalue -newline -mmap -vfs"),
    "duckdb": ("-c -cmd -s", "-init -f", "-separator -nullvalue -newline"),
    "sqlcmd": ("-Q -q", "-i", "-S -U -P -d -o -h -s -w"),
    "clickhouse-client": (
        "-q --query",
        "--queries-file",
        "-h --host --port -u --user -d --database",
    ),
    "clickhouse": ("-q --query", "--queries-file", "-h --host --port -u --user -d --database"),
    "cqlsh": ("-e --execute", "-f --file", "-u -p -k"),
    "cockroach": ("-e --execute", "-f --file", "--host --url -d --database"),
    "bq": ("", "", "--location --project_id --dataset_id --format"),
    "snowsql": ("-q --query", "-f --filename", "-a -u -d -s -r -w -c -o --accountname --username"),
    "trino": ("--execute", "-f --file", "--server --catalog --schema --user"),
    "presto": ("--execute", "-f --file", "--server --catalog --schema --user"),
    "hive": ("-e", "-f -i", "-d --hiveconf --hivevar --database"),
    "beeline": ("-e", "-f -i", "-u -n -p -d --hiveconf"),
    "spark-sql": ("-e", "-f -i", "--master --conf --database"),
    "impala-shell": ("-q --query", "-f --query_file", "-i -d -u"),
    "mysqlsh": ("-e --execute", "-f --file", "-h -P -u -D --uri"),
    "usql": ("-c --command", "-f --file", "-o -v"),
    "pgcli": ("", "", "-h -p -U -d"),
    "mycli": ("-e --execute", "", "-h -P -u -D"),
    "influx": ("-execute", "", "-host -port -database -username -password -precision -format"),
    "mongosh": ("--eval", "-f --file", "--host --port -u -p --username --password"),
    "mongo": ("--eval", "-f --file", "--host --port -u -p --username --password"),
}
_ONE_DASH = frozenset({"sqlite3", "duckdb", "influx"})
_TAKES_SQL = frozenset({"sqlite3", "duckdb", "bq"})


def sqlite_file(command: Command) -> str:
    """Name the database that sqlite3 is called for, "" when that is not known."""
    if command.name != "sqlite3":
        return ""
    options = listed(" ".join(_CLIENTS["sqlite3"]))
    operands = split(command.arguments, options, long_with_one_dash=True).operands
    return operands[0].text if operands and operands[0].known else ""


def _client(command: Command, state: State) -> Effects:
    """A database client: SQL from options, operands, a file or standard input."""
    code, files, others = _CLIENTS[command.name]
    options = split(
        command.arguments,
        listed(f"{code} {files} {others}"),
        long_with_one_dash=command.name in _ONE_DASH,
    )
    read_only = options.has("-readonly", "--readonly", "--read-only")
    sources = [value_of(each.text, each.origins) for each in options.values(*code.split())]
    if command.name in _TAKES_SQL:
        sources += [value_of(each.text) for each in options.operands[1:]]
    codes = [Code("sql", source, command.span) for source in sources]
    codes += [
        Code("sql", content_of(file, state), file.span, unseen=True, name=file.text)
        for file in options.values(*files.split())
    ]
    if not codes and command.stdin_path:
        codes.append(Code("sql", command.stdin, command.span, unseen=True))
    return Effects(output=unknown(), codes=() if read_only else tuple(codes))


MODELS: Models = {
    **dict.fromkeys(("docker", "podman", "nerdctl", "docker-compose"), _docker),
    **dict.fromkeys(("kubectl", "oc", "k3s", "microk8s"), _kubectl),
    **dict.fromkeys(_CLIENTS, _client),
}
