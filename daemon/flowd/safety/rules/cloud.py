"""Clouds, infrastructure as code, hosting and code forges."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rule, Rules
from flowd.safety.rules.verbs import Verbs, rule_of
from flowd.safety.state import State
from flowd.safety.tables import listed

_DELETE_VERB = re.compile(
    r"(?:delete|remove|rm|rb|destroy|terminate|purge|deregister|detach|disable|revoke|reset|stop|kill"
    r"|release|cancel|unset|del|drop|clear|undeploy|empty|decommission|schedule-key-deletion|reboot"
    r"|abandon|force-unlock|wipe|flush|uninstall|prune|unlink|deprovision)(?:[-:].*)?"
    r"|.*:(?:destroy|unset|remove|delete|rm|clear|reset|revoke|drop|stop|kill|restart)|rbs|rm-.*"
)
_READ_VERB = re.compile(
    r"(?:describe|list|get|ls|show|view|head|lookup|search|help|wait|download|tail|read|cat|du|stat|info"
    r"|status|version|whoami|check|validate|diff|preview|presign|estimate|query|select|export|logs|log"
    r"|filter|test|scan|batch-get|simulate|login|configure|init|completion|plan|print|fetch|config"
    r"|auth|account|open|dev|env:list|apps:info|build|link|switch|watch|checkout|clone|pull|browse"
    r"|metrics|lsd|lsf|lsl|lsjson|size|tree|about|whoami|token|alias|doctor|docs|sso|generate|hash|signurl|ping|top|ssh-keys)(?:[-:].*)?"
)
_CLOUD_VALUES = listed(
    "--region --profile --output --query --endpoint-url --project --zone --account --format "
    "--subscription -g --resource-group -n --name -o -p -c --context --org --space -a --app -t "
    "--token --team --scope --config --location -u -s --site -m --message -r --remote --filter -R "
    "--repo -b --body --title --bucket --key --instance-ids --cli-input-json"
)


_VERB_FIRST = listed("rclone mc s3cmd b2 azcopy")


def _verbs_of(command: Command) -> list[str]:
    return [operand.text for operand in split(command.arguments, _CLOUD_VALUES).operands[:4]]


_TELLS_SECRETS = re.compile(
    r"aws (?:secretsmanager (?:batch-)?get-secret-value|ssm get-parameters?\b.*--with-decryption"
    r"|sts get-session-token|iam create-access-key)\b.*"
    r"|gcloud (?:secrets versions access|auth (?:application-default )?print-access-token)\b.*"
    r"|az (?:keyvault secret (?:show|download)|account get-access-token)\b.*"
    r"|az storage account keys list\b.*"
    r"|fly(?:ctl)? auth token.*"
)


def _stored_secrets(command: Command, _state: State) -> Iterator[Finding]:
    """Passwords and tokens that a cloud keeps, printed."""
    text = " ".join([command.name, *(argument.text for argument in command.arguments)])
    if _TELLS_SECRETS.match(text) and not command.has_word("--help", "help"):
        yield confirm("secrets.store", "Prints stored secrets.", command.span)


def _cloud(command: Command, _state: State) -> Iterator[Finding]:
    """aws, gcloud, az and their like: `service [group] verb`."""
    options = split(command.arguments, _CLOUD_VALUES)
    if options.has("--dry-run", "--dryrun", "--help", "-h", "--generate-cli-skeleton"):
        return
    words = [operand.text for operand in options.operands]
    if len(words) < 2 or words[0] in ("help", "configure", "configservice", "version"):
        return
    verbs = words[1:4]
    if command.name == "aws":
        verbs = words[1:2]
    elif command.name in _VERB_FIRST:
        verbs = words[:1]
    if any(_DELETE_VERB.fullmatch(verb) for verb in verbs):
        yield confirm("cloud.delete", "Deletes or stops something in the cloud.", command.span)
    elif command.name == "aws" and words[0] == "s3":
        yield from _object_store(command, words[1:])
    elif not any(_READ_VERB.fullmatch(verb) for verb in verbs):
        yield confirm("cloud.change", "Changes something in the cloud.", command.span)


def _object_store(command: Command, words: list[str]) -> Iterator[Finding]:
    action, *places = words or [""]
    remote = [place for place in places if re.match(r"(?:s3|gs|az|r2|b2)://", place)]
    if action == "rm" or (command.has_word("--delete", "-d") and action in ("sync", "rsync")):
        yield confirm("cloud.delete", "Deletes objects in the cloud.", command.span)
    elif action in ("cp", "mv", "sync", "rsync") and places and places[-1] in remote:
        yield confirm("cloud.upload", "Copies files into the cloud.", command.span)
    elif action in ("mb", "website", "mv"):
        yield confirm("cloud.change", "Changes something in the cloud.", command.span)


def _gsutil(command: Command, _state: State) -> Iterator[Finding]:
    words = [o.text for o in split(command.arguments, listed("-o -h -u -p -c -l")).operands]
    if words[:1] and words[0] in ("rm", "rb"):
        yield confirm("cloud.delete", "Deletes objects in the cloud.", command.span)
    elif words[:1] and words[0] in (
        "iam",
        "acl",
        "defacl",
        "setmeta",
        "mb",
        "lifecycle",
        "retention",
    ):
        yield confirm("cloud.change", "Changes something in the cloud.", command.span)
    else:
        yield from _object_store(command, words)


def _hosting(command: Command, _state: State) -> Iterator[Finding]:
    """Hosting and forge tools: only what deletes, deploys or publishes."""
    options = split(command.arguments, _CLOUD_VALUES)
    if options.has("--help", "-h", "--dry-run") or (
        options.operands[:1] and (options.operands[0].text == "help")
    ):
        return
    words = [*_verbs_of(command)[:3], *(["prod"] if options.has("--prod") else [])]
    if any(_DELETE_VERB.fullmatch(word) for word in words):
        yield confirm(
            "cloud.delete", "Deletes or stops something at a hosting service.", command.span
        )
    elif any(
        re.fullmatch(
            r"deploy(?:[-:].*)?|publish|promote|rollback|release|merge|close|archive"
            r"|rename|transfer|import|launch|scale|.*:set|set|add|put|lock|edit|prod"
            r"|push|restart|up|.*:(?:scale|on|off|push|copy|promote|rotate|resize|transfer|attach)",
            word,
        )
        for word in words
    ) and words[:1] != ["config"]:
        yield confirm("cloud.deploy", "Changes something other people use.", command.span)


def _forge(command: Command, _state: State) -> Iterator[Finding]:
    """Gh and glab."""
    options = split(command.arguments, listed("-R --repo -X --method -f -F -H -q --jq -t -b -B -l"))
    words = [operand.text for operand in options.operands]
    if options.has("--help") or not words:
        return
    if words[0] == "api":
        method = options.value("-X", "--method")
        sends = options.has("-f", "-F", "--input", "--field", "--raw-field")
        if (method is not None and method.text.upper() != "GET") or (sends and method is None):
            yield confirm("cloud.change", "Changes something on the forge.", command.span)
        return
    action = words[1] if len(words) > 1 else ""
    if action in (
        "delete",
        "remove",
        "delete-asset",
        "archive",
        "rename",
        "transfer",
        "disable",
        "cancel",
    ):
        yield confirm("cloud.delete", "Deletes or closes something on the forge.", command.span)
    elif (words[0], action) in {
        ("pr", "merge"),
        ("pr", "close"),
        ("issue", "close"),
        ("release", "create"),
        ("mr", "merge"),
        ("release", "upload"),
        ("release", "edit"),
        ("secret", "set"),
        ("variable", "set"),
        ("workflow", "run"),
        ("repo", "create"),
        ("repo", "edit"),
        ("repo", "sync"),
        ("run", "rerun"),
        ("ssh-key", "add"),
        ("gpg-key", "add"),
        ("auth", "token"),
        ("extension", "install"),
        ("issue", "lock"),
        ("repo", "deploy-key"),
        ("label", "create"),
        ("mr", "close"),
    }:
        yield confirm("cloud.change", "Changes something other people see.", command.span)


_INFRASTRUCTURE = Verbs(
    {
        (
            "cloud.destroy",
            "Destroys or forgets real infrastructure.",
        ): "destroy state/rm state/mv state/push state/replace-provider workspace/delete taint "
        "untaint "
        "force-unlock down stack/rm stack/remove cancel remove undeploy teardown delete "
        "run-all/destroy",
        (
            "cloud.apply",
            "Changes real infrastructure.",
        ): "apply import up update refresh run-all/apply deploy sync stack/import set-config "
        "bootstrap",
    },
    "-chdir -s --stack -C --cwd -f --profile --stage",
    "-help --dry-run --diff --preview-only",
)


def _terraform(command: Command, state: State) -> Iterator[Finding]:
    yield from _INFRASTRUCTURE_RULE(command, state)


_INFRASTRUCTURE_RULE: Rule = rule_of(_INFRASTRUCTURE)


_LOOKING_MODULES = listed("ping setup debug stat gather_facts command_facts service_facts getent")


def _playbook(command: Command, _state: State) -> Iterator[Finding]:
    module = split(command.arguments, listed("-m -a -i -u -e -l -f")).value("-m", "--module-name")
    name = module.text.removeprefix("ansible.builtin.") if module is not None else ""
    if command.name == "ansible" and name in _LOOKING_MODULES:
        return
    if command.has_word(
        "--check",
        "-C",
        "--noop",
        "test=true",
        "--list-hosts",
        "--list-tasks",
        "--syntax-check",
        "--help",
        "--version",
    ):
        return
    if command.arguments:
        yield confirm("remote.playbook", "Changes other machines.", command.span)


RULES: Rules = {
    **dict.fromkeys(
        listed(
            "aws gcloud az doctl oci ibmcloud aliyun linode-cli hcloud scw exo vultr-cli "
            "ovhcloud tencentcloud civo upctl s3cmd rclone mc b2 azcopy"
        ),
        (_cloud, _stored_secrets),
    ),
    "gsutil": (_gsutil,),
    **dict.fromkeys(
        listed(
            "netlify vercel heroku fly flyctl railway render firebase wrangler surge now "
            "amplify eb cf dokku cap supabase modal appwrite ntl stripe "
            "shopify okta auth0 consul nomad etcdctl zkcli argocd flux circleci "
            "travis buildkite"
        ),
        (_hosting, _stored_secrets),
    ),
    **dict.fromkeys(("gh", "glab", "hub-api", "tea"), (_forge,)),
    **dict.fromkeys(
        listed(
            "terraform tofu terragrunt pulumi cdk cdktf sls serverless sam copilot "
            "ansible-vault packer crossplane"
        ),
        (_terraform,),
    ),
    **dict.fromkeys(
        (
            "ansible-playbook",
            "ansible",
            "salt",
            "salt-call",
            "puppet",
            "chef-client",
            "fab",
            "knife",
        ),
        (_playbook,),
    ),
}
