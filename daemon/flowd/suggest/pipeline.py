"""From a task to ranked suggestions: context, retrieve, generate, validate, judge, rank."""

import logging
import math
import os
from collections.abc import Callable, Sequence

import trio
from msgspec.structs import replace

from flowd.config import Config
from flowd.domain.inputs import missing_inputs
from flowd.domain.knowledge import ImportedKnowledge
from flowd.domain.parse import workflow_from_object
from flowd.domain.ports import Judge, Preflight
from flowd.domain.preview import judge_workflow
from flowd.domain.suggestions import (
    ProviderReport,
    SuggestAnswer,
    Suggester,
    Suggestion,
    SuggestRequest,
    Told,
)
from flowd.domain.workflow import Workflow
from flowd.errors import FlowError, InvalidInput, InvalidWorkflow, NotFound
from flowd.suggest.binding import fill
from flowd.suggest.context import Context
from flowd.suggest.memory import Memory
from flowd.suggest.nearness import LOOKED_AT, Nearness
from flowd.suggest.providers.base import DEFAULT_BUDGET_BYTES, Draft, Provider, Question
from flowd.suggest.providers.registry import Registry
from flowd.suggest.providers.told import told
from flowd.suggest.rank import Candidate, merge, order, plausibility, score
from flowd.suggest.retrieve import (
    Knowledge,
    best_of,
    load_knowledge,
    retrieve,
    retrieve_imported,
)
from flowd.suggest.surroundings import Surroundings

_logger = logging.getLogger(__name__)
_MORE_LOOKED_AT = 3  # than are wanted: one of them may lose its place
_MOST_DRAFTS = 20  # of one provider; more is noise
_LONGEST_TASK = 2000
_WRITTEN_BY_US = "offline"  # the provider whose scripts no model wrote


MaskFor = Callable[[str], Callable[[str], str]]
"""Gives, for a folder, what takes secrets out of a text."""


def _no_mask(_folder: str) -> Callable[[str], str]:
    return str


class Asked:
    """What asking one provider came to; filled in while it is asked."""

    def __init__(self, name: str):
        self.name = name
        self.drafts: list[Draft] = []
        self.error = ""
        self.cure = ""
        self.elapsed_ms = 0.0


