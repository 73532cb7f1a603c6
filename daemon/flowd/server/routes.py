"""Every method of ours, what answers it, and what that may touch."""

from flowd.server import contexts as c
from flowd.server.dispatch import Route, route
from flowd.server.handlers import (
    attaching,
    check,
    daemon,
    db,
    explain,
    knowledge,
    policy,
    rehearsal,
    runs,
    scan,
    steering,
    suggest,
    terminals,
)
from flowproto import methods as m

_ROUTES = (
    route(m.RUN, runs.handle_run, c.StartContext.of),
    route(m.SHOW, runs.handle_show, c.ReadContext.of),
    route(m.LIST, runs.handle_list, c.ReadContext.of),
    route(m.LOGS, runs.handle_logs, c.ReadContext.of),
    route(m.ARTIFACTS, runs.handle_artifacts, c.ArtifactsContext.of),
    route(m.REHEARSAL, rehearsal.handle_rehearsal, c.RehearsalContext.of),
    route(m.ATTACH, attaching.handle_attach, c.AttachContext.of),
    route(m.DETACH, attaching.handle_detach, c.AttachContext.of),
    route(m.CANCEL, steering.handle_cancel, c.SteerContext.of),
    route(m.UNDO, steering.handle_undo, c.SteerContext.of),
    route(m.RESUME, steering.handle_resume, c.SteerContext.of),
    route(m.RETRY, steering.handle_retry, c.SteerContext.of),
    route(m.ANSWER, steering.handle_answer, c.SteerContext.of),
    route(m.TYPE, terminals.handle_type, c.TypeContext.of),
    route(m.CHECK, check.handle_check, c.JudgeContext.of),
    route(m.SCAN, scan.handle_scan, c.JudgeContext.of),
    route(m.EXPLAIN, explain.handle_explain, c.ExplainContext.of),
    route(m.SUGGEST, suggest.handle_suggest, c.SuggestContext.of),
    route(m.CONTEXT, suggest.handle_context, c.SuggestContext.of),
    route(m.KNOWLEDGE, knowledge.handle_list, c.KnowledgeContext.of),
    route(m.KNOWLEDGE_IMPORT, knowledge.handle_import, c.KnowledgeContext.of),
    route(m.KNOWLEDGE_REMOVE, knowledge.handle_remove, c.KnowledgeContext.of),
    route(m.POLICY_SHOW, policy.handle_show, c.PolicyContext.of),
    route(m.POLICY_TEST, policy.handle_test, c.PolicyContext.of),
    route(m.POLICY_EXPLAIN, policy.handle_explain, c.PolicyContext.of),
    route(m.APPROVALS, policy.handle_approvals, c.PolicyContext.of),
    route(m.REVOKE, policy.handle_revoke, c.PolicyContext.of),
    route(m.TRUST, policy.handle_trust, c.PolicyContext.of),
    route(m.TRUSTED, policy.handle_trusted, c.PolicyContext.of),
    route(m.STATS, daemon.handle_stats, c.DaemonContext.of),
    route(m.DB_CHECK, db.handle_check, c.KeepContext.of),
    route(m.DB_BACKUP, db.handle_backup, c.KeepContext.of),
    route(m.DB_VACUUM, db.handle_vacuum, c.KeepContext.of),
    route(m.STATUS, daemon.handle_status, c.DaemonContext.of),
    route(m.STOP, daemon.handle_stop, c.DaemonContext.of),
)
ROUTES: dict[str, Route] = {row.name: row for row in _ROUTES}
