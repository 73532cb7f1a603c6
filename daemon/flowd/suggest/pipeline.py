"""From a task to ranked suggestions: context, retrieve, generate, validate, judge, rank."""

import logging
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import trio
from msgspec.structs import replace

from flowd.clocks import wall_clock_ms
from flowd.config import Config
from flowd.domain.inputs import missing_inputs
from flowd.domain.knowledge import ImportedKnowledge
from flowd.domain.parse import workflow_from_object
from flowd.domain.ports import Judge, Preflight
from flowd.domain.preview import judge_workflow
from flowd.domain.suggestions import (
    ProviderReport,
    ProviderState,
    ProviderTrial,
    Show,
    SuggestAnswer,
    Suggestion,
    SuggestProgress,
    SuggestRequest,
    Told,
    Writing,
)
from flowd.domain.usage import Books
from flowd.domain.workflow import Workflow
from flowd.errors import InvalidInput, InvalidWorkflow, NotFound, Unsupported
from flowd.suggest.asking import Asked, Round, lanes_of
from flowd.suggest.binding import fill
from flowd.suggest.context import Context
from flowd.suggest.learning.learner import Learner
from flowd.suggest.memory import Memory, shown_among
from flowd.suggest.nearness import LOOKED_AT, Nearness
from flowd.suggest.own import OwnAnswers
from flowd.suggest.personal import Personal
from flowd.suggest.providers.base import Draft, LookUp, Question, no_keys
from flowd.suggest.providers.registry import Registry
from flowd.suggest.providers.told import told
from flowd.suggest.rank import Candidate, factors, merge, order, plausibility, score
from flowd.suggest.reliability.accounts import Account
from flowd.suggest.reliability.cache import AnswerCache
from flowd.suggest.retrieve import (
    Knowledge,
    best_of,
    load_knowledge,
    retrieve,
    retrieve_imported,
)
from flowd.suggest.standing import TEST_TASK, provider_states, try_provider
from flowd.suggest.surroundings import Surroundings

_logger = logging.getLogger(__name__)
_MORE_LOOKED_AT = 3  # than are wanted: one of them may lose its place
_MOST_DRAFTS = 20  # of one provider; more is noise
_LONGEST_TASK = 2000
_BETWEEN_SHOWS = 0.1  # seconds
_WRITTEN_BY_US = "offline"  # the provider whose scripts no model wrote


MaskFor = Callable[[str], Callable[[str], str]]
"""Gives, for a folder, what takes secrets out of a text."""