class PipelineSuggester:
    """The `Suggester` port. Holds the library once it is wanted, and what it suggested."""

    def __init__(
        self,
        registry: Registry,
        judge: Judge,
        memory: Memory,
        preflight: Preflight | None = None,
        mask_for: MaskFor = _no_mask,
        imported: ImportedKnowledge | None = None,
        nearness: Nearness | None = None,
        surroundings: Surroundings | None = None,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ):
        self._surroundings = surroundings or Surroundings()
        self._budget_bytes = budget_bytes
        self._imported = imported
        self._nearness = nearness
        self._mask_for = mask_for
        self._registry = registry
        self._preflight = preflight
        self._judge = judge
        self._memory = memory
        self._knowledge: Knowledge | None = None
        self._loading = trio.Lock()

    async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
        """Answer within the request's deadline, with what there is. InvalidInput for no task."""
        task = _checked_task(request.task)
        providers, unusable = self._registry.choose(request.providers)
        start = trio.current_time()
        deadline = start + request.deadline_seconds
        question = await self._question(request, task, deadline)
        asked = [Asked(provider.name) for provider in providers]
        async with trio.open_nursery() as nursery:
            for provider, outcome in zip(providers, asked, strict=True):
                nursery.start_soon(_ask, provider, question, outcome)
        suggestions = await self._rank(asked, question)
        return SuggestAnswer(
            suggestions=suggestions,
            providers=[
                *(_report(outcome, suggestions) for outcome in asked),
                *(ProviderReport(bad.name, 0.0, 0, bad.error, bad.cure) for bad in unusable),
            ],
            elapsed_ms=(trio.current_time() - start) * 1000,
        )

    async def tell(self, request: SuggestRequest) -> list[Told]:
        """Give what each provider would be sent for this request, sending nothing."""
        task = _checked_task(request.task)
        providers, unusable = self._registry.choose(request.providers)
        question = await self._question(request, task, trio.current_time())
        return [
            *(told(provider, question) for provider in providers),
            *(Told(bad.name, f"it cannot work, so nothing: {bad.error}") for bad in unusable),
        ]

    async def _question(self, request: SuggestRequest, task: str, deadline: float) -> Question:
        knowledge = await self._know()
        found = await self._surroundings.gather(request.cwd)
        limit = max(10, request.limit)
        return Question(
            task=task,
            context=found.context,
            deadline=deadline,
            retrieved=await self._retrieved(task, found.context, knowledge, limit),
            limit=request.limit,
            selection=request.selection,
            language=request.language,
            diagnostics=request.diagnostics,
            failure=request.failure or found.failure,
            budget_bytes=self._budget_bytes,
            mask=self._mask_for(request.cwd),
        )

    def recall(self, suggestion_id: str) -> Suggestion:
        """Give a suggestion made earlier, or a built-in recipe by its id; NotFound otherwise."""
        remembered = self._memory.get(suggestion_id)
        if remembered is not None:
            return remembered
        if self._knowledge is None:
            self._knowledge = load_knowledge()
        recipe = self._knowledge.library.recipes.get(suggestion_id)
        if recipe is None:
            raise NotFound(
                f"there is no suggestion {suggestion_id!r}",
                cure="suggestions are kept while the daemon lives: ask again with flowctl suggest",
            )
        filled = fill(recipe, (), self._knowledge.library.inputs)
        draft = Draft(
            title=recipe.title,
            workflow=filled.workflow,
            explanation=recipe.explanation,
            confidence=1.0,
            recipe=recipe.id,
        )
        candidate = self._judged(draft, workflow_from_object(filled.workflow), "offline", None)
        return _suggestion(recipe.id, 1.0, candidate)

    async def _retrieved(
        self, task: str, context: Context, knowledge: Knowledge, limit: int
    ) -> list[Draft]:
        looked_at = max(limit, LOOKED_AT)
        drafts = retrieve(task, context, knowledge, looked_at)
        if self._imported is not None:
            drafts += await retrieve_imported(task, knowledge, self._imported, looked_at)
        if self._nearness is not None:
            drafts = await self._nearness.put_in_order(task, best_of(drafts, 2 * looked_at))
        return best_of(drafts, limit)

    async def _know(self) -> Knowledge:
        async with self._loading:
            if self._knowledge is None:
                self._knowledge = await trio.to_thread.run_sync(load_knowledge)
                if self._nearness is not None:
                    self._nearness.learn_soon(self._knowledge.phrases())
            return self._knowledge

    async def _rank(self, asked: Sequence[Asked], question: Question) -> list[Suggestion]:
        candidates: list[Candidate] = []
        for outcome in asked:
            candidates += await self._validated(outcome, question.context)
        scored = ((score(found, question.task, question.context), found) for found in candidates)
        best = merge(order(scored))[: question.limit + _MORE_LOOKED_AT]
        best = order([await self._looked_at(*each, question.context) for each in best])
        return [self._remembered(figure, candidate) for figure, candidate in best[: question.limit]]

    async def _looked_at(
        self, figure: float, candidate: Candidate, context: Context
    ) -> tuple[float, Candidate]:
        """See what is in its way here; options that were made up cost it its place."""
        if self._preflight is None:
            return figure, candidate
        workflow, judged = candidate.workflow, candidate.judged
        found = await self._preflight(workflow, judged, context.cwd, os.environ)
        return figure * plausibility(found), replace(candidate, obstacles=found)

    async def _validated(self, outcome: Asked, context: Context) -> list[Candidate]:
        """Read and judge a provider's drafts; what is no workflow is dropped, and said so."""
        kept: list[Candidate] = []
        reasons: list[str] = []
        for draft in outcome.drafts[:_MOST_DRAFTS]:
            await trio.lowlevel.checkpoint()  # judging is quick, but others wait meanwhile
            try:
                workflow = _read(draft)
            except InvalidWorkflow as error:
                reasons.append(_first_problem(error))
                continue
            if outcome.name != _WRITTEN_BY_US:
                workflow = confined(workflow)
            kept.append(self._judged(draft, workflow, outcome.name, context.cwd))
        if reasons:
            outcome.error = (
                f"{len(reasons)} of {len(outcome.drafts)} answers were no valid workflow: "
                f"{reasons[0]}"
            )
            outcome.cure = outcome.cure or "ask again, or choose another model"
            _logger.info("provider %s: %s", outcome.name, outcome.error)
        return kept

    def _judged(
        self, draft: Draft, workflow: Workflow, provider: str, cwd: str | None
    ) -> Candidate:
        return Candidate(
            title=draft.title.strip() or workflow.name,
            explanation=draft.explanation,
            provider=provider,
            workflow=workflow,
            confidence=draft.confidence,
            judged=judge_workflow(workflow, self._judge, cwd),
            missing=missing_inputs(workflow, {}),
            matched=draft.matched,
        )

    def _remembered(self, figure: float, candidate: Candidate) -> Suggestion:
        taken = self._knowledge.library.recipes if self._knowledge else ()
        suggestion = _suggestion(self._memory.new_id(taken), figure, candidate)
        self._memory.keep(suggestion)
        return suggestion


