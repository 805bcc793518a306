//! The tables of `accounts`.

use crate::view::Table;

/// Who was ever accepted.
const PERSONS: Table = Table {
    name: "persons",
    ddl: &["CREATE TABLE persons (
            person BIGINT NOT NULL,
            username_fp VARBINARY(32) NOT NULL,
            email_fp VARBINARY(32),
            email TEXT,
            password_hash TEXT,
            roles INT NOT NULL,
            erased INT NOT NULL,
            created_at BIGINT NOT NULL,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (person))"],
    compared: &[
        "person",
        "username_fp",
        "email_fp",
        "email",
        "password_hash",
        "roles",
        "erased",
        "created_at",
        "last_part",
        "last_offset",
    ],
};

/// Whose a username is or was: for ever.
const HANDLES: Table = Table {
    name: "handles",
    ddl: &["CREATE TABLE handles (
            fp VARBINARY(32) NOT NULL,
            person BIGINT NOT NULL,
            PRIMARY KEY (fp))"],
    compared: &["fp", "person"],
};

/// Whose an e-mail address is now.
const EMAILS: Table = Table {
    name: "emails",
    ddl: &["CREATE TABLE emails (
            fp VARBINARY(32) NOT NULL,
            person BIGINT NOT NULL,
            PRIMARY KEY (fp))"],
    compared: &["fp", "person"],
};

/// What became of each request.
const REQUESTS: Table = Table {
    name: "requests",
    ddl: &["CREATE TABLE requests (
            request VARBINARY(16) NOT NULL,
            person BIGINT NOT NULL,
            refusal INT,
            last_part INT NOT NULL,
            last_offset BIGINT NOT NULL,
            PRIMARY KEY (request))"],
    compared: &["request", "person", "refusal", "last_part", "last_offset"],
};

/// Every table of the view.
pub(super) const TABLES: &[Table] = &[PERSONS, HANDLES, EMAILS, REQUESTS];
