//! The tables of `story_feed`.

use crate::view::Table;

/// The stories. One of a comment that was taken away stays as the mark of it; those of a medium go with it, whose own row
/// is the mark.
const STORIES: Table = Table {
    name: "stories",
    ddl: &[
        "CREATE TABLE stories (
            id BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            verb INT NOT NULL,
            subject BIGINT NOT NULL,
            medium BIGINT,
            actor BIGINT,
            comment_id BIGINT,
            access INT NOT NULL,
            created_at BIGINT NOT NULL,
            gone INT NOT NULL,
            made_topic INT NOT NULL,
            made_part INT NOT NULL,
            made_offset BIGINT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (id))",
        // below
        "CREATE INDEX stories_by_owner ON stories (owner, id)",
        // apply, of access changes and deletions
        "CREATE INDEX stories_by_medium ON stories (medium)",
    ],
    compared: &[
        "id",
        "owner",
        "verb",
        "subject",
        "medium",
        "actor",
        "comment_id",
        "access",
        "created_at",
        "gone",
        "made_topic",
        "made_part",
        "made_offset",
        "last_offset",
    ],
};

/// What the stories of a medium depend on.
const MEDIA: Table = Table {
    name: "media",
    ddl: &["CREATE TABLE media (
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            access INT NOT NULL,
            deleted INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (medium))"],
    compared: &["medium", "owner", "access", "deleted", "seen", "last_part", "last_offset"],
};

/// What the stories of follows depend on, one row a directed pair.
const PAIRS: Table = Table {
    name: "pairs",
    ddl: &["CREATE TABLE pairs (
            src BIGINT NOT NULL,
            dst BIGINT NOT NULL,
            story BIGINT,
            blocking INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (src, dst))"],
    compared: &["src", "dst", "story", "blocking", "seen", "last_part", "last_offset"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[STORIES, MEDIA, PAIRS];
