"""The life of a run as a table: in which status may a fact happen, and to which does it lead.

A fact is an event's tag, made finer where the tag alone does not say enough: the answer to the last
open question, the state a run finishes in, what a parked run resumes into. What the table
does not list cannot happen; `next_status` raises Bug for it. `tests/unit/domain/
test_transitions.py` walks every pair.
"""

from typing import Literal, get_args

from flowd.domain.events import RunStatus
from flowd.errors import Bug

Fact = Literal[
    "run_started",
    "step_started",
    "step_expanded",
    "files_saved",
    "artifacts_kept",
    "step_output",
    "step_finished",
    "step_skipped",
    "attempt_withdrawn",
    "retry_scheduled",
    "question_asked",
    "question_answered",
    "last_question_answered",
    "check_started",
    "check_finished",
    "cancel_requested",
    "cancel_after_rollback",
    "retry_requested",
    "rollback_started",
    "compensation_started",
    "compensation_finished",
    "run_parked",
    "run_resumed",
    "rollback_resumed",
    "waiting_resumed",
    "questions_dropped",
    "finished_succeeded",
    "finished_failed",
    "finished_cancelled",
    "finished_compensated",
    "finished_compensation_failed",
]
FACTS: tuple[Fact, ...] = get_args(Fact)
STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)

TRANSITIONS: dict[RunStatus, dict[Fact, RunStatus]] = {
    "pending": {"run_started": "running"},
    "running": {
        "step_started": "running",
        "step_expanded": "running",
        "files_saved": "running",
        "artifacts_kept": "running",
        "step_output": "running",
        "step_finished": "running",
        "step_skipped": "running",
        "attempt_withdrawn": "running",
        "retry_scheduled": "running",
        "check_started": "running",
        "check_finished": "running",
        "question_asked": "waiting",
        "cancel_requested": "running",
        "rollback_started": "compensating",
        "run_parked": "waiting",
        "finished_succeeded": "succeeded",
        "finished_failed": "failed",
        "finished_cancelled": "cancelled",
    },
    "waiting": {  # for a person; steps that run side by side go on meanwhile
        "step_started": "waiting",
        "step_expanded": "waiting",
        "files_saved": "waiting",
        "artifacts_kept": "waiting",
        "step_output": "waiting",
        "step_finished": "waiting",
        "step_skipped": "waiting",
        "attempt_withdrawn": "waiting",
        "retry_scheduled": "waiting",
        "check_started": "waiting",
        "check_finished": "waiting",
        "question_asked": "waiting",
        "question_answered": "waiting",
        "last_question_answered": "running",
        "cancel_requested": "running",
        "cancel_after_rollback": "compensating",
        "rollback_started": "compensating",
        "run_parked": "waiting",
        "run_resumed": "running",
        "rollback_resumed": "compensating",
        "waiting_resumed": "waiting",
        "questions_dropped": "running",
    },
    "compensating": {
        "step_started": "compensating",  # `finally` steps follow the compensations
        "artifacts_kept": "compensating",
        "step_output": "compensating",
        "step_finished": "compensating",
        "step_skipped": "compensating",
        "attempt_withdrawn": "compensating",
        "retry_scheduled": "compensating",
        "check_started": "compensating",
        "check_finished": "compensating",
        "question_asked": "waiting",  # of a `finally` step, likewise
        "cancel_after_rollback": "compensating",  # of what `finally` steps are left
        "compensation_started": "compensating",
        "compensation_finished": "compensating",
        "run_parked": "waiting",
        "finished_compensated": "compensated",
        "finished_compensation_failed": "compensation_failed",
    },
    "succeeded": {"rollback_started": "compensating"},
    "failed": {"rollback_started": "compensating", "retry_requested": "running"},
    "cancelled": {"rollback_started": "compensating", "retry_requested": "running"},
    "compensated": {"rollback_started": "compensating"},  # files that were saved are left
    "compensation_failed": {"rollback_started": "compensating"},
}


def next_status(status: RunStatus, fact: Fact) -> RunStatus:
    """Give the status after the fact; Bug when the fact cannot happen in this status."""
    try:
        return TRANSITIONS[status][fact]
    except KeyError:
        raise Bug(f"{fact} cannot happen to a run that is {status}") from None
