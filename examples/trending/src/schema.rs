//! The tables of `trending`.

use aredvi_projectors::view::Table;

/// The notes, each row its own key's. A deleted one stays as the mark of it.
const NOTES: Table = Table {
    name: "notes",
    ddl: &["CREATE TABLE notes (
            medium BIGINT NOT NULL,
            owner BIGINT NOT NULL,
            author BIGINT NOT NULL,
            access INT NOT NULL,
            born INT NOT NULL,
            deleted INT NOT NULL,
            seen VARBINARY(128) NOT NULL,
            PRIMARY KEY (medium))"],
    compared: &["medium", "owner", "author", "access", "born", "deleted", "seen"],
};

/// Which note carries which hashtag; each row belongs to the note's key.
const MARKS: Table = Table {
    name: "marks",
    ddl: &[
        "CREATE TABLE marks (
            medium BIGINT NOT NULL,
            tag VARCHAR(100) NOT NULL,
            PRIMARY KEY (medium, tag))",
        // candidates: the newest notes of a tag
        "CREATE INDEX marks_by_tag ON marks (tag, medium)",
    ],
    compared: &["medium", "tag"],
};

/// How many notes of a day carry a hashtag. Many notes add to one row, so it is one row a partition: whoever adds to it
/// holds the partition, and nobody else does.
const USES: Table = Table {
    name: "uses",
    ddl: &[
        "CREATE TABLE uses (
            tag VARCHAR(100) NOT NULL,
            born INT NOT NULL,
            part INT NOT NULL,
            n BIGINT NOT NULL,
            PRIMARY KEY (tag, born, part))",
        // candidates: the tags of the last days
        "CREATE INDEX uses_by_day ON uses (born, tag, n)",
    ],
    compared: &["tag", "born", "part", "n"],
};

/// Every table of the view.
pub(crate) const TABLES: &[Table] = &[NOTES, MARKS, USES];
