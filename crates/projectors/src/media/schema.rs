//! The tables of `media`. Every row belongs to its medium's key.

use crate::view::Table;

/// The media; a deleted one stays as the mark of it.
const NODES: Table = Table {
    name: "nodes",
    ddl: &["CREATE TABLE nodes (
            id BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            author BIGINT NOT NULL,
            access INT NOT NULL,
            body MEDIUMTEXT,
            comment_count BIGINT NOT NULL,
            vote_count BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            edited_at BIGINT,
            deleted INT NOT NULL,
            story BIGINT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (id))"],
    compared: &[
        "id",
        "owner",
        "author",
        "access",
        "body",
        "comment_count",
        "vote_count",
        "created_at",
        "edited_at",
        "deleted",
        "story",
        "seen",
        "last_part",
        "last_offset",
    ],
};

/// The comments; a deleted one stays as the mark of it.
const COMMENTS: Table = Table {
    name: "comments",
    ddl: &[
        "CREATE TABLE comments (
            id BIGINT NOT NULL,
            medium BIGINT NOT NULL,
            author BIGINT NOT NULL,
            body MEDIUMTEXT,
            vote_count BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            edited_at BIGINT,
            deleted INT NOT NULL,
            story BIGINT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (id))",
        // comments
        "CREATE INDEX comments_by_medium ON comments (medium, id)",
    ],
    compared: &[
        "id",
        "medium",
        "author",
        "body",
        "vote_count",
        "created_at",
        "edited_at",
        "deleted",
        "story",
        "seen",
        "last_part",
        "last_offset",
    ],
};

/// Who likes a medium (`comment_id` 0) or a comment; one who does no longer stays as the mark of it.
const VOTES: Table = Table {
    name: "votes",
    ddl: &[
        "CREATE TABLE votes (
            medium BIGINT NOT NULL,
            comment_id BIGINT NOT NULL,
            voter BIGINT NOT NULL,
            voted INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium, comment_id, voter))",
        // comment_voters, voted_comments
        "CREATE INDEX votes_by_comment ON votes (comment_id, voter)",
    ],
    compared: &["medium", "comment_id", "voter", "voted", "seen"],
};

/// Who is told of what happens to a medium; one who does not want to be stays as the mark of it.
const SUBSCRIPTIONS: Table = Table {
    name: "subscriptions",
    ddl: &["CREATE TABLE subscriptions (
            medium BIGINT NOT NULL,
            person BIGINT NOT NULL,
            wanted INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium, person))"],
    compared: &["medium", "person", "wanted", "seen"],
};

/// The hashtags of a medium (`comment_id` 0) and of its comments.
const HASHTAGS: Table = Table {
    name: "hashtags",
    ddl: &[
        "CREATE TABLE hashtags (
            medium BIGINT NOT NULL,
            comment_id BIGINT NOT NULL,
            tag VARCHAR(100) NOT NULL,
            PRIMARY KEY (medium, comment_id, tag))",
        // tagged
        "CREATE INDEX hashtags_by_tag ON hashtags (tag, medium)",
    ],
    compared: &["medium", "comment_id", "tag"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[NODES, COMMENTS, VOTES, SUBSCRIPTIONS, HASHTAGS];