def _no_mask(_folder: str) -> Callable[[str], str]:
    return str


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
        *,
        learner: Learner | None = None,
        own: OwnAnswers | None = None,
        config: Config | None = None,
        books: Books | None = None,
        look_up: LookUp = no_keys,
        surroundings: Surroundings | None = None,
    ):
        """Without a `learner` nothing is learned; without `own`, no files of the user are read."""
        self._config = config or Config()
        self._settings = self._config.suggest
        self._cache = AnswerCache(self._settings.cache_seconds)
        self._books = books
        self._look_up = look_up
        self._surroundings = surroundings or Surroundings()
        self._imported = imported
        self._nearness = nearness
        self._learner = learner
        self._own = own
        if learner is not None:
            learner.shown = memory.shown
            learner.knowledge = self.know
        self._mask_for = mask_for
        self._registry = registry
        self._preflight = preflight
        self._judge = judge
        self._memory = memory
        self._knowledge: Knowledge | None = None
        self._loading = trio.Lock()

    async def suggest(self, request: SuggestRequest, show: Show | None = None) -> SuggestAnswer:
        """Answer within the request's deadline, with what there is. InvalidInput for no task."""
        task = _checked_task(request.task)
        providers, unusable = self._registry.choose(request.providers)
        start = trio.current_time()
        deadline = start + request.deadline_seconds
        question, personal = await self._question(request, task, deadline)
        settings = self._settings
        lanes = lanes_of(providers, () if request.providers else settings.fallback)
        asking = Round(self._cache, hedge_seconds=settings.hedge_seconds, fresh=request.fresh)
        ranking = _Ranking(question, personal)
        async with trio.open_nursery() as nursery:
            if show is not None:
                nursery.start_soon(self._show, show, asking, ranking)
            await asking.ask(lanes, question)
            nursery.cancel_scope.cancel()
        suggestions = await self._rank(asking.asked, ranking)
        return SuggestAnswer(
            suggestions=suggestions,
            providers=[
                *_reports(asking.asked, suggestions),
                *(ProviderReport(bad.name, 0.0, 0, bad.error, bad.cure) for bad in unusable),
            ],
            elapsed_ms=(trio.current_time() - start) * 1000,
        )

    async def tell(self, request: SuggestRequest) -> list[Told]:
        """Give what each provider would be sent for this request, sending nothing."""
        task = _checked_task(request.task)
        providers, unusable = self._registry.choose(request.providers)
        question, _ = await self._question(request, task, trio.current_time())
        return [
            *(told(provider, question) for provider in providers),
            *(Told(bad.name, f"it cannot work, so nothing: {bad.error}") for bad in unusable),
        ]

    async def _question(
        self, request: SuggestRequest, task: str, deadline: float
    ) -> tuple[Question, Personal]:
        knowledge = await self._know()
        found = await self._surroundings.gather(request.cwd)
        context = found.context
        personal = await self._personal(task, request.cwd, knowledge)
        count = max(10, request.limit)
        question = Question(
            task=task,
            context=context,
            deadline=deadline,
            retrieved=await self._retrieved(task, context, knowledge, personal, count),
            limit=request.limit,
            selection=request.selection,
            language=request.language,
            diagnostics=request.diagnostics,
            failure=request.failure or found.failure,
            budget_bytes=self._settings.context_bytes,
            mask=self._mask_for(request.cwd),
            account=self._account(),
            look_up=self._look_up,
            habits=personal.habits,
        )
        return question, personal

    async def providers(self) -> list[ProviderState]:
        """Tell how the providers stand; see the port."""
        return await provider_states(self._registry, self._config, self._books)

    async def try_provider(self, name: str, deadline_seconds: float) -> ProviderTrial:
        """Ask one provider a small question; see the port."""
        chosen, unusable = self._registry.choose([name])
        for bad in unusable:
            raise Unsupported(bad.error, cure=bad.cure)
        question = Question(
            task=TEST_TASK,
            context=Context(cwd="/"),
            deadline=trio.current_time() + deadline_seconds,
            retrieved=retrieve(TEST_TASK, Context(cwd="/"), await self._know(), 1),
            limit=1,
            account=self._account(),
            look_up=self._look_up,
        )
        return await try_provider(chosen[0], question, question.account)

    def _account(self) -> Account | None:
        """Open a page in the books for one question."""
        if self._books is None:
            return None
        return Account(self._books, secrets.token_hex(8), budget=self._settings.budget)

    async def _show(self, show: Show, asking: Round, ranking: "_Ranking") -> None:
        """Show what there is whenever it is more, until cancelled."""
        shown: SuggestProgress | None = None
        while True:
            news = asking.news
            progress = SuggestProgress(
                suggestions=await self._rank(asking.asked, ranking),
                writing=[
                    Writing(each.name, each.unfinished.title, each.unfinished.scripts)
                    for each in asking.asked
                    if each.unfinished is not None
                ],
            )
            if progress != shown and (progress.suggestions or progress.writing):
                await show(progress)
                shown = progress
                await trio.sleep(_BETWEEN_SHOWS)
            await news.wait()

    def recall(self, suggestion_id: str) -> Suggestion:
        """Give a suggestion made earlier, or a built-in recipe by its id; NotFound otherwise."""
        remembered = self._memory.get(suggestion_id)
        if remembered is not None:
            return remembered
        library = self.know().library
        recipe = library.recipes.get(suggestion_id)
        if recipe is None:
            raise NotFound(
                f"there is no suggestion {suggestion_id!r}",
                cure="suggestions are kept while the daemon lives: ask again with flowctl suggest",
            )
        filled = fill(recipe, (), library.inputs)
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
        self, task: str, context: Context, knowledge: Knowledge, personal: Personal, limit: int
    ) -> list[Draft]:
        """Give what is known for the task: built in, imported, learned, and the user's files."""
        looked_at = max(limit, LOOKED_AT)
        drafts = retrieve(task, context, knowledge, looked_at)
        if self._imported is not None:
            drafts += await retrieve_imported(task, knowledge, self._imported, looked_at)
        drafts += personal.answers(drafts)
        if self._own is not None:
            drafts += await self._own.find(task, context.cwd, knowledge, limit)
        if self._nearness is not None:
            drafts = await self._nearness.put_in_order(task, best_of(drafts, 2 * looked_at))
        return best_of(drafts, limit)

    def know(self) -> Knowledge:
        """Give the built-in recipes, read if they were not; well under a second."""
        if self._knowledge is None:
            self._knowledge = load_knowledge()
        return self._knowledge

    async def _know(self) -> Knowledge:
        async with self._loading:
            if self._knowledge is None:
                self._knowledge = await trio.to_thread.run_sync(load_knowledge)
                if self._nearness is not None:
                    self._nearness.learn_soon(self._knowledge.phrases())
            return self._knowledge

    async def _personal(self, task: str, cwd: str, knowledge: Knowledge) -> Personal:
        if self._learner is None:
            return Personal(None, task, cwd, knowledge, wall_clock_ms())
        learned = await self._learner.learned(knowledge)
        return Personal(learned, task, cwd, knowledge, self._learner.now_ms())

    async def _rank(self, asked: Sequence[Asked], ranking: "_Ranking") -> list[Suggestion]:
        question = ranking.question
        candidates: list[Candidate] = []
        for outcome in list(asked):
            candidates += await self._validated(outcome, ranking)
        scored = (_scored(found, ranking) for found in candidates)
        best = merge(order(scored))[: question.limit + _MORE_LOOKED_AT]
        best = order([await self._looked_at(*each, question.context) for each in best])
        return self._remembered(best[: question.limit], ranking)

    async def _looked_at(
        self, figure: float, candidate: Candidate, context: Context
    ) -> tuple[float, Candidate]:
        """See what is in its way here; options that were made up cost it its place."""
        if self._preflight is None:
            return figure, candidate
        workflow, judged = candidate.workflow, candidate.judged
        found = await self._preflight(workflow, judged, context.cwd, os.environ)
        doubt = plausibility(found)
        reasons = [f"an option may not exist: x{doubt:.2f}"] if doubt < 1 else []
        seen = replace(candidate, obstacles=found, reasons=[*candidate.reasons, *reasons])
        return figure * doubt, seen

    async def _validated(self, outcome: Asked, ranking: "_Ranking") -> list[Candidate]:
        """Read and judge a provider's drafts; what is no workflow is dropped, and said so."""
        kept: list[Candidate] = []
        reasons: list[str] = []
        for draft in outcome.drafts[:_MOST_DRAFTS]:
            known = ranking.known(outcome.name, draft)
            if known is not None:
                kept.append(known)
                continue
            await trio.lowlevel.checkpoint()  # judging is quick, but others wait meanwhile
            try:
                workflow = _read(draft)
            except InvalidWorkflow as error:
                reasons.append(_first_problem(error))
                continue
            if outcome.name != _WRITTEN_BY_US:
                workflow = confined(workflow)
            cwd = ranking.question.context.cwd
            candidate = self._judged(draft, workflow, outcome.name, cwd)
            judged_anew = partial(self._judged, draft, provider=outcome.name, cwd=cwd)
            kept.append(ranking.personal.in_the_users_way(candidate, judged_anew))
            ranking.judged.append((outcome.name, draft, kept[-1]))
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
            phrase=draft.asked_as,
        )

    def _remembered(
        self, best: Sequence[tuple[float, Candidate]], ranking: "_Ranking"
    ) -> list[Suggestion]:
        """Make them suggestions; one that was shown before keeps its id."""
        taken = self.know().library.recipes
        question = ranking.question
        made: list[Suggestion] = []
        for figure, candidate in best:
            name = ranking.id_of(candidate) or self._memory.new_id(taken)
            suggestion = _suggestion(name, figure, candidate)
            ranking.ids.append((name, candidate))
            shown = shown_among(suggestion, made, question.task, question.context.cwd)
            self._memory.keep(suggestion, shown)
            made.append(suggestion)
        return made


