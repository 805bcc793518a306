//! What may be asked of `accounts`.

use aredvi_events::ActorId;
use aredvi_events::actors::Refusal;
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::identity::Role;
use uuid::Uuid;

use super::rows::{refusal_of, roles_of};
use crate::db::{Db, DbError, Row, Value, padded_in_list};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whose request.
    pub person: ActorId,
    /// Why it was refused; none when it was accepted.
    pub refusal: Option<Refusal>,
}

/// What a sign-in is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose.
    pub person: ActorId,
    /// Of his username now.
    pub username_fp: Fingerprint,
    /// Of his e-mail address; none once erased.
    pub email_fp: Option<Fingerprint>,
    /// His e-mail address; none once erased.
    pub email: Option<String>,
    /// A PHC string; none once erased.
    pub password_hash: Option<String>,
    /// What he may do beyond his own things.
    pub roles: Vec<Role>,
    /// Whether he is erased.
    pub erased: bool,
    /// When he was accepted, Unix milliseconds.
    pub created_at: i64,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.person)
    }
}

/// What became of a request; none while it is pending.
///
/// # Errors
/// [`DbError`].
pub async fn verdict(db: &Db, request: Uuid) -> Result<Option<Verdict>, DbError> {
    // requests: the primary key
    let rows = db.read("SELECT person, refusal FROM requests WHERE request = ?", vec![request.into()]).await?;
    let verdict = |row: &Row| Ok(Verdict { person: row.id(0)?, refusal: row.opt_int(1)?.map(refusal_of) });
    rows.first().map(verdict).transpose()
}

/// Who has this username now: neither one who gave it up nor one who is erased.
///
/// # Errors
/// [`DbError`].
pub async fn by_username_fp(db: &Db, username: Fingerprint) -> Result<Option<ActorId>, DbError> {
    // handles and persons: the primary keys
    let sql = "SELECT p.person FROM handles h JOIN persons p ON p.person = h.person
        WHERE h.fp = ? AND p.username_fp = h.fp AND p.erased = 0";
    person(&db.read(sql, vec![username.0.into()]).await?)
}

/// Who has this e-mail address now.
///
/// # Errors
/// [`DbError`].
pub async fn by_email_fp(db: &Db, email: Fingerprint) -> Result<Option<ActorId>, DbError> {
    // emails: the primary key
    person(&db.read("SELECT person FROM emails WHERE fp = ?", vec![email.0.into()]).await?)
}

/// Who has or had this username: nobody else gets it.
///
/// # Errors
/// [`DbError`].
pub async fn username_owner(db: &Db, username: Fingerprint) -> Result<Option<ActorId>, DbError> {
    // handles: the primary key
    person(&db.read("SELECT person FROM handles WHERE fp = ?", vec![username.0.into()]).await?)
}

/// What a sign-in of `person` is checked against; none when nobody was accepted under this id.
///
/// # Errors
/// [`DbError`].
pub async fn credentials(db: &Db, person: ActorId) -> Result<Option<Credentials>, DbError> {
    // persons: the primary key
    let sql = "SELECT person, username_fp, email_fp, email, password_hash, roles, erased, created_at
        FROM persons WHERE person = ?";
    let rows = db.read(sql, vec![person.into()]).await?;
    let credentials = |row: &Row| {
        Ok(Credentials {
            person: row.id(0)?,
            username_fp: fingerprint(row.bytes(1)?)?,
            email_fp: row.opt_bytes(2)?.map(fingerprint).transpose()?,
            email: row.opt_text(3)?.map(str::to_owned),
            password_hash: row.opt_text(4)?.map(str::to_owned),
            roles: roles_of(row.id(5)?),
            erased: row.int(6)? != 0,
            created_at: row.int(7)?,
        })
    };
    rows.first().map(credentials).transpose()
}

/// The e-mail addresses of these people, those of the erased left out.
///
/// # Errors
/// [`DbError`].
pub async fn emails(db: &Db, people: &[ActorId]) -> Result<Vec<(ActorId, String)>, DbError> {
    // persons: the primary key
    let (list, values) = in_list_of(people);
    let sql = format!("SELECT person, email FROM persons WHERE person IN {list} AND email IS NOT NULL");
    let rows = db.read(&sql, values).await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.text(1)?.to_owned()))).collect()
}

/// Everybody with a role, with his roles.
///
/// # Errors
/// [`DbError`].
pub async fn with_roles(db: &Db) -> Result<Vec<(ActorId, Vec<Role>)>, DbError> {
    // Asked once by a process that starts: it reads the table.
    let rows = db.read("SELECT person, roles FROM persons WHERE roles <> 0", vec![]).await?;
    rows.iter().map(|row| Ok((row.id(0)?, roles_of(row.id(1)?)))).collect()
}

fn in_list_of(people: &[ActorId]) -> (String, Vec<Value>) {
    padded_in_list(people.iter().map(|&person| person.into()).collect())
}

fn person(rows: &[Row]) -> Result<Option<ActorId>, DbError> {
    rows.first().map(|row| row.id(0)).transpose()
}

fn fingerprint(bytes: &[u8]) -> Result<Fingerprint, DbError> {
    let expected = "32 bytes";
    bytes.try_into().map(Fingerprint).map_err(|_| DbError::Column { column: 0, expected, found: "other bytes".to_owned() })
}
