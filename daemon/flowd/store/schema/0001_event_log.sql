-- A run's stream of events. `run` is the position of its first event, so the order of keys is the
-- order in which runs began.
CREATE TABLE streams (
    run INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client_token TEXT
) STRICT;

CREATE UNIQUE INDEX streams_by_token ON streams (client_token) WHERE client_token IS NOT NULL;

-- The events of one append, as they came. `position` and `version` are those of the last one; the
-- others count down from there without a gap.
CREATE TABLE recent_batches (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES streams,
    version INTEGER NOT NULL,
    events BLOB NOT NULL
) STRICT;

CREATE INDEX recent_batches_by_run ON recent_batches (run);

-- Batches of a finished run, many in one row and compressed. All of them are older than what the
-- run may have in recent_batches. `position` is that of the last event.
CREATE TABLE sealed_batches (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES streams,
    batches BLOB NOT NULL
) STRICT;

CREATE INDEX sealed_batches_by_run ON sealed_batches (run);

-- Workflows and environments, each kept once whatever number of runs share it.
CREATE TABLE documents (
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

-- The longer outputs, by the position of their event.
CREATE TABLE outputs (
    position INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- A projection: one line of `ps` for each run, made from its events and rebuildable from them.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY REFERENCES streams,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    cwd TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    steps_done INTEGER NOT NULL,
    pending BLOB
) STRICT;

-- The few runs that are not finished, whatever number of finished ones there is.
CREATE INDEX runs_live ON runs (run) WHERE state IN ('pending', 'running', 'waiting', 'compensating');
