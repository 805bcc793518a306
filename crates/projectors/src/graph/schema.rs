//! The tables of `graph`.

use crate::view::Table;

/// Follows, one row a directed pair; a row whose follow ended stays as the mark of it.
const EDGES: Table = Table {
    name: "edges",
    ddl: &[
        "CREATE TABLE edges (
            src BIGINT NOT NULL,
            dst BIGINT NOT NULL,
            story BIGINT,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (src, dst))",
        // followers
        "CREATE INDEX edges_by_leader ON edges (dst, story)",
    ],
    compared: &["src", "dst", "story", "seen", "last_part", "last_offset"],
};

/// Requests, blocks and actor subscriptions, one row a directed pair.
const TIES: Table = Table {
    name: "ties",
    ddl: &[
        "CREATE TABLE ties (
            src BIGINT NOT NULL,
            dst BIGINT NOT NULL,
            request BIGINT,
            blocking INT NOT NULL,
            subscribed INT NOT NULL,
            since BIGINT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (src, dst))",
        // requests
        "CREATE INDEX ties_by_request ON ties (dst, request)",
        // blocks
        "CREATE INDEX ties_by_block ON ties (src, blocking, dst)",
        // subscribers
        "CREATE INDEX ties_by_subscription ON ties (dst, subscribed, src)",
    ],
    compared: &["src", "dst", "request", "blocking", "subscribed", "since", "seen", "last_part", "last_offset"],
};

/// What is added up, a row for each actor and each partition that adds to it.
const COUNTS: Table = Table {
    name: "counts",
    ddl: &["CREATE TABLE counts (
            actor BIGINT NOT NULL,
            part INT NOT NULL,
            followers BIGINT NOT NULL,
            leaders BIGINT NOT NULL,
            PRIMARY KEY (actor, part))"],
    compared: &["actor", "part", "followers", "leaders"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[EDGES, TIES, COUNTS];
