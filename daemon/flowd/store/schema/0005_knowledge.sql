-- Commands with their titles that a user has imported (tldr pages, navi cheats, Warp workflows): what
-- suggestions look through. A source that is not complete is one whose import was broken off.
CREATE TABLE knowledge_sources (
    source INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    origin TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    vocabulary TEXT NOT NULL,
    complete INTEGER NOT NULL
) STRICT;

CREATE TABLE knowledge (
    example INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES knowledge_sources,
    title TEXT NOT NULL,
    topic TEXT NOT NULL,
    about TEXT NOT NULL,
    script TEXT NOT NULL,
    inputs TEXT NOT NULL
) STRICT;
CREATE INDEX knowledge_by_source ON knowledge (source);

-- What a sentence model makes of texts; made again when it is missing.
CREATE TABLE text_vectors (
    key BLOB PRIMARY KEY,
    vector BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Meanings of words, not words: what is looked for comes as meanings, too.
CREATE VIRTUAL TABLE knowledge_meanings USING fts5(
    title, about, content='', contentless_delete=1, tokenize="unicode61"
);
