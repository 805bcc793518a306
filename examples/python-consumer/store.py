"""What the archive keeps: an SQLite file with notes, people, and how far the log was read.

Rows and positions are committed together, so a crash neither loses nor doubles anything.
"""

import sqlite3
import uuid
from collections.abc import Iterable

from log import Event, Partition

SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (topic TEXT, part INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, part));
-- Every event that was applied: the log may hold one twice.
CREATE TABLE IF NOT EXISTS seen (event BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY, username TEXT, name TEXT,
    access TEXT NOT NULL DEFAULT 'public', disabled INTEGER NOT NULL DEFAULT 0, erased INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS notes (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, author TEXT NOT NULL, access TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_by_author ON notes (author);
CREATE INDEX IF NOT EXISTS notes_by_owner ON notes (owner);
"""

# Only what a guest of the community may see: asked whenever something is shown, because it changes.
SHOWN = """
FROM notes JOIN people author ON author.id = notes.author JOIN people owner ON owner.id = notes.owner
WHERE notes.access = 'public' AND owner.access = 'public'
  AND NOT (author.disabled OR author.erased OR owner.disabled OR owner.erased)
"""


class Store:
    def __init__(self, path: str):
        self._db = sqlite3.connect(path)
        # What is deleted leaves the file too.
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.executescript(SCHEMA)

    def positions(self) -> dict[Partition, int]:
        return {(topic, part): next for topic, part, next in self._db.execute("SELECT topic, part, next FROM positions")}

    def apply(self, events: Iterable[Event], texts: dict[tuple[str, str], str | None]) -> None:
        """Applies a batch. `texts` holds the opened text of each sealed field, by event id and field."""
        with self._db:  # one transaction
            for event in events:
                new = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [uuid.UUID(event.id).bytes]).rowcount == 1
                if new:
                    self._apply(event, lambda field: texts.get((event.id, field)))
                position = [*event.partition, event.offset + 1]
                self._db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", position)

    def _apply(self, event: Event, text) -> None:
        data, run = event.data, self._db.execute
        match event.type:
            case "person.registered":
                self._person(data["person"])
                self._rename(data["person"], username=text("username"), name=text("name"))
            case "handle.changed":
                self._person(data["person"])
                self._rename(data["person"], username=text("username"))
            case "profile.changed":
                self._person(data["person"])
                self._rename(data["person"], name=text("name"))
            case "privacy.changed" if data["access"] is not None:
                self._person(data["person"])
                run("UPDATE people SET access = ? WHERE id = ?", [data["access"], data["person"]])
            case "person.disabled" | "person.enabled":
                self._person(data["person"])
                run("UPDATE people SET disabled = ? WHERE id = ?", [event.type == "person.disabled", data["person"]])
            case "person.erased":
                self._forget(data["person"])
            case "note.added" if text("body") is not None and not self._is_erased(data["author"]):
                row = [data["medium"], data["owner"], data["author"], data["access"], event.time, text("body")]
                run("INSERT OR IGNORE INTO notes VALUES (?, ?, ?, ?, ?, ?)", row)
            case "note.edited" if text("body") is not None:
                run("UPDATE notes SET body = ? WHERE id = ?", [text("body"), data["medium"]])
            case "medium.access_changed":
                run("UPDATE notes SET access = ? WHERE id = ?", [data["access"], data["medium"]])
            case "medium.deleted":
                run("DELETE FROM notes WHERE id = ?", [data["medium"]])
            # Whatever else there is, and whatever comes later, is none of this archive's business.

    def _person(self, person: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO people (id) VALUES (?)", [person])

    def _rename(self, person: str, username: str | None = None, name: str | None = None) -> None:
        rename = "UPDATE people SET username = COALESCE(?, username), name = COALESCE(?, name) WHERE id = ? AND NOT erased"
        self._db.execute(rename, [username, name, person])

    def _forget(self, person: str) -> None:
        """The mark stays: notes of this person may come later, from another partition."""
        self._person(person)
        self._db.execute("UPDATE people SET username = NULL, name = NULL, erased = 1 WHERE id = ?", [person])
        self._db.execute("DELETE FROM notes WHERE author = ? OR owner = ?", [person, person])

    def _is_erased(self, person: str) -> bool:
        return self._db.execute("SELECT 1 FROM people WHERE id = ? AND erased", [person]).fetchone() is not None

    def search(self, words: str) -> list[tuple]:
        """Notes with these words in them, the newest first: when, who, what."""
        found = f"SELECT notes.at, author.username, notes.body {SHOWN} AND instr(lower(notes.body), lower(?)) ORDER BY notes.at DESC"
        return self._db.execute(found, [words]).fetchall()

    def days(self) -> list[tuple]:
        """How many notes each day, and of how many people."""
        counted = f"SELECT substr(notes.at, 1, 10), count(*), count(DISTINCT notes.author) {SHOWN} GROUP BY 1 ORDER BY 1"
        return self._db.execute(counted).fetchall()

    def close(self) -> None:
        self._db.close()
