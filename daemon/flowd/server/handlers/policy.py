"""The users' own rules, their lasting yeses, and the folders they trust."""

import trio

from flowd.clocks import wall_clock_ms
from flowd.domain.boundaries import NOTHING_DRAWN, drawn_by, words_of_drawn
from flowd.domain.consents import Approval
from flowd.errors import InvalidInput, NotFound
from flowd.safety.explaining import explain, families
from flowd.safety.policy.loading import PolicyFile, failure_of, text_of
from flowd.safety.policy.moments import local_time
from flowd.safety.policy.reading import Example, Layer, read_layer
from flowd.server.contexts import PolicyContext
from flowd.server.convert import to_finding_row
from flowd.server.sources import folder_of, path_in
from flowproto import policy as p
from flowproto.daemon import Empty

LONGEST_COMMAND = 1_000_000  # characters


async def handle_show(params: p.PolicyShowParams, context: PolicyContext) -> p.PolicyShowResult:
    """Every file that counts for a folder, and what the built-in rules look at."""
    files = context.policies.files
    cwd = str(folder_of(params.cwd))
    return p.PolicyShowResult(
        files=[_file_row(file) for file in files.files_for(cwd)],
        built_in=[p.FamilyRow(name=name, programs=each) for name, each in families().items()],
        looked_for=[str(path) for path in files.places(cwd)],
        boundaries=await _boundaries_words(cwd, context),
    )


async def _boundaries_words(cwd: str, context: PolicyContext) -> str:
    drawn = drawn_by(context.policies.boundaries(cwd))
    if drawn == NOTHING_DRAWN:
        return ""
    if why := await context.unheld(drawn):
        return f"cannot be held on this machine, so no run starts here: {why}"
    return f"held by the kernel: {words_of_drawn(drawn)}"


def _file_row(file: PolicyFile) -> p.PolicyFileRow:
    layer = file.layer or Layer(file.kind, str(file.path))
    drawn = layer.boundaries
    now = local_time()
    return p.PolicyFileRow(
        kind=file.kind,
        path=str(file.path),
        trusted=file.trusted,
        problem=file.problem,
        rules=[
            p.RuleRow(
                verdict=rule.verdict,
                rule=rule.text,
                line=rule.place.line,
                holds=rule.when is None or rule.when.holds(now),
                message=rule.message,
                safer=rule.safer,
            )
            for rule in layer.rules
        ],
        writable=None if drawn.writable is None else list(drawn.writable),
        readable=None if drawn.readable is None else list(drawn.readable),
        network=drawn.network,
        privilege=drawn.privilege,
    )


async def handle_test(params: p.PolicyTestParams, context: PolicyContext) -> p.PolicyTestResult:
    """Try every example, also behind one that fails; nothing is run."""
    return await trio.to_thread.run_sync(_try_all, params, context)


def _try_all(params: p.PolicyTestParams, context: PolicyContext) -> p.PolicyTestResult:
    cwd = folder_of(params.cwd)
    rows: list[p.ExampleRow] = []
    problems: list[str] = []
    if params.text is not None:
        path = path_in(cwd, params.path)
        given = [PolicyFile(params.kind, path, (0, 0, 0, 0))]
    else:
        given = [file for file in context.policies.files.files_for(str(cwd)) if file.trusted]
    for file in given:
        try:
            text = params.text if params.text is not None else text_of(file.path)
            layer = read_layer(text, file.kind, str(file.path))
        except InvalidInput as error:
            problems.append(error.message)
            continue
        rows += [_example_row(example, layer) for example in layer.examples]
    failed = sum(not row.passed for row in rows)
    return p.PolicyTestResult(examples=rows, problems=problems, files=len(given), failed=failed)


def _example_row(example: Example, layer: Layer) -> p.ExampleRow:
    why = failure_of(example, layer)
    return p.ExampleRow(
        path=example.place.path,
        line=example.place.line,
        rule=example.rule.text,
        command=example.command,
        expected=example.expected,
        passed=not why,
        why=why,
    )


async def handle_explain(
    params: p.PolicyExplainParams, context: PolicyContext
) -> p.PolicyExplainResult:
    """Tell the chain from a command's text to its verdict."""
    if len(params.command) > LONGEST_COMMAND:
        raise InvalidInput("the command is too long to explain", cure="explain a part of it")
    cwd = str(folder_of(params.cwd))
    explained = await trio.to_thread.run_sync(explain, context.policies, params.command, cwd)
    return p.PolicyExplainResult(
        verdict=explained.judgement.verdict,
        decided=explained.decided,
        calls=[
            p.CallRow(depth=call.depth, command=call.words, span=call.span)
            for call in explained.calls
        ],
        findings=[to_finding_row(finding) for finding in explained.judgement.findings],
        lifted=[
            p.LiftedRow(finding=to_finding_row(found), rule=rule.text, source=str(rule.place))
            for found, rule in explained.lifted
        ],
    )


async def handle_approvals(params: Empty, context: PolicyContext) -> p.ApprovalsResult:
    """Every lasting yes."""
    now = wall_clock_ms()
    found = await context.consents.approvals()
    return p.ApprovalsResult(approvals=[_approval_row(each, now) for each in found])


async def handle_revoke(params: p.RevokeParams, context: PolicyContext) -> p.ApprovalRow:
    """Take a lasting yes back, for runs that start from now on."""
    revoked = await context.consents.revoke(params.approval)
    if revoked is None:
        raise NotFound(
            f"there is no approval {params.approval}", cure="flowctl policy approvals lists them"
        )
    return _approval_row(revoked, wall_clock_ms())


def _approval_row(approval: Approval, now: int) -> p.ApprovalRow:
    return p.ApprovalRow(
        approval=approval.id,
        script=approval.script,
        rules=list(approval.rules),
        question=approval.question,
        project=approval.project,
        run=approval.run,
        step=approval.step,
        granted_at=approval.granted_at,
        expires_at=approval.expires_at,
        expired=approval.expires_at is not None and approval.expires_at <= now,
        uses=approval.uses,
        last_used_at=approval.last_used_at,
    )


async def handle_trust(params: p.TrustParams, context: PolicyContext) -> p.TrustResult:
    """Trust a folder with all below it, or no more."""
    folder = folder_of(params.path)
    change = context.trust.remove if params.revoke else context.trust.add
    return p.TrustResult(path=await change(folder), trusted=not params.revoke)


async def handle_trusted(params: Empty, context: PolicyContext) -> p.TrustedResult:
    """The trusted folders."""
    folders = context.trust.folders
    return p.TrustedResult(
        folders=[p.TrustedRow(path=each.path, trusted_at=each.trusted_at) for each in folders]
    )
