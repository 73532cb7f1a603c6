-- What suggestions are learned from: facts about what was offered and what became of it, as JSON.
CREATE TABLE experiences (
    experience INTEGER PRIMARY KEY AUTOINCREMENT,
    fact BLOB NOT NULL
) STRICT;
