//! The table of `ledger`.

use aredvi_projectors::view::Table;

use crate::birth::BIRTHS;

/// One letter for each recipient, notification and channel. Facts of `notifications` and of `deliveries` are columns of
/// their own; the last three are this notifier's own attempts. Where the letter stands in a trace depends on who read the
/// log when, so it is not compared.
const LETTERS: Table = Table {
    name: "letters",
    ddl: &[
        "CREATE TABLE letters (
            recipient BIGINT NOT NULL,
            notification BIGINT NOT NULL,
            channel INT NOT NULL,
            due INT NOT NULL DEFAULT 0,
            verb INT NOT NULL DEFAULT 0,
            subject BIGINT NOT NULL DEFAULT 0,
            medium BIGINT,
            comment_id BIGINT,
            cause VARBINARY(16),
            cause_time BIGINT NOT NULL DEFAULT 0,
            traceparent VARCHAR(55),
            raised_at BIGINT,
            seen INT NOT NULL DEFAULT 0,
            outcome INT NOT NULL DEFAULT 0,
            settled INT NOT NULL DEFAULT 0,
            attempts INT NOT NULL DEFAULT 0,
            next_attempt BIGINT NOT NULL DEFAULT 0,
            PRIMARY KEY (recipient, notification, channel))",
        // those to be sent now
        "CREATE INDEX letters_by_turn ON letters (due, outcome, settled, next_attempt)",
        // those that a reader has passed
        "CREATE INDEX letters_by_place ON letters (recipient, seen, raised_at)",
    ],
    compared: &[
        "recipient",
        "notification",
        "channel",
        "verb",
        "subject",
        "medium",
        "comment_id",
        "cause",
        "cause_time",
        "raised_at",
        "seen",
        "outcome",
    ],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[LETTERS, BIRTHS];

/// Its column `channel`.
pub(super) const MAIL: i64 = 0;

/// Its column `outcome`.
pub(super) mod outcome {
    /// Nothing came of it yet.
    pub(in super::super) const NONE: i64 = 0;
    /// A provider took it.
    pub(in super::super) const SENT: i64 = 1;
    /// It was given up.
    pub(in super::super) const FAILED: i64 = 2;
    /// It was not sent on purpose.
    pub(in super::super) const SUPPRESSED: i64 = 3;
}
