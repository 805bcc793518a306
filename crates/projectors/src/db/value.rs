//! What goes into a statement and what comes back.

use aredvi_events::{ActorId, CommentId, Id, MediumId, NotificationId, SessionId, StoryId};

use super::DbError;

/// One value of a row or of a statement's arguments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// `BIGINT`, `INT`.
    Int(i64),
    /// `VARCHAR`, `TEXT`, `MEDIUMTEXT`.
    Text(String),
    /// `VARBINARY`, `BLOB`.
    Bytes(Vec<u8>),
}

/// One row of an answer, its columns counted from 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub(super) Vec<Value>);

impl Value {
    /// About what it takes in a statement.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => size_of::<i64>(),
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl Row {
    /// Its values in order.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// An integer.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else, NULL included, or does not exist.
    pub fn int(&self, i: usize) -> Result<i64, DbError> {
        self.opt_int(i)?.ok_or_else(|| self.mismatch(i, "an integer"))
    }

    /// An integer, or `None` for NULL.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else or does not exist.
    pub fn opt_int(&self, i: usize) -> Result<Option<i64>, DbError> {
        match self.0.get(i) {
            Some(Value::Null) => Ok(None),
            Some(Value::Int(int)) => Ok(Some(*int)),
            Some(Value::Text(_) | Value::Bytes(_)) | None => Err(self.mismatch(i, "an integer")),
        }
    }

    /// An integer of a narrower type, such as an id: `row.id::<ActorId>(0)?`.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds no integer or one out of range.
    pub fn id<T: TryFrom<i64>>(&self, i: usize) -> Result<T, DbError> {
        T::try_from(self.int(i)?).map_err(|_| self.mismatch(i, std::any::type_name::<T>()))
    }

    /// Like [`Row::id`], or `None` for NULL.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else or an integer out of range.
    pub fn opt_id<T: TryFrom<i64>>(&self, i: usize) -> Result<Option<T>, DbError> {
        let Some(int) = self.opt_int(i)? else { return Ok(None) };
        T::try_from(int).map(Some).map_err(|_| self.mismatch(i, std::any::type_name::<T>()))
    }

    /// A text.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else, NULL included, or does not exist.
    pub fn text(&self, i: usize) -> Result<&str, DbError> {
        self.opt_text(i)?.ok_or_else(|| self.mismatch(i, "a text"))
    }

    /// A text, or `None` for NULL. Bytes that are UTF-8 pass: what a column is declared as differs between engines.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else or does not exist.
    pub fn opt_text(&self, i: usize) -> Result<Option<&str>, DbError> {
        match self.0.get(i) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).map(Some).map_err(|_| self.mismatch(i, "a text")),
            Some(Value::Int(_)) | None => Err(self.mismatch(i, "a text")),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else, NULL included, or does not exist.
    pub fn bytes(&self, i: usize) -> Result<&[u8], DbError> {
        self.opt_bytes(i)?.ok_or_else(|| self.mismatch(i, "bytes"))
    }

    /// Bytes, or `None` for NULL. A text passes as its bytes.
    ///
    /// # Errors
    /// [`DbError::Column`] when column `i` holds something else or does not exist.
    pub fn opt_bytes(&self, i: usize) -> Result<Option<&[u8]>, DbError> {
        match self.0.get(i) {
            Some(Value::Null) => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Value::Text(text)) => Ok(Some(text.as_bytes())),
            Some(Value::Int(_)) | None => Err(self.mismatch(i, "bytes")),
        }
    }

    fn mismatch(&self, column: usize, expected: &'static str) -> DbError {
        let found = match self.0.get(column) {
            None => "no such column",
            Some(Value::Null) => "NULL",
            Some(Value::Int(_)) => "an integer",
            Some(Value::Text(_)) => "a text",
            Some(Value::Bytes(_)) => "bytes",
        };
        DbError::Column { column, expected, found: found.to_owned() }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

/// A number past `i64::MAX` becomes a decimal text, which no integer column takes: ids and offsets never come near.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Text(value.to_string()), Self::Int)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<uuid::Uuid> for Value {
    fn from(value: uuid::Uuid) -> Self {
        Self::Bytes(value.as_bytes().to_vec())
    }
}

macro_rules! values {
    ($($t:ty => |$value:ident| $made:expr;)*) => {$(
        impl From<$t> for Value {
            fn from($value: $t) -> Self {
                $made
            }
        }
    )*};
}
values! {
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    u16 => |value| Self::Int(value.into());
    u8 => |value| Self::Int(value.into());
    String => |value| Self::Text(value);
    Vec<u8> => |value| Self::Bytes(value);
    Id => |id| Self::Int(id.as_i64());
    ActorId => |id| Self::Int(id.as_i64());
    CommentId => |id| Self::Int(id.as_i64());
    MediumId => |id| Self::Int(id.as_i64());
    NotificationId => |id| Self::Int(id.as_i64());
    SessionId => |id| Self::Int(id.as_i64());
    StoryId => |id| Self::Int(id.as_i64());
}

/// Values are people's texts: they are never printed.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Text(text) => write!(f, "a text of {} bytes", text.len()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_type_is_told_clearly() {
        let row = Row(vec![Value::Int(-7), Value::Text("a secret".to_owned()), Value::Null, Value::Bytes(vec![0xff])]);
        assert_eq!(row.int(0).expect("an integer"), -7);
        assert_eq!(row.opt_int(2).expect("null"), None);
        assert_eq!(row.text(1).expect("a text"), "a secret");
        assert_eq!(row.opt_id::<ActorId>(2).expect("null"), None);
        let told = [row.int(1), row.int(2), row.int(9)].map(|result| result.expect_err("a mismatch").to_string());
        assert_eq!(
            told,
            [
                "column 1: expected an integer, found a text",
                "column 2: expected an integer, found NULL",
                "column 9: expected an integer, found no such column",
            ]
        );
        assert!(row.text(3).is_err(), "not UTF-8");
        assert!(row.id::<ActorId>(0).is_err(), "ids are positive");
        assert!(!format!("{row:?}").contains("secret"));
    }

    #[test]
    fn values_are_made_of_what_views_have() {
        let id: ActorId = "7".parse().expect("an id");
        assert_eq!(Value::from(Some(id)), Value::Int(7));
        assert_eq!(Value::from(None::<ActorId>), Value::Null);
        assert_eq!(Value::from(true), Value::Int(1));
        assert_eq!(Value::from([1_u8; 32]), Value::Bytes(vec![1; 32]));
        assert_eq!(Value::from(u64::MAX), Value::Text("18446744073709551615".to_owned()));
    }
}
