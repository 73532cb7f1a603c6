"""Events and whole histories for tests of the log, written out or made by hypothesis."""

from typing import get_args

from hypothesis import strategies as st

from flowd.domain import events as e
from flowd.domain.consents import Approvable, Granted, Keep
from flowd.domain.workflow import Input, Retry, Step, Undo, Workflow

STEPS = ("build", "test", "push")
RELEASE = Workflow(
    flow=1,
    name="Release",
    description="Build, tag and push",
    inputs={"version": Input(pattern=r"^\d+$")},
    steps=[
        Step(id="build", run="make"),
        Step(id="test", run="make test", retry=Retry(attempts=3, delay="1s"), outputs=["result"]),
        Step(id="push", run="git push", undo=Undo(run="git push -d"), confirm="Push?"),
    ],
)


def started(workflow: Workflow = RELEASE, **fields: object) -> e.RunStarted:
    """The first event of a run."""
    values: dict[str, object] = {
        "at": 1000,
        "workflow": workflow,
        "inputs": {"version": "7"},
        "cwd": "/home/user/project",
        "environment": {"PATH": "/usr/bin", "LANG": "C.UTF-8"},
    }
    return e.RunStarted(**{**values, **fields})  # type: ignore[arg-type]


def named(name: str) -> Workflow:
    """A workflow that is told apart by its name."""
    return Workflow(flow=1, name=name, steps=[Step(id="only", run="true")])


def step_started(step: str = "build", attempt: int = 1) -> e.StepStarted:
    """An attempt begins."""
    return e.StepStarted(at=1001, step=step, attempt=attempt)


def step_output(data: bytes, step: str = "build") -> e.OutputAppended:
    """A step writes to its standard output."""
    return e.OutputAppended(at=1002, step=step, attempt=1, kind="run", stream="stdout", data=data)


def step_finished(step: str = "build", outcome: e.Outcome = "succeeded") -> e.StepFinished:
    """An attempt ends."""
    return e.StepFinished(
        at=1003, step=step, attempt=1, outcome=outcome, exit_code=0, duration_ms=12
    )


def run_finished(state: e.RunStatus = "succeeded") -> e.RunFinished:
    """A run ends."""
    return e.RunFinished(at=1009, state=state)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_rules = st.lists(_text, max_size=2).map(tuple)
_globs = st.lists(_rules, max_size=2).map(tuple)
_ends = st.none() | st.integers(0, 2**45)
_keeps = st.builds(Keep, st.sampled_from(["run", "project", "always"]), _text, _ends)
_fields = {
    "approvable": st.dictionaries(
        st.sampled_from(STEPS),
        st.builds(Approvable, _text, _rules, st.integers(0, 9), _ends),
        max_size=2,
    ),
    "granted": st.none() | st.builds(Granted, _keeps, _text, _rules, _text, _text),
    "lasting": st.booleans(),
    "no_undo": st.booleans(),
    "sandbox": st.none()
    | st.builds(
        e.Confined,
        _text,
        _text,
        st.sampled_from(["", "overlay", "copy"]),
        st.booleans(),
        _globs,
        _globs,
        st.booleans(),
    ),
    "approval": st.integers(0, 9),
    "window": st.none() | st.tuples(st.integers(1, 65_535), st.integers(1, 65_535)),
    "at": st.integers(0, 2**45),
    "workflow": st.sampled_from([RELEASE, named("backup"), named("Übung")]),
    "inputs": st.dictionaries(
        _text,
        st.one_of(_text, st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False)),
        max_size=3,
    ),
    "environment": st.dictionaries(_text, st.text(max_size=20), max_size=3),
    "questions": st.dictionaries(st.sampled_from(STEPS), _text, max_size=2),
    "outputs": st.dictionaries(_text, _text, max_size=2),
    "approved": st.booleans(),
    "client_token": st.none(),
    "step": st.sampled_from([*STEPS, "test.0", "test.11"]),
    "steps": st.lists(st.sampled_from(STEPS), unique=True),
    "attempt": st.integers(1, 100),
    "data": st.one_of(st.binary(max_size=64), st.sampled_from([bytes(1024), b"\xff" * 1025])),
    "skipped": st.integers(0, 2**40),
    "hidden": st.integers(-600, 2**20),
    "items": st.lists(_text, max_size=3),
    "files": st.integers(0, 10_000),
    "left_out": st.integers(0, 10_000),
    "bytes": st.integers(0, 2**40),
    "exit_code": st.one_of(st.none(), st.integers(0, 255)),
    "duration_ms": st.integers(0, 2**40),
    "delay_ms": st.integers(0, 2**30),
    "cpu_ms": st.one_of(st.none(), st.integers(0, 2**40)),
    "max_rss_bytes": st.one_of(st.none(), st.integers(0, 2**50)),
    "output_bytes": st.integers(0, 2**40),
    "limits": st.text(max_size=40),
    "kind": st.sampled_from(get_args(e.ScriptKind)),
    "stream": st.sampled_from(get_args(e.Stream)),
    "outcome": st.sampled_from(get_args(e.Outcome)),
    "about": st.sampled_from(get_args(e.About)),
    "answer": st.sampled_from(get_args(e.Answer)),
    "cause": st.sampled_from(get_args(e.RollbackCause)),
    "state": st.sampled_from(get_args(e.RunStatus)),
}


_artifacts = st.lists(
    st.builds(e.Artifact, _text, st.integers(0, 2**40), _text, st.integers(0, 0o777)), max_size=3
)


def _events_of(event_type: type[e.Event]) -> st.SearchStrategy[e.Event]:
    fields = {name: _fields.get(name, _text) for name in event_type.__struct_fields__}
    if event_type is e.ArtifactsKept:
        fields["files"] = _artifacts
    return st.builds(event_type, **fields)


first_events = _events_of(e.RunStarted)
later_events = st.one_of(
    *(_events_of(event_type) for event_type in get_args(e.Event) if event_type is not e.RunStarted)
)
histories = st.builds(
    lambda first, later: [first, *later], first_events, st.lists(later_events, max_size=20)
)
