"""Every method of ours: its name, its parameters, its result. One row is one request.

`PROTOCOL.md`, `schema.json`, the server's dispatch and the client are checked against this table.
"""

from typing import Generic, TypeVar

from msgspec import Struct

from flowproto import (
    artifacts,
    check,
    daemon,
    db,
    explain,
    knowledge,
    learned,
    policy,
    providers,
    rehearsal,
    runs,
    scan,
    suggest,
    terminals,
)

P = TypeVar("P", bound=Struct)
R = TypeVar("R", bound=Struct)


class Method(Generic[P, R]):
    """A request: name on the wire, type of `params`, type of `result`."""

    def __init__(self, name: str, params: type[P], result: type[R], summary: str):
        self.name = name
        self.params = params
        self.result = result
        self.summary = summary


RUN = Method("flow/run", runs.RunParams, runs.RunResult, "start a run")
ATTACH = Method("flow/attach", runs.AttachParams, runs.AttachResult, "replay, then follow, a run")
DETACH = Method("flow/detach", runs.RunRef, runs.StateResult, "stop following a run")
SHOW = Method("flow/show", runs.RunRef, runs.ShowResult, "a run as it stands")
LIST = Method("flow/list", runs.ListParams, runs.ListResult, "runs, newest first")
LOGS = Method("flow/logs", runs.LogsParams, runs.LogsResult, "output of a run or a step")
ARTIFACTS = Method(
    "flow/artifacts",
    artifacts.ArtifactsParams,
    artifacts.ArtifactsResult,
    "files that steps made, kept with their run",
)
REHEARSAL = Method(
    "flow/rehearsal",
    rehearsal.RehearsalParams,
    rehearsal.RehearsalResult,
    "what a rehearsal would have changed",
)
CANCEL = Method("flow/cancel", runs.RunRef, runs.StateResult, "end what is running, start no more")
UNDO = Method("flow/undo", runs.SteerParams, runs.StateResult, "compensate a finished run")
RESUME = Method("flow/resume", runs.SteerParams, runs.StateResult, "go on with a parked run")
RETRY = Method("flow/retry", runs.SteerParams, runs.StateResult, "go on from the failed step")
ANSWER = Method("flow/answer", runs.AnswerParams, runs.StateResult, "decide what a run waits for")
TYPE = Method("flow/type", terminals.TypeParams, terminals.TypeResult, "type at a step's terminal")
CHECK = Method("flow/check", check.CheckParams, check.CheckResult, "validate and judge")
SCAN = Method("flow/scan", scan.ScanParams, scan.ScanResult, "judge the shell text in a file")
EXPLAIN = Method(
    "flow/explain",
    explain.ExplainParams,
    explain.ExplainResult,
    "what a command or workflow does, part by part",
)
SUGGEST = Method("flow/suggest", suggest.SuggestParams, suggest.SuggestResult, "task to workflows")
CONTEXT = Method(
    "flow/context", suggest.SuggestParams, suggest.ContextResult, "what providers would be sent"
)
KNOWLEDGE = Method(
    "flow/knowledge", daemon.Empty, knowledge.KnowledgeResult, "what suggestions look through"
)
KNOWLEDGE_IMPORT = Method(
    "flow/knowledge/import",
    knowledge.KnowledgeImportParams,
    knowledge.KnowledgeImportResult,
    "take in a collection of commands",
)
KNOWLEDGE_REMOVE = Method(
    "flow/knowledge/remove",
    knowledge.KnowledgeRemoveParams,
    daemon.Empty,
    "forget a collection of commands",
)
PROVIDERS = Method(
    "flow/providers", daemon.Empty, providers.ProvidersResult, "who can be asked for suggestions"
)
PROVIDERS_TEST = Method(
    "flow/providers/test",
    providers.ProviderTestParams,
    providers.ProviderTestResult,
    "ask one provider a small question",
)
USAGE = Method("flow/usage", providers.UsageParams, providers.UsageResult, "what asking took")
LEARNED = Method(
    "flow/learned", daemon.Empty, learned.LearnedResult, "what was learned from choices"
)
FORGET = Method(
    "flow/learned/forget", learned.ForgetParams, learned.LearnedRow, "unlearn one thing"
)
FORGET_ALL = Method(
    "flow/learned/forget_all", daemon.Empty, learned.ForgottenResult, "unlearn everything"
)
DISMISS = Method("flow/dismiss", learned.DismissParams, daemon.Empty, "a suggestion is not wanted")
POLICY_SHOW = Method(
    "flow/policy/show", policy.PolicyShowParams, policy.PolicyShowResult, "the rules that count"
)
POLICY_TEST = Method(
    "flow/policy/test", policy.PolicyTestParams, policy.PolicyTestResult, "try rules' examples"
)
POLICY_EXPLAIN = Method(
    "flow/policy/explain",
    policy.PolicyExplainParams,
    policy.PolicyExplainResult,
    "why a command is judged as it is",
)
APPROVALS = Method("flow/approvals", daemon.Empty, policy.ApprovalsResult, "yeses that last")
REVOKE = Method(
    "flow/approvals/revoke", policy.RevokeParams, policy.ApprovalRow, "take a lasting yes back"
)
TRUST = Method("flow/trust", policy.TrustParams, policy.TrustResult, "trust a folder, or no more")
TRUSTED = Method("flow/trusted", daemon.Empty, policy.TrustedResult, "the folders that are trusted")
STATS = Method("flow/stats", daemon.Empty, daemon.StatsResult, "figures")
DB_CHECK = Method(
    "flow/db/check", db.DbCheckParams, db.DbCheckResult, "look the whole database through"
)
DB_BACKUP = Method(
    "flow/db/backup", db.DbBackupParams, db.DbBackupResult, "copy the database to a new file"
)
DB_VACUUM = Method(
    "flow/db/vacuum",
    daemon.Empty,
    db.DbVacuumResult,
    "apply retention, pack tightly, give room back",
)
STATUS = Method("flow/daemon/status", daemon.StatusParams, daemon.StatusResult, "who answers here")
STOP = Method("flow/daemon/stop", daemon.Empty, daemon.StopResult, "end the daemon, not the steps")

EVENT = "flow/event"
DETACHED = "flow/detached"
PROGRESS = "$/progress"

METHODS: tuple[Method[Struct, Struct], ...] = (
    RUN,
    ATTACH,
    DETACH,
    SHOW,
    LIST,
    LOGS,
    ARTIFACTS,
    REHEARSAL,
    CANCEL,
    UNDO,
    RESUME,
    RETRY,
    ANSWER,
    TYPE,
    CHECK,
    SCAN,
    EXPLAIN,
    SUGGEST,
    CONTEXT,
    KNOWLEDGE,
    KNOWLEDGE_IMPORT,
    KNOWLEDGE_REMOVE,
    PROVIDERS,
    PROVIDERS_TEST,
    USAGE,
    LEARNED,
    FORGET,
    FORGET_ALL,
    DISMISS,
    POLICY_SHOW,
    POLICY_TEST,
    POLICY_EXPLAIN,
    APPROVALS,
    REVOKE,
    TRUST,
    TRUSTED,
    STATS,
    DB_CHECK,
    DB_BACKUP,
    DB_VACUUM,
    STATUS,
    STOP,
)  # type: ignore[assignment]  # Method is invariant; the table only reads
