-- What providers were asked: one row for each call, written before it is made with the most it can
-- take, and again when it is over. `open`: it is under way, or its daemon was killed meanwhile. Costs are in
-- millionths of a dollar, NULL when nobody knows the price.
CREATE TABLE provider_calls (
    call INTEGER PRIMARY KEY AUTOINCREMENT,
    request TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cost INTEGER,
    estimated INTEGER NOT NULL,
    elapsed_ms INTEGER,
    first_token_ms INTEGER,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX provider_calls_at ON provider_calls (at);
CREATE INDEX provider_calls_request ON provider_calls (request);
