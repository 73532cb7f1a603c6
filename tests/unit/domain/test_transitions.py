"""The table of a run's life, pair by pair."""

import pytest

from flowd.domain.events import Event
from flowd.domain.run import FINISHED
from flowd.domain.transitions import FACTS, STATUSES, TRANSITIONS, next_status
from flowd.errors import Bug


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fact", FACTS)
def test_every_pair_leads_where_the_table_says_or_is_a_bug(status, fact):
    allowed = TRANSITIONS[status].get(fact)
    if allowed is None:
        with pytest.raises(Bug, match="cannot happen"):
            next_status(status, fact)
    else:
        assert next_status(status, fact) in STATUSES


def test_every_status_has_a_row_and_every_fact_happens_somewhere():
    assert set(TRANSITIONS) == set(STATUSES)
    assert {fact for row in TRANSITIONS.values() for fact in row} == set(FACTS)


def test_every_event_is_a_fact_or_is_refined_into_facts():
    refined = {"run_finished"}
    tags = {kind.__struct_config__.tag for kind in Event.__args__}
    assert tags - refined <= set(FACTS)


def test_finished_runs_only_ever_go_back_or_on_by_request():
    for status in FINISHED:
        assert set(TRANSITIONS[status]) <= {"rollback_started", "retry_requested"}


def test_a_rolled_back_run_can_only_be_taken_back_further():
    assert TRANSITIONS["compensated"] == {"rollback_started": "compensating"}


def test_every_unfinished_status_can_reach_an_end():
    reach = {status: set(row.values()) for status, row in TRANSITIONS.items()}
    for status in set(STATUSES) - FINISHED:
        seen, todo = set(), [status]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += reach[here]
        assert seen & FINISHED
