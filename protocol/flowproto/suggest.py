"""`flow/suggest`: a task in plain words becomes ranked workflows."""

from typing import Any

from msgspec import Struct, field

from flowproto.check import FindingRow, ObstacleRow, Reversibility, Verdict


class SuggestParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`context` is what a client knows, all of it text.

    `selection`, `language` and `diagnostics` of an editor, `last_command` and `last_output` of
    what failed last. `deadline_ms` bounds the wait; it and `limit` are the daemon's settings when
    left out. `fresh` asks models anew, although they answered the same not long ago. With
    `partialResultToken`, what there is comes before the answer, as `$/progress`.
    """

    task: str
    cwd: str | None = None
    providers: list[str] = field(default_factory=list)
    limit: int | None = None
    deadline_ms: int | None = None
    context: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False
    partial_result_token: str | int | None = field(default=None, name="partialResultToken")


class SuggestionRow(Struct, kw_only=True):
    """`workflow` is in language version 1; `id` can be given to `flow/run`.

    `reasons` say in a few words each what made the score.
    """

    id: str
    title: str
    provider: str
    score: float
    verdict: Verdict
    workflow: dict[str, Any]
    explanation: str = ""
    findings: list[FindingRow] = field(default_factory=list)
    reversibility: dict[str, Reversibility] = field(default_factory=dict)
    missing_inputs: list[str] = field(default_factory=list)
    preflight: list[ObstacleRow] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class WritingRow(Struct, kw_only=True):
    """What a model is writing: scripts of a suggestion that is not complete, and not to be run."""

    provider: str
    title: str
    scripts: list[str]


class SuggestProgress(Struct, kw_only=True):
    """All there is so far, best first; it takes the place of what came before.

    Suggestions keep their `id`, and can be run while others are still written.
    """

    suggestions: list[SuggestionRow]
    writing: list[WritingRow] = field(default_factory=list)


class SuggestProgressParams(Struct, kw_only=True):
    """`$/progress` for a `flow/suggest`: its `partialResultToken`, and what there is."""

    token: str | int
    value: SuggestProgress


class ProviderRow(Struct, kw_only=True):
    """How one provider did."""

    provider: str
    elapsed_ms: float
    suggestions: int
    error: str = ""
    cure: str = ""


class SuggestResult(Struct, kw_only=True):
    """Best first. `task` repeats the question, so that batches can be matched."""

    task: str
    suggestions: list[SuggestionRow]
    providers: list[ProviderRow]
    elapsed_ms: float


class ContextRow(Struct, kw_only=True):
    """What one provider would be sent: `instructions` and `text` to the letter, empty for nothing.

    `note` says where it goes, or why there is nothing. Secrets are masked.
    """

    provider: str
    note: str
    instructions: str = ""
    text: str = ""
    bytes: int = 0


class ContextResult(Struct, kw_only=True):
    """A row for each provider that would be asked."""

    task: str
    providers: list[ContextRow]
    elapsed_ms: float
