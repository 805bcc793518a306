//! What a view holds when nothing goes wrong: its log applied record by record, in one process, from the beginning.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::codec::{self, AnyTopicEvent};
use aredvi_events::envelope::Placed;
use aredvi_events::{Body, Place, Stored, Topic};
use aredvi_projectors::db::{Db, DbUrl, Durability, PoolSizes, Row};
use aredvi_projectors::keys::{KeyStore, Opener};
use aredvi_projectors::view::{Batch, Derived, Unusable, View};
use uuid::Uuid;

use crate::poison::Poison;

/// What a view should hold.
pub struct Reference {
    /// Its rows, by table.
    pub rows: BTreeMap<&'static str, Vec<Row>>,
    /// What it should have put aside.
    pub parked: BTreeSet<Place>,
    /// What should have followed from it.
    pub derived: BTreeSet<Uuid>,
}

/// Whether a record that was appended again is applied again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repeats {
    Applied,
    LeftOut,
}

impl Reference {
    /// Of these records, which stand in log order within each partition.
    pub async fn of(
        view: &dyn View,
        records: Vec<Stored>,
        repeats: Repeats,
        poison: &Poison,
        keys: &KeyStore,
        url: &DbUrl,
    ) -> Self {
        let schema = format!("reference_{}_{repeats:?}", view.name());
        Db::drop_schema(url, &schema).await.expect("no other of the name");
        let db = Db::open(url, None, &schema, Durability::Normal, PoolSizes::default()).await.expect("a schema");
        for table in view.tables() {
            db.run_schema(table.ddl).await.expect("a table");
        }
        let dropped: BTreeSet<Uuid> = records.iter().filter_map(|stored| dropped_by(view, stored)).collect();
        let (mut parked, mut derived, mut behind) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::<(Topic, String)>::new());
        let mut seen = BTreeSet::new();
        let mut tx = db.begin().await.expect("begun");
        for stored in records {
            let id = codec::event_id(&stored.record).expect("every record here has an id");
            if dropped.contains(&id) || (!seen.insert(id) && repeats == Repeats::LeftOut) {
                continue;
            }
            let decoded = codec::decode(&stored);
            if matches!(&decoded, Ok(placed) if matches!(placed.event.body, Body::Any(_))) {
                continue;
            }
            let usable = decoded.ok().filter(|_| !poison.has(view.name(), id));
            let key = (stored.record.topic, stored.record.key.clone());
            let follows = match usable {
                Some(placed) if !behind.contains(&key) => apply(view, &mut tx, placed, keys).await,
                _ if view.parks() => {
                    behind.insert(key);
                    parked.insert(stored.place);
                    Vec::new()
                }
                _ => {
                    let unusable = Unusable { stored, reason: "it cannot be used".to_owned() };
                    view.refuse(&mut tx, &unusable).await.expect("refused")
                }
            };
            derived.extend(follows.into_iter().map(|derived| derived.event.id));
        }
        tx.commit().await.expect("committed");
        let mut rows = BTreeMap::new();
        for table in view.tables().iter().filter(|table| !table.compared.is_empty()) {
            rows.insert(table.name, rows_of(&db, table.name, table.compared).await);
        }
        db.close().await;
        Self { rows, parked, derived }
    }
}

/// All rows of a table by the columns that count, in order.
pub async fn rows_of(db: &Db, table: &str, columns: &[&str]) -> Vec<Row> {
    let columns = columns.join(", ");
    db.read_latest(&format!("SELECT {columns} FROM {table} ORDER BY {columns}"), vec![]).await.expect("rows")
}

async fn apply(view: &dyn View, tx: &mut aredvi_projectors::db::Tx, placed: Placed, keys: &KeyStore) -> Vec<Derived> {
    let opener = if view.opens_seals() { keys.opener([&placed.event]).await.expect("keys") } else { Opener::none() };
    let batch = Batch { events: vec![placed], opener, serving: true };
    view.apply(tx, &batch).await.expect("applied")
}

/// The event that this record says the view gave up.
fn dropped_by(view: &dyn View, stored: &Stored) -> Option<Uuid> {
    let Body::Any(AnyTopicEvent::EventDropped(dropped)) = codec::decode(stored).ok()?.event.body else { return None };
    (dropped.view == view.name()).then_some(dropped.event)
}