async def _ask(provider: Provider, question: Question, outcome: Asked) -> None:
    """Ask one provider; whatever goes wrong with it stays with it."""
    start = trio.current_time()
    with trio.move_on_at(question.deadline) as scope:
        try:
            outcome.drafts = await provider.propose(question)
        except FlowError as error:
            outcome.error, outcome.cure = error.message, error.cure
        except Exception as error:  # a plugin's bug must not take the others down
            _logger.exception("provider %s failed", provider.name)
            outcome.error = f"the provider failed unexpectedly: {type(error).__name__}: {error}"
            outcome.cure = "see the daemon's log; choose other providers meanwhile"
    outcome.elapsed_ms = (trio.current_time() - start) * 1000
    if scope.cancelled_caught:
        outcome.error = f"no answer within {outcome.elapsed_ms / 1000:.1f} seconds"
        outcome.cure = "allow it more time, or leave it out"


def _checked_task(task: str) -> str:
    stripped = task.strip()
    if not stripped:
        raise InvalidInput("the task is empty", cure="say in a few words what you want done")
    if len(stripped) > _LONGEST_TASK:
        raise InvalidInput(
            f"the task has {len(stripped)} characters, and at most {_LONGEST_TASK} are read",
            cure="say it in a sentence or two",
        )
    return stripped


def _read(draft: Draft) -> Workflow:
    """Give the draft's workflow. InvalidWorkflow when it is none."""
    if isinstance(draft.workflow, Workflow):
        return draft.workflow
    return workflow_from_object(draft.workflow)


def confined(workflow: Workflow) -> Workflow:
    """Give a model's workflow the sandbox `project`, unless it chose a stricter one.

    A model's `off` does not count: what it read may have told it to write that. A person's does.
    """
    defaults = workflow.defaults
    if defaults.sandbox == "off":
        defaults = replace(defaults, sandbox="project")
    steps = [
        replace(step, sandbox=None) if step.sandbox == "off" else step for step in workflow.steps
    ]
    return replace(workflow, defaults=defaults, steps=steps)


def _first_problem(error: InvalidWorkflow) -> str:
    problems = error.data.get("problems") or [{}]
    return str(problems[0].get("message") or error.message)


def _suggestion(name: str, figure: float, candidate: Candidate) -> Suggestion:
    return Suggestion(
        id=name,
        title=candidate.title,
        provider=candidate.provider,
        score=round(figure, 4) if math.isfinite(figure) else 0.0,
        verdict=candidate.verdict,
        workflow=candidate.workflow,
        explanation=candidate.explanation,
        findings=[finding for step in candidate.judged for finding in step.judgement.findings],
        reversibility={step.step: step.reversibility for step in candidate.judged},
        missing_inputs=candidate.missing,
        obstacles=candidate.obstacles,
    )


def _report(outcome: Asked, suggestions: Sequence[Suggestion]) -> ProviderReport:
    made = sum(suggestion.provider == outcome.name for suggestion in suggestions)
    return ProviderReport(outcome.name, outcome.elapsed_ms, made, outcome.error, outcome.cure)


def make_suggester(
    config: Config,
    judge: Judge,
    preflight: Preflight | None = None,
    mask_for: MaskFor = _no_mask,
    imported: ImportedKnowledge | None = None,
    nearness: Nearness | None = None,
    surroundings: Surroundings | None = None,
) -> Suggester:
    """Make the suggester; nothing is read or imported before the first task."""
    return PipelineSuggester(
        Registry(config),
        judge,
        Memory(),
        preflight,
        mask_for,
        imported,
        nearness,
        surroundings,
        config.suggest.context_bytes,
    )
