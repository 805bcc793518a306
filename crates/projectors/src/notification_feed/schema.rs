//! The tables of `notification_feed`.

use crate::view::Table;

/// One row per cause and recipient; a dismissed one stays as the mark of it.
const NOTIFICATIONS: Table = Table {
    name: "notifications",
    ddl: &[
        "CREATE TABLE notifications (
            recipient BIGINT NOT NULL,
            id BIGINT NOT NULL,
            verb INT NOT NULL,
            subject BIGINT NOT NULL,
            medium BIGINT,
            actor BIGINT NOT NULL,
            comment_id BIGINT,
            created_at BIGINT NOT NULL,
            was_read INT NOT NULL,
            dismissed INT NOT NULL,
            last_part INT NOT NULL,
            raised_offset BIGINT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (recipient, id))",
        // page
        "CREATE INDEX notifications_by_place ON notifications (recipient, raised_offset)",
    ],
    compared: &[
        "recipient",
        "id",
        "verb",
        "subject",
        "medium",
        "actor",
        "comment_id",
        "created_at",
        "was_read",
        "dismissed",
        "last_part",
        "raised_offset",
        "last_offset",
    ],
};

/// Up to where a recipient has read everything: an offset of his partition.
const MARKS: Table = Table {
    name: "marks",
    ddl: &["CREATE TABLE marks (
            recipient BIGINT NOT NULL,
            through_offset BIGINT NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (recipient))"],
    compared: &["recipient", "through_offset", "last_part", "last_offset"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[NOTIFICATIONS, MARKS];
