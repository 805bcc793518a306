//! [`Tx`]: one transaction.

use std::hash::Hash;
use std::sync::Arc;

use super::connection::{Connection, STATEMENT_LIMIT};
use super::{DbError, Dialect, KeysWritten, Row, Upsert, Value, upsert};

/// A transaction. Dropped without a commit it is rolled back, at the price of its connection.
pub struct Tx {
    dialect: Dialect,
    /// None when it has ended, or when an error of the engine has undone it: what followed would commit by itself.
    connection: Option<Connection>,
    /// Its connection is not given back.
    once: bool,
    /// What its writer has written, when it is the only one.
    written: Option<Arc<KeysWritten>>,
}

impl Tx {
    /// Runs the statements that begin it. Whoever gives up waiting meanwhile leaves no open transaction to the pool.
    pub(super) async fn begin(connection: Connection, statements: &[&str]) -> Result<Self, DbError> {
        let mut tx = Self { dialect: connection.dialect(), connection: Some(connection), once: false, written: None };
        for statement in statements {
            tx.connection()?.raw(statement, true).await?;
        }
        Ok(tx)
    }

    /// Its connection was set up for it alone, and is closed when it ends.
    pub(super) const fn for_once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Its writer is the only one of the tables, and has written these keys since they were empty: rows of others are not
    /// looked for.
    pub fn knows(&mut self, written: &Arc<KeysWritten>) {
        self.written = Some(Arc::clone(written));
    }

    /// Whether a row of this key may be there.
    pub(crate) fn may_hold(&self, table: &'static str, key: &impl Hash) -> bool {
        self.written.as_ref().is_none_or(|written| written.may_hold(table, key))
    }

    /// A row of this key is written.
    pub(crate) fn writes(&self, table: &'static str, key: &impl Hash) {
        if let Some(written) = &self.written {
            written.add(table, key);
        }
    }

    /// Which SQL its engine speaks.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a query.
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn read(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let result = self.connection()?.read(sql, args, STATEMENT_LIMIT).await;
        self.settle(result)
    }

    /// Runs a statement that writes; the rows it matched.
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
        let connection = self.connection()?;
        let prepared = connection.keeps(args.len());
        let result = connection.execute(sql, args, prepared).await;
        self.settle(result)
    }

    /// Writes rows of `shape`, each the keys and then the columns, in as few statements as the engine takes. Rows of the
    /// same key follow one another: the second meets the first.
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn upsert<const N: usize>(&mut self, shape: &Upsert, rows: Vec<[Value; N]>) -> Result<(), DbError> {
        let result = upsert::upsert(self.connection()?, shape, rows).await;
        self.settle(result)
    }

    /// Writes rows whose key is not there yet, and leaves the others alone. `columns` begins with the primary key's.
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn insert_ignore<const N: usize>(
        &mut self,
        table: &'static str,
        columns: [&'static str; N],
        rows: Vec<[Value; N]>,
    ) -> Result<(), DbError> {
        let result = upsert::insert_ignore(self.connection()?, table, columns, rows).await;
        self.settle(result)
    }

    /// Deletes the rows whose `columns` equal one of `tuples`; how many.
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn delete_in<const N: usize>(
        &mut self,
        table: &'static str,
        columns: [&'static str; N],
        tuples: Vec<[Value; N]>,
    ) -> Result<u64, DbError> {
        let result = upsert::delete_in(self.connection()?, table, columns, tuples).await;
        self.settle(result)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// [`DbError`]; whether it was committed is then unknown.
    pub async fn commit(self) -> Result<(), DbError> {
        self.end("COMMIT").await
    }

    /// Undoes it and keeps the connection; nothing is left to do where an error has undone it.
    ///
    /// # Errors
    /// [`DbError`]; it is undone all the same.
    pub async fn rollback(self) -> Result<(), DbError> {
        if self.connection.is_none() { Ok(()) } else { self.end("ROLLBACK").await }
    }

    async fn end(mut self, sql: &str) -> Result<(), DbError> {
        self.connection()?.raw(sql, true).await?;
        // It ended well: the pool may have the connection back.
        if !self.once {
            drop(self.connection.take());
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Connection, DbError> {
        self.connection.as_mut().ok_or(DbError::Undone)
    }

    fn settle<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        // After a deadlock, a full disk or a lost connection the engine has undone all of it.
        if result.as_ref().is_err_and(DbError::is_transient) {
            self.close();
        }
        result
    }

    fn close(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tx({:?})", self.dialect())
    }
}
