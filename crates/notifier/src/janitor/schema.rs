//! The tables of `janitor`: what belongs to whom.

use aredvi_projectors::view::Table;

/// Sign-ins.
const SESSIONS: Table = Table {
    name: "sessions",
    ddl: &["CREATE TABLE sessions (
            person BIGINT NOT NULL,
            session_id BIGINT NOT NULL,
            opened_at BIGINT NOT NULL DEFAULT 0,
            revoked INT NOT NULL DEFAULT 0,
            PRIMARY KEY (person, session_id))"],
    compared: &["person", "session_id", "opened_at", "revoked"],
};

/// What stands from one actor to another.
const TIES: Table = Table {
    name: "ties",
    ddl: &[
        "CREATE TABLE ties (
            src BIGINT NOT NULL,
            dst BIGINT NOT NULL,
            follows INT NOT NULL DEFAULT 0,
            requested INT NOT NULL DEFAULT 0,
            blocks INT NOT NULL DEFAULT 0,
            subscribed INT NOT NULL DEFAULT 0,
            PRIMARY KEY (src, dst))",
        // those to an actor
        "CREATE INDEX ties_to ON ties (dst, src)",
    ],
    compared: &["src", "dst", "follows", "requested", "blocks", "subscribed"],
};

/// Media.
const MEDIA: Table = Table {
    name: "media",
    ddl: &[
        "CREATE TABLE media (
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            author BIGINT NOT NULL DEFAULT 0,
            deleted INT NOT NULL DEFAULT 0,
            PRIMARY KEY (medium))",
        // what stands on an actor's page
        "CREATE INDEX media_by_owner ON media (owner, medium)",
        // what an actor wrote
        "CREATE INDEX media_by_author ON media (author, medium)",
    ],
    compared: &["medium", "owner", "author", "deleted"],
};

/// Comments.
const COMMENTS: Table = Table {
    name: "comments",
    ddl: &[
        "CREATE TABLE comments (
            comment_id BIGINT NOT NULL,
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            author BIGINT NOT NULL DEFAULT 0,
            story BIGINT NOT NULL,
            deleted INT NOT NULL DEFAULT 0,
            PRIMARY KEY (comment_id))",
        // what an actor wrote
        "CREATE INDEX comments_by_author ON comments (author, comment_id)",
    ],
    compared: &["comment_id", "medium", "owner", "author", "story", "deleted"],
};

/// Who is told of what happens to a medium.
const SUBSCRIPTIONS: Table = Table {
    name: "subscriptions",
    ddl: &["CREATE TABLE subscriptions (
            subscriber BIGINT NOT NULL,
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            stands INT NOT NULL,
            PRIMARY KEY (subscriber, medium))"],
    compared: &["subscriber", "medium", "owner", "stands"],
};

/// What happened to a person and is still to be carried to other keys. The last three columns are how far that is.
const CAUSES: Table = Table {
    name: "causes",
    ddl: &[
        "CREATE TABLE causes (
            cause VARBINARY(16) NOT NULL,
            person BIGINT NOT NULL,
            kind INT NOT NULL,
            happened_at BIGINT NOT NULL,
            keep_session BIGINT,
            done INT NOT NULL DEFAULT 0,
            step INT NOT NULL DEFAULT 0,
            swept_through BIGINT NOT NULL DEFAULT 0,
            PRIMARY KEY (cause))",
        // those that are due
        "CREATE INDEX causes_by_time ON causes (done, happened_at)",
    ],
    compared: &["cause", "person", "kind", "happened_at", "keep_session"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[SESSIONS, TIES, MEDIA, COMMENTS, SUBSCRIPTIONS, CAUSES];
