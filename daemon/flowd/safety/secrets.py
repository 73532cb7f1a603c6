"""Which paths hold secrets, by their names."""

import posixpath
import re

from flowd.safety.value import UNKNOWN, Origin

_SECRET_NAME = re.compile(
    r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:[._-](?!pub).*)?"
    r"|\.env(?:rc)?|\.env\.(?!example|sample|template|dist|defaults?|schema)[\w.-]+|[\w-]+\.env"
    r"|\.netrc|_netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.git-credentials|\.vault-token"
    r"|\.htpasswd|\.dockercfg|\.s3cfg|\.boto|credentials(?:\.json|\.db|\.tfrc\.json)?"
    r"|application_default_credentials\.json|service[-_]account[\w-]*\.json|client_secret.*\.json"
    r"|secrets?\.(?:ya?ml|json|toml|env|txt)|master\.key|[\w.-]*(?:private|priv)[\w-]*\.(?:pem|key)"
    r"|privkey\d*\.pem|secring\.gpg|[\w.*-]+\.(?:key|pfx|p12|jks|keystore|kdbx|ppk|pem)"
    r"|shadow-?|gshadow-?|sudoers|ssh_host_\w+_key|login\.keychain.*|logins\.json|key[34]\.db"
    r"|wallet\.dat|\.passwd|passwords?\.txt|terraform\.tfvars|[\w-]*token\.txt",
    re.IGNORECASE,
)
_PUBLIC_NAME = re.compile(
    r".*\.pub(?:\..*)?|(?:ca|cert|chain|fullchain|cacert|public|pub)[\w.-]*\.(?:pem|key)"
    r"|.*public.*|.*\.example|example\.env",
    re.IGNORECASE,
)
_SECRET_PATH = re.compile(
    r"(?:.*/)?(?:\.aws/(?:credentials|config)|\.kube/config|\.docker/config\.json"
    r"|\.config/gh/hosts\.ya?ml|\.config/gcloud/.*|\.gnupg/private-keys.*|\.config/op/.*"
    r"|\.azure/.*|\.password-store/.*|\.local/share/keyrings/.*|\.mozilla/.*|\.ssh/identity)"
    r"|/proc/(?:\d+|self)/environ|/proc/kcore|/run/secrets/.*|/etc/sudoers\.d/.*"
)
_SECRET_FOLDER = re.compile(
    r"(?:.*/)?(?:\.ssh|\.aws|\.gnupg|\.kube|\.azure|\.config/gcloud|\.password-store|\.docker)"
)
_PLAIN_SYSTEM_FILE = re.compile(r".*/\.\w+_history|/etc/.+|/proc/.+|/var/log/.+|/root/.+|/boot/.+")


def origin_of(path: str) -> Origin | None:
    """Say "secret" or "system" when reading this plain path gives such content."""
    name = posixpath.basename(path)
    if _SECRET_PATH.fullmatch(path):
        return "secret"
    if _SECRET_NAME.fullmatch(name) and not _PUBLIC_NAME.fullmatch(name) and UNKNOWN not in name:
        return "secret"
    folder = posixpath.dirname(path)
    if "*" in name and holds_secrets(folder) and not _PUBLIC_NAME.fullmatch(name):
        return "secret"
    return "system" if _PLAIN_SYSTEM_FILE.fullmatch(path) else None


def holds_secrets(path: str) -> bool:
    """Whether a folder is one that keys and credentials are kept in."""
    return _SECRET_FOLDER.fullmatch(path.rstrip("/")) is not None
