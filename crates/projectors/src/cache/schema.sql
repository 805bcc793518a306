-- The embedded cache. Run when the file is new, of another version, or of another journal: it starts empty.
DROP TABLE IF EXISTS belongs;
DROP TABLE IF EXISTS reservations;
DROP TABLE IF EXISTS cards;
DROP TABLE IF EXISTS counts;

CREATE TABLE belongs (journal BLOB NOT NULL);

-- How many rows a bounded table has, kept beside it.
CREATE TABLE counts (kind TEXT PRIMARY KEY, held INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counts VALUES ('reservations', 0);

CREATE TABLE reservations (
    tag TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL, expires INTEGER NOT NULL,
    body BLOB NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (tag, key)
) WITHOUT ROWID;
CREATE INDEX reservations_expires ON reservations (expires);