def _scored(candidate: Candidate, ranking: "_Ranking") -> tuple[float, Candidate]:
    """Give a candidate's figure, and the candidate with the reasons for it."""
    question = ranking.question
    past = ranking.personal.factors(candidate)
    figure = score(candidate, question.task, question.context, past)
    made_of = (*factors(candidate, question.task, question.context), *past)
    told = [factor.reason for factor in made_of if factor.reason]
    return figure, replace(candidate, reasons=[*candidate.reasons, *told])


class _Ranking:
    """What was found out about the answers to one question, so that it is found out once."""

    def __init__(self, question: Question, personal: Personal):
        self.question = question
        self.personal = personal
        self.judged: list[tuple[str, Draft, Candidate]] = []
        self.ids: list[tuple[str, Candidate]] = []

    def known(self, provider: str, draft: Draft) -> Candidate | None:
        """Give what was made of a draft."""
        return next(
            (found for name, known, found in self.judged if name == provider and known == draft),
            None,
        )

    def id_of(self, candidate: Candidate) -> str:
        """Give the id under which it was shown, or ""."""
        return next(
            (
                name
                for name, known in self.ids
                if known.provider == candidate.provider and known.workflow == candidate.workflow
            ),
            "",
        )


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
        score=round(min(1.0, figure), 4) if math.isfinite(figure) else 0.0,
        verdict=candidate.verdict,
        workflow=candidate.workflow,
        explanation=candidate.explanation,
        findings=[finding for step in candidate.judged for finding in step.judgement.findings],
        reversibility={step.step: step.reversibility for step in candidate.judged},
        missing_inputs=candidate.missing,
        obstacles=candidate.obstacles,
        reasons=candidate.reasons,
    )


