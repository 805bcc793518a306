//! The tables of `actors`.

use crate::view::Table;

/// One row an actor, for ever; an erased one's texts are NULL.
const ACTORS: Table = Table {
    name: "actors",
    ddl: &["CREATE TABLE actors (
            actor BIGINT NOT NULL,
            username TEXT,
            name TEXT,
            bio TEXT,
            language TEXT,
            time_zone TEXT,
            access INT NOT NULL,
            allow_follow_requests INT NOT NULL,
            roles INT NOT NULL,
            state INT NOT NULL,
            created_at BIGINT NOT NULL,
            password_changed_at BIGINT,
            keep_session BIGINT,
            erased_at BIGINT,
            cleared TEXT,
            cleared_at BIGINT,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (actor))"],
    compared: &[
        "actor",
        "username",
        "name",
        "bio",
        "language",
        "time_zone",
        "access",
        "allow_follow_requests",
        "roles",
        "state",
        "created_at",
        "password_changed_at",
        "keep_session",
        "erased_at",
        "cleared",
        "cleared_at",
        "seen",
        "last_part",
        "last_offset",
    ],
};

/// The words that an actor is found by: his username and each word of his name, in their normal form.
const NAME_WORDS: Table = Table {
    name: "name_words",
    ddl: &[
        "CREATE TABLE name_words (
            actor BIGINT NOT NULL,
            word VARCHAR(64) NOT NULL,
            PRIMARY KEY (actor, word))",
        // search
        "CREATE INDEX name_words_by_word ON name_words (word, actor)",
    ],
    compared: &["actor", "word"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[ACTORS, NAME_WORDS];
