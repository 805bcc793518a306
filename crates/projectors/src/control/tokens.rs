//! Service tokens: what programs of others show to the admin API to be let in.
//!
//! A token is told once, to whoever asked for it. Here stands its SHA-256: 32 random bytes need no slow hash.

use std::fmt;
use std::str::FromStr;

use aredvi_events::Mint;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Control;
use crate::db::{DbError, Row};

pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE service_tokens (name VARCHAR(64) NOT NULL, hash VARBINARY(32) NOT NULL, scopes VARCHAR(255) NOT NULL,
       made_ms BIGINT NOT NULL, expires_ms BIGINT, PRIMARY KEY (name))",
    // service_token
    "CREATE INDEX service_tokens_by_hash ON service_tokens (hash)",
];
/// Tokens that there may be at once.
pub const MAX_SERVICE_TOKENS: i64 = 100;
const COLUMNS: &str = "name, scopes, made_ms, expires_ms";
const PREFIX: &str = "as1_";
const SECRET_BYTES: usize = 32;
/// Prefix and base64url of the secret.
const TOKEN_CHARS: usize = PREFIX.len() + 43;

/// The secret that a program shows. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceToken(Zeroizing<String>);

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Open the seals of events.
    SealsOpen,
}

/// A token that was issued, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What it is called: whose it is.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Since when, Unix milliseconds.
    pub made_ms: i64,
    /// Until when, Unix milliseconds; `None`: until it is revoked.
    pub expires_ms: Option<i64>,
}

/// Why a token was not issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The schema `control`.
    #[error("the schema `control` is unavailable")]
    Db(#[from] DbError),
    /// Another token has the name.
    #[error("there is a token of this name")]
    NameTaken,
    /// There are [`MAX_SERVICE_TOKENS`] already.
    #[error("there are {MAX_SERVICE_TOKENS} tokens already")]
    TooMany,
}

/// A text that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such scope; there is `seals:open`")]
pub struct UnknownScope;

impl ServiceToken {
    /// A new one.
    pub fn mint(mint: &Mint) -> Self {
        let secret = Zeroizing::new(mint.random::<SECRET_BYTES>());
        Self(Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret.as_slice()))))
    }

    /// What a program showed; `None` when it is no service token, whatever its length.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == TOKEN_CHARS && text.starts_with(PREFIX)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret itself, for the answer to the one who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken(…)")
    }
}

impl Scope {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SealsOpen => "seals:open",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        if text == Self::SealsOpen.name() { Ok(Self::SealsOpen) } else { Err(UnknownScope) }
    }
}

impl Issued {
    /// Whether it has run out.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }
}

impl Control {
    /// Remembers a token by its hash.
    ///
    /// # Errors
    /// [`NotIssued`].
    pub async fn issue_service_token(&self, token: &ServiceToken, issued: &Issued) -> Result<(), NotIssued> {
        let count = self.db.read_latest("SELECT COUNT(*) FROM service_tokens", vec![]).await?;
        if count.first().map_or(Ok(0), |row| row.int(0))? >= MAX_SERVICE_TOKENS {
            return Err(NotIssued::TooMany);
        }
        let scopes: Vec<&str> = issued.scopes.iter().map(|scope| scope.name()).collect();
        let insert = format!("INSERT INTO service_tokens ({COLUMNS}, hash) VALUES (?, ?, ?, ?, ?)");
        let row = vec![
            issued.name.as_str().into(),
            scopes.join(" ").into(),
            issued.made_ms.into(),
            issued.expires_ms.into(),
            token.hash().into(),
        ];
        match self.db.execute(&insert, row).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_duplicate() => Err(NotIssued::NameTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// All tokens by name, those that have run out too.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn service_tokens(&self) -> Result<Vec<Issued>, DbError> {
        let select = format!("SELECT {COLUMNS} FROM service_tokens ORDER BY name");
        self.db.read_latest(&select, vec![]).await?.iter().map(issued).collect()
    }

    /// What was issued with this token; `None` when nothing was, or it has run out or was revoked.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn service_token(&self, token: &ServiceToken) -> Result<Option<Issued>, DbError> {
        let select = format!("SELECT {COLUMNS} FROM service_tokens WHERE hash = ?");
        let found = self.db.read_latest(&select, vec![token.hash().into()]).await?;
        let found = found.first().map(issued).transpose()?;
        Ok(found.filter(|issued| !issued.is_expired(self.now_ms())))
    }

    /// Takes a token back, from now on, in every process; whether there was one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn revoke_service_token(&self, name: &str) -> Result<bool, DbError> {
        Ok(self.db.execute("DELETE FROM service_tokens WHERE name = ?", vec![name.into()]).await? > 0)
    }
}

fn issued(row: &Row) -> Result<Issued, DbError> {
    Ok(Issued {
        name: row.text(0)?.to_owned(),
        // A scope of a newer program is none of this one's.
        scopes: row.text(1)?.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
        made_ms: row.int(2)?,
        expires_ms: row.opt_int(3)?,
    })
}
