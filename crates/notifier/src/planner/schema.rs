//! The tables of `planner`.

use aredvi_projectors::view::Table;

use crate::birth::BIRTHS;

/// Media as far as visibility asks for them; a deleted one stays as the mark of it.
const MEDIA: Table = Table {
    name: "media",
    ddl: &["CREATE TABLE media (
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            author BIGINT NOT NULL,
            access INT NOT NULL,
            deleted INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium))"],
    compared: &["medium", "owner", "author", "access", "deleted", "seen"],
};

/// Who wrote a comment; a deleted one stays as the mark of it.
const COMMENTS: Table = Table {
    name: "comments",
    ddl: &["CREATE TABLE comments (
            comment_id BIGINT NOT NULL,
            author BIGINT NOT NULL,
            deleted INT NOT NULL,
            PRIMARY KEY (comment_id))"],
    compared: &["comment_id", "author", "deleted"],
};

/// Whom a medium (`comment_id` 0) or a comment on it ever mentioned, so that an edit tells the new ones alone.
const MENTIONS: Table = Table {
    name: "mentions",
    ddl: &["CREATE TABLE mentions (
            medium BIGINT NOT NULL,
            comment_id BIGINT NOT NULL,
            mentioned BIGINT NOT NULL,
            PRIMARY KEY (medium, comment_id, mentioned))"],
    compared: &["medium", "comment_id", "mentioned"],
};

/// Who wants to be told of what happens to a medium, or explicitly not; `since` is the offset of the event that said so.
const SUBSCRIBERS: Table = Table {
    name: "subscribers",
    ddl: &["CREATE TABLE subscribers (
            medium BIGINT NOT NULL,
            subscriber BIGINT NOT NULL,
            wants INT NOT NULL,
            since BIGINT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium, subscriber))"],
    compared: &["medium", "subscriber", "wants", "since", "seen"],
};

/// Votes on media: a second one tells nobody.
const VOTES: Table = Table {
    name: "votes",
    ddl: &["CREATE TABLE votes (
            medium BIGINT NOT NULL,
            voter BIGINT NOT NULL,
            stands INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium, voter))"],
    compared: &["medium", "voter", "stands", "seen"],
};

/// What stands from one actor to another. Imported follows have no row: they tell nobody.
const PAIRS: Table = Table {
    name: "pairs",
    ddl: &[
        "CREATE TABLE pairs (
            src BIGINT NOT NULL,
            dst BIGINT NOT NULL,
            follows INT NOT NULL,
            requested INT NOT NULL,
            blocks INT NOT NULL,
            subscribed INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (src, dst))",
        // the subscribers of an actor
        "CREATE INDEX pairs_by_subscription ON pairs (dst, subscribed, src)",
    ],
    compared: &["src", "dst", "follows", "requested", "blocks", "subscribed", "seen"],
};

/// Notices whose crowd is still being told: the stored continuation. Only the serving generation has any.
const FANOUTS: Table = Table {
    name: "fanouts",
    ddl: &["CREATE TABLE fanouts (
            cause VARBINARY(16) NOT NULL,
            telling MEDIUMTEXT NOT NULL,
            told_through BIGINT NOT NULL,
            PRIMARY KEY (cause))"],
    compared: &[],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[MEDIA, COMMENTS, MENTIONS, SUBSCRIBERS, VOTES, PAIRS, FANOUTS, BIRTHS];
