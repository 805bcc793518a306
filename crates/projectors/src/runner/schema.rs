//! One generation's schema: the view's tables, and the runner's own beside them.

use aredvi_events::{JournalId, Partition, Positions, Topic};

use crate::db::{Db, DbError, Durability, PoolSizes, Row, Tx, Value};
use crate::view::View;

use super::sites::Site;

/// The schema of generation `n` of a view: `media_g1`.
pub fn name(view: &str, n: u32) -> String {
    format!("{view}_g{n}")
}

/// The runner's tables. `hold` is an offset that the generation must not pass; `appends` says whether it appends what it
/// derives. Holders are random; nothing else is known of them.
const TABLES: &[&str] = &[
    "CREATE TABLE positions (topic INT NOT NULL, part INT NOT NULL, next BIGINT NOT NULL, holder VARBINARY(16), \
     lease_until BIGINT NOT NULL, hold BIGINT, appends INT NOT NULL, PRIMARY KEY (topic, part))",
    "CREATE TABLE workers (holder VARBINARY(16) NOT NULL, seen_until BIGINT NOT NULL, PRIMARY KEY (holder))",
    "CREATE TABLE parked (topic INT NOT NULL, part INT NOT NULL, off BIGINT NOT NULL, record_key VARCHAR(255) NOT NULL, \
     event_id VARBINARY(16) NOT NULL, reason VARCHAR(512) NOT NULL, parked_ms BIGINT NOT NULL, headers MEDIUMTEXT NOT NULL, \
     record MEDIUMBLOB NOT NULL, PRIMARY KEY (topic, part, off))",
    // Serves the question which keys are parked, and a key's records in order.
    "CREATE INDEX parked_by_key ON parked (topic, record_key, off)",
    "CREATE TABLE dropped (event_id VARBINARY(16) NOT NULL, PRIMARY KEY (event_id))",
    "CREATE TABLE meta (name VARCHAR(32) NOT NULL, value VARCHAR(128) NOT NULL, PRIMARY KEY (name))",
];

/// What a generation was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The journal.
    pub journal: JournalId,
    /// The view's schema version.
    pub version: u32,
}

/// How a generation begins.
pub(super) struct Birth<'a> {
    /// The journal it reads.
    pub journal: JournalId,
    /// Its first offsets.
    pub from: &'a Positions,
    /// What it must not pass. Without, it appends what it derives from the beginning.
    pub hold: Option<&'a Positions>,
    /// Events that the view gave up before.
    pub dropped: Vec<Value>,
}

/// Opens generation `n` of a view, and makes its schema when it is missing.
///
/// # Errors
/// [`DbError`].
pub(super) async fn open(site: &Site, view: &str, n: u32, sizes: PoolSizes) -> Result<Db, DbError> {
    Db::open(&site.write, site.replica.as_ref(), &name(view, n), Durability::Normal, sizes).await
}

/// Makes the tables of a generation. What is there already stays, so that a birth which was interrupted is finished.
///
/// # Errors
/// [`DbError`].
pub(super) async fn create(db: &Db, view: &dyn View, birth: &Birth<'_>) -> Result<(), DbError> {
    db.run_schema(TABLES).await?;
    for table in view.tables() {
        db.run_schema(table.ddl).await?;
    }
    let mut tx = db.begin().await?;
    let rows = Partition::all(view.topics())
        .into_iter()
        .map(|partition| {
            [
                partition.topic.number().into(),
                partition.number.into(),
                birth.from.next(partition).into(),
                Value::Int(0),
                birth.hold.map(|hold| hold.next(partition)).into(),
                birth.hold.is_none().into(),
            ]
        })
        .collect();
    tx.insert_ignore("positions", ["topic", "part", "next", "lease_until", "hold", "appends"], rows).await?;
    tx.insert_ignore("dropped", ["event_id"], birth.dropped.iter().map(|id| [id.clone()]).collect()).await?;
    let meta = vec![
        ["journal".into(), birth.journal.to_string().into()],
        ["view_version".into(), view.schema_version().to_string().into()],
    ];
    tx.insert_ignore("meta", ["name", "value"], meta).await?;
    tx.commit().await
}

/// What a generation was made from; `None` when its birth was never finished.
///
/// # Errors
/// [`DbError`].
pub(super) async fn origin(db: &Db) -> Result<Option<Origin>, DbError> {
    let rows = db.read_latest("SELECT name, value FROM meta", vec![]).await?;
    let value = |name: &str| rows.iter().find(|row| row.text(0).is_ok_and(|found| found == name))?.text(1).ok();
    let journal = value("journal").and_then(|text| text.parse().ok()).map(JournalId);
    let version = value("view_version").and_then(|text| text.parse().ok());
    Ok(journal.zip(version).map(|(journal, version)| Origin { journal, version }))
}

/// As [`origin`], of a schema whose birth may have been interrupted before it had such a table. That the database does not
/// answer says nothing of its birth.
///
/// # Errors
/// [`DbError`].
pub(super) async fn origin_if_born(db: &Db) -> Result<Option<Origin>, DbError> {
    match origin(db).await {
        Err(error) if error.is_no_such_table() => Ok(None),
        found => found,
    }
}

/// The partition in the first two columns of a row.
pub(super) fn partition(row: &Row) -> Result<Partition, DbError> {
    let topic = row.id::<u8>(0).map(Topic::from_number)?;
    let topic = topic.ok_or(DbError::Column { column: 0, expected: "a topic's number", found: "another".to_owned() })?;
    Ok(Partition { topic, number: row.id(1)? })
}

/// Whether the generation appends what it derives; asked behind the fence, so that no event falls between two
/// generations.
pub(super) async fn appends(tx: &mut Tx) -> Result<bool, DbError> {
    let rows = tx.read("SELECT COUNT(*) FROM positions WHERE appends <> 0", vec![]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? > 0)
}

/// Holds up whoever works on a partition until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, partition: Partition) -> Result<(), DbError> {
    let sql = "UPDATE positions SET appends = appends WHERE topic = ? AND part = ?";
    tx.execute(sql, vec![partition.topic.number().into(), partition.number.into()]).await.map(drop)
}

/// How far a generation is, as its readers see it.
///
/// # Errors
/// [`DbError`].
pub async fn read_positions(db: &Db) -> Result<Positions, DbError> {
    positions_of(&db.look(POSITIONS, vec![]).await?)
}

/// How far a generation is, within a transaction on it: with a snapshot, how far its rows are.
///
/// # Errors
/// [`DbError`].
pub async fn positions_within(tx: &mut Tx) -> Result<Positions, DbError> {
    positions_of(&tx.read(POSITIONS, vec![]).await?)
}

/// How far a generation is, where it is written.
///
/// # Errors
/// [`DbError`].
pub(super) async fn latest_positions(db: &Db) -> Result<Positions, DbError> {
    positions_of(&db.read_latest(POSITIONS, vec![]).await?)
}

pub(super) const POSITIONS: &str = "SELECT topic, part, next FROM positions";

pub(super) fn positions_of(rows: &[Row]) -> Result<Positions, DbError> {
    rows.iter().map(|row| Ok((partition(row)?, row.id(2)?))).collect()
}
