-- Documents get keys that last, and streams say which ones they use, so that those nobody uses any
-- more can go. Streams of before do not say, and nothing goes while there is one of them.
CREATE TABLE documents_anew (
    document_key INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

INSERT INTO documents_anew (digest, body) SELECT digest, body FROM documents;
DROP TABLE documents;
ALTER TABLE documents_anew RENAME TO documents;

ALTER TABLE streams ADD COLUMN workflow_key INTEGER;
ALTER TABLE streams ADD COLUMN environment_key INTEGER;

-- What retention has removed so far, in one row: how many runs, and the highest position among
-- them, since no position is ever used twice.
CREATE TABLE removed (
    runs INTEGER NOT NULL,
    last_position INTEGER NOT NULL
) STRICT;

INSERT INTO removed VALUES (0, 0);
