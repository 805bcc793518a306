-- The view of the sessions in the embedded cache.
DROP TABLE IF EXISTS session_positions;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS session_reads;
DROP TABLE IF EXISTS session_parked;

-- A partition's lease, and its place once it has one: `next` is the next offset to apply; below `until` it replays.
CREATE TABLE session_positions (
    part INTEGER PRIMARY KEY, next INTEGER, until INTEGER, holder TEXT NOT NULL, held_until INTEGER NOT NULL
);

-- A revoked one stays until it would have ended, so that its opening cannot come back.
CREATE TABLE sessions (
    person INTEGER NOT NULL, session INTEGER NOT NULL, revoked INTEGER NOT NULL, token_hash TEXT NOT NULL,
    device TEXT NOT NULL, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, last_seen_at INTEGER,
    PRIMARY KEY (person, session)
) WITHOUT ROWID;
CREATE INDEX sessions_token_hash ON sessions (token_hash);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- The positions that a session's next read must include. `part` is the topic in the upper three bits and the number in
-- the lower five, as in a position token.
CREATE TABLE session_reads (
    person INTEGER NOT NULL, session INTEGER NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (person, session, part)
) WITHOUT ROWID;
CREATE INDEX session_reads_expires_at ON session_reads (expires_at);

CREATE TABLE session_parked (
    part INTEGER NOT NULL, position INTEGER NOT NULL, event TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (part, position)
) WITHOUT ROWID;
