//! One schema of a view, driven as the runner drives it: `apply` in a transaction, then the commit.

use std::sync::{Arc, Mutex};

use aredvi_events::ActorId;
use aredvi_events::envelope::Placed;
use aredvi_projectors::db::{Db, DbUrl, Durability, KeysWritten, PoolSizes, Row, Tx};
use aredvi_projectors::keys::{Key, Opener};
use aredvi_projectors::view::{Batch, Derived, View};

use crate::log::data_key;

/// Texts of actors up to this number can be opened.
const ACTORS: u64 = 100;

/// A view and its schema.
pub struct World<'a> {
    view: &'a dyn View,
    opener: Opener,
    /// What was written since it was cleared, where that is remembered.
    written: Mutex<Option<Arc<KeysWritten>>>,
    /// The schema.
    pub db: Db,
}

impl<'a> World<'a> {
    /// Makes the schema.
    pub async fn open(view: &'a dyn View, url: &DbUrl) -> Self {
        let sizes = PoolSizes::default();
        let db = Db::open(url, None, view.name(), Durability::Normal, sizes).await.expect("open");
        for table in view.tables() {
            db.run_schema(table.ddl).await.expect("the table");
        }
        Self { view, opener: opener(&[]), written: Mutex::default(), db }
    }

    /// From here on the texts of `actors` cannot be opened.
    pub fn erase(&mut self, actors: &[ActorId]) {
        self.opener = opener(actors);
    }

    /// What the view consumes of a log.
    pub fn its_part(&self, log: &[Placed]) -> Vec<Placed> {
        let topics = self.view.topics();
        log.iter().filter(|placed| topics.contains(&placed.place.partition.topic)).cloned().collect()
    }

    /// Applies a batch; what follows from it.
    pub async fn apply(&self, events: &[Placed]) -> Vec<Derived> {
        let batch = Batch { events: events.to_vec(), opener: self.opener.clone(), serving: true };
        let mut tx = self.begin().await;
        let derived = self.view.apply(&mut tx, &batch).await.expect("applied");
        tx.commit().await.expect("commit");
        derived
    }

    /// Applies a batch and undoes it.
    pub async fn fail(&self, events: &[Placed]) {
        let batch = Batch { events: events.to_vec(), opener: self.opener.clone(), serving: true };
        let mut tx = self.begin().await;
        self.view.apply(&mut tx, &batch).await.expect("applied");
        tx.rollback().await.expect("rollback");
    }

    async fn begin(&self) -> Tx {
        let mut tx = self.db.begin().await.expect("begin");
        if let Some(written) = &*self.written.lock().expect("unpoisoned") {
            tx.knows(written);
        }
        tx
    }

    /// Every row of every table, as two generations are compared.
    pub async fn rows(&self) -> Vec<(&'static str, Vec<Row>)> {
        let mut tables = Vec::new();
        for table in self.view.tables() {
            let columns = table.compared.join(", ");
            let sql = format!("SELECT {columns} FROM {} ORDER BY {columns}", table.name);
            tables.push((table.name, self.db.read_latest(&sql, vec![]).await.expect("read")));
        }
        tables
    }

    /// Forgets everything.
    pub async fn clear(&self) {
        for table in self.view.tables() {
            self.db.execute(&format!("DELETE FROM {}", table.name), vec![]).await.expect("deleted");
        }
        *self.written.lock().expect("unpoisoned") = None;
    }

    /// Forgets everything, and remembers from here on what is written.
    pub async fn clear_and_remember(&self) {
        self.clear().await;
        *self.written.lock().expect("unpoisoned") = Some(Arc::new(KeysWritten::none(1_000)));
    }
}

fn opener(erased: &[ActorId]) -> Opener {
    let key = |number| {
        let actor = crate::log::id::<ActorId>(number);
        (actor, if erased.contains(&actor) { Key::Erased } else { Key::Live(data_key(actor)) })
    };
    Opener::new((1..=ACTORS).map(key).collect())
}