def _reports(asked: Sequence[Asked], suggestions: Sequence[Suggestion]) -> Iterator[ProviderReport]:
    """Say how each did; of two requests to one provider only the one that was answered."""
    for outcome in asked:
        others = [each for each in asked if each.name == outcome.name and each is not outcome]
        if others and not outcome.has_begun and any(each.has_begun for each in others):
            continue
        made = sum(suggestion.provider == outcome.name for suggestion in suggestions)
        yield ProviderReport(outcome.name, outcome.elapsed_ms, made, outcome.error, outcome.cure)


def make_suggester(
    config: Config,
    judge: Judge,
    preflight: Preflight | None = None,
    mask_for: MaskFor = _no_mask,
    imported: ImportedKnowledge | None = None,
    nearness: Nearness | None = None,
    learner: Learner | None = None,
    own: OwnAnswers | None = None,
    books: Books | None = None,
    look_up: LookUp = no_keys,
    surroundings: Surroundings | None = None,
) -> PipelineSuggester:
    """Make the suggester; nothing is read or imported before the first task."""
    return PipelineSuggester(
        Registry(config),
        judge,
        Memory(),
        preflight,
        mask_for,
        imported,
        nearness,
        learner=learner,
        own=own,
        config=config,
        books=books,
        look_up=look_up,
        surroundings=surroundings,
    )
