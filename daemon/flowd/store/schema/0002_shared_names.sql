-- From here on rows of sealed_batches may be packed with a dictionary (flowd/store/packing.py), which
-- an older Flow cannot read.

-- What many runs share, kept once: names and folders.
CREATE TABLE names (
    name_key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE folders (
    folder_key INTEGER PRIMARY KEY,
    cwd TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO names (name) SELECT DISTINCT name FROM runs;
INSERT INTO folders (cwd) SELECT DISTINCT cwd FROM runs;

-- The projection anew. What a search looks at comes first: SQLite reads a row only as far as needed.
CREATE TABLE runs_anew (
    run INTEGER PRIMARY KEY REFERENCES streams,
    name_key INTEGER NOT NULL,
    state TEXT NOT NULL,
    folder_key INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    steps_done INTEGER NOT NULL,
    pending BLOB
) STRICT;

INSERT INTO runs_anew
    SELECT run, name_key, state, folder_key, created_at, updated_at, position, version, steps,
        steps_done, pending
    FROM runs JOIN names USING (name) JOIN folders USING (cwd);

DROP TABLE runs;
ALTER TABLE runs_anew RENAME TO runs;

-- From a name to its runs.
CREATE INDEX runs_by_name ON runs (name_key);

-- Runs that are rare among many: live ones, and those that did not succeed.
CREATE INDEX runs_not_succeeded ON runs (state) WHERE state <> 'succeeded';
