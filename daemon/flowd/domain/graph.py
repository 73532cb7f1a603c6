"""The order of steps: what each one waits for."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from flowd.domain.workflow import Workflow


def needs_of(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """Give, for each step id in file order, the ids it waits for.

    A step that does not say waits for the ordinary step before it in the file. `finally` steps have
    no needs: they run one after another once everything else is done.
    """
    needs: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for step in workflow.steps:
        if step.finally_:
            needs[step.id] = ()
            continue
        needs[step.id] = before if step.needs is None else tuple(dict.fromkeys(step.needs))
        before = (step.id,)
    return needs


def order(workflow: Workflow) -> list[str]:
    """Give all step ids so that each stands after what it needs, `finally` steps last.

    Where several could come next, the first in the file does. The workflow has no cycles (parsing
    saw to that).
    """
    needs = needs_of(workflow)
    place = {step: index for index, step in enumerate(needs)}
    names = list(needs)
    missing = {step: len(wanted) for step, wanted in needs.items()}
    followers: dict[str, list[str]] = {step: [] for step in needs}
    for step, wanted in needs.items():
        for needed in wanted:
            followers[needed].append(step)
    last = [step.id for step in workflow.steps if step.finally_]
    set_aside = set(last)
    ready = [place[s] for s, count in missing.items() if count == 0 and s not in set_aside]
    ordered: list[str] = []
    while ready:
        step = names[heappop(ready)]
        ordered.append(step)
        for follower in followers[step]:
            missing[follower] -= 1
            if missing[follower] == 0:
                heappush(ready, place[follower])
    return ordered + last


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Give steps that wait for each other, first one repeated at the end; empty when none do.

    Names that are not keys of `needs` are ignored.
    """
    done: set[str] = set()
    for start in needs:
        trail: dict[str, None] = {}
        stack = [(start, iter(needs[start]))] if start not in done else []
        while stack:
            step, waiting_for = stack[-1]
            trail[step] = None
            needed = next((n for n in waiting_for if n in needs and n not in done), None)
            if needed is None:
                done.add(step)
                del trail[step]
                stack.pop()
            elif needed in trail:
                names = list(trail)
                return [*names[names.index(needed) :], needed]
            else:
                stack.append((needed, iter(needs[needed])))
    return []
