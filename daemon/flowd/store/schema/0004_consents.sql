-- Folders whose workflow files may run and whose policy counts, with all below them.
CREATE TABLE trusted_folders (
    path TEXT PRIMARY KEY,
    trusted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Yeses that hold beyond their run. They are made by the events that record the answers, and stay
-- when retention removes the run. A number is never used again: runs remember it.
CREATE TABLE approvals (
    approval INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    rules TEXT NOT NULL,
    script TEXT NOT NULL,
    question TEXT NOT NULL,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    uses INTEGER NOT NULL,
    last_used_at INTEGER,
    UNIQUE (key, project)
) STRICT;
