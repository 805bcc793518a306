//! The tables of `webhooks`.

pub(super) const TABLES: &[&str] = &[
    // `began`: what stood on the log before it is never sent; `reason`: why it is disabled.
    "CREATE TABLE subscriptions (
        id VARBINARY(16) NOT NULL,
        url VARCHAR(2048) NOT NULL,
        topics VARCHAR(200) NOT NULL,
        types TEXT NOT NULL,
        secret VARBINARY(128) NOT NULL,
        old_secret VARBINARY(128),
        old_secret_until BIGINT,
        enabled INT NOT NULL,
        reason VARCHAR(200),
        began BLOB NOT NULL,
        made_at BIGINT NOT NULL,
        failing_since BIGINT,
        dropped BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (id))",
    // One row: how far the log was put into the queue. Whoever changes a subscription raises `version`, and whoever fills
    // the queue does so from the version that it has read: so no event falls between the two.
    "CREATE TABLE feed (one INT NOT NULL, version BIGINT NOT NULL, positions BLOB NOT NULL, PRIMARY KEY (one))",
    "CREATE TABLE deliveries (
        subscription VARBINARY(16) NOT NULL,
        event VARBINARY(16) NOT NULL,
        topic INT NOT NULL,
        subject VARCHAR(64) NOT NULL,
        log_offset BIGINT NOT NULL,
        event_type VARCHAR(64) NOT NULL,
        body MEDIUMTEXT,
        state INT NOT NULL,
        attempts INT NOT NULL DEFAULT 0,
        next_attempt BIGINT NOT NULL,
        answer VARCHAR(64),
        queued_at BIGINT NOT NULL,
        ended_at BIGINT,
        PRIMARY KEY (subscription, event))",
    // those to be sent now
    "CREATE INDEX deliveries_by_turn ON deliveries (subscription, state, next_attempt)",
    // those of a key, in the order of its log
    "CREATE INDEX deliveries_by_key ON deliveries (subscription, state, topic, subject, log_offset)",
    // the newest, for operators; the oldest that waits
    "CREATE INDEX deliveries_by_age ON deliveries (subscription, queued_at, event)",
    // those that ended longest ago
    "CREATE INDEX deliveries_by_end ON deliveries (subscription, ended_at)",
];
