//! A small view over `graph` and `media`: the state of each pair, a counter a leader, and the votes of each medium.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::{MediaEvent, MediumUnsubscribed};
use aredvi_events::mint::derived_id;
use aredvi_events::{Body, Event, Topic};
use aredvi_projectors::db::{DbError, Dialect, OnConflict, Tx, Upsert, Value, padded_in_list};
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, Unusable, View};
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// The view; clones share what is wrong with it.
#[derive(Clone, Default)]
pub struct Pairs {
    /// Events that it cannot apply.
    pub faults: Arc<Mutex<HashSet<Uuid>>>,
    /// Whether its engine seems to be gone.
    pub outage: Arc<AtomicBool>,
    /// Whether its engine goes right after it next refused something.
    pub breaks: Arc<AtomicBool>,
    /// Its schema version, above the first.
    pub newer: u32,
    /// Adds to the votes of every vote: other code that makes other rows.
    pub skew: i64,
    /// It refuses what it cannot apply, and never parks.
    pub refuses: bool,
}

impl Pairs {
    /// Makes an event one that cannot be applied.
    pub fn poison(&self, event: Uuid) {
        self.faults.lock().expect("no panic").insert(event);
    }

    /// Mends all faults.
    pub fn mend(&self) {
        self.faults.lock().expect("no panic").clear();
    }
}

const TABLES: &[Table] = &[
    Table {
        name: "pairs",
        ddl: &["CREATE TABLE pairs (pair VARCHAR(64) NOT NULL, follows INT NOT NULL, part INT NOT NULL, off BIGINT NOT NULL, \
                PRIMARY KEY (pair))"],
        compared: &["pair", "follows", "part", "off"],
    },
    Table {
        name: "leaders",
        ddl: &["CREATE TABLE leaders (leader BIGINT NOT NULL, part INT NOT NULL, n BIGINT NOT NULL, \
                PRIMARY KEY (leader, part))"],
        compared: &["leader", "part", "n"],
    },
    Table {
        name: "media",
        ddl: &["CREATE TABLE media (medium BIGINT NOT NULL, votes BIGINT NOT NULL, PRIMARY KEY (medium))"],
        compared: &["medium", "votes"],
    },
    Table {
        name: "refused",
        ddl: &["CREATE TABLE refused (off BIGINT NOT NULL, votes BIGINT NOT NULL, PRIMARY KEY (off))"],
        compared: &["off", "votes"],
    },
];

const PAIRS: Upsert = Upsert {
    table: "pairs",
    keys: &["pair"],
    columns: &[("follows", OnConflict::Replace), ("part", OnConflict::Replace), ("off", OnConflict::Replace)],
};
const LEADERS: Upsert = Upsert { table: "leaders", keys: &["leader", "part"], columns: &[("n", OnConflict::Add)] };
const REFUSED: Upsert = Upsert { table: "refused", keys: &["off"], columns: &[("votes", OnConflict::Keep)] };
const MEDIA: Upsert = Upsert { table: "media", keys: &["medium"], columns: &[("votes", OnConflict::Add)] };

impl View for Pairs {
    fn name(&self) -> &'static str {
        "pairs"
    }

    fn schema_version(&self) -> u32 {
        1 + self.newer
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Graph, Topic::Media]
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(self.fold(tx, batch))
    }

    fn parks(&self) -> bool {
        !self.refuses
    }

    /// Notes how many votes it had when it refused.
    fn refuse<'a>(&'a self, tx: &'a mut Tx, event: &'a Unusable) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async {
            let votes = tx.read("SELECT COALESCE(MAX(votes), 0) FROM media WHERE medium = 1", vec![]).await?;
            let row = [event.stored.place.offset.into(), votes[0].int(0)?.into()];
            tx.upsert(&REFUSED, vec![row]).await?;
            if self.breaks.swap(false, Ordering::Relaxed) {
                lose(tx).await;
            }
            Ok(Vec::new())
        })
    }
}

/// Lets the engine end a transaction.
async fn lose(tx: &mut Tx) {
    let statements: &[&str] = match tx.dialect() {
        Dialect::MySql => &["SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213"],
        Dialect::Sqlite => &["PRAGMA query_only = ON", "DELETE FROM media"],
    };
    let mut result = Ok(0);
    for statement in statements {
        result = tx.execute(statement, vec![]).await;
    }
    assert!(result.expect_err("the transaction is lost").is_transient());
}

impl Pairs {
    async fn fold(&self, tx: &mut Tx, batch: &Batch) -> Result<Vec<Derived>, ApplyError> {
        if self.outage.load(Ordering::Relaxed) {
            return Err(DbError::TimedOut(1).into());
        }
        let mut pairs = standing(tx, &batch.events).await?;
        let mut touched: BTreeMap<String, [Value; 4]> = BTreeMap::new();
        let (mut leaders, mut media, mut derived) = (Vec::new(), Vec::new(), Vec::new());
        for Placed { place, event } in &batch.events {
            if self.faults.lock().expect("no panic").contains(&event.id) {
                return Err(ApplyError::Event("poisoned"));
            }
            let (leader, follows) = match &event.body {
                Body::Graph(GraphEvent::Followed(followed)) => (followed.leader, 1),
                Body::Graph(GraphEvent::Unfollowed(unfollowed)) => (unfollowed.leader, 0),
                Body::Media(MediaEvent::MediumVoted(voted)) => {
                    media.push([voted.medium.into(), (1 + self.skew).into()]);
                    derived.push(after(event, voted));
                    continue;
                }
                Body::Graph(_)
                | Body::Media(_)
                | Body::Identity(_)
                | Body::Actors(_)
                | Body::Sessions(_)
                | Body::Notifications(_)
                | Body::Deliveries(_)
                | Body::Any(_) => continue,
            };
            let stood = pairs.insert(event.key.clone(), follows).unwrap_or(0);
            if stood != follows {
                leaders.push([leader.into(), place.partition.number.into(), (follows - stood).into()]);
            }
            let row = [event.key.as_str().into(), follows.into(), place.partition.number.into(), place.offset.into()];
            touched.insert(event.key.clone(), row);
        }
        tx.upsert(&PAIRS, touched.into_values().collect()).await?;
        tx.upsert(&LEADERS, leaders).await?;
        tx.upsert(&MEDIA, media).await?;
        Ok(derived)
    }
}

async fn standing(tx: &mut Tx, events: &[Placed]) -> Result<BTreeMap<String, i64>, DbError> {
    let keys = events.iter().map(|placed| placed.event.key.as_str().into()).collect();
    let (list, args) = padded_in_list(keys);
    let rows = tx.read(&format!("SELECT pair, follows FROM pairs WHERE pair IN {list}"), args).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
}

fn after(cause: &Event, voted: &aredvi_events::media::MediumVoted) -> Derived {
    let body = MediumUnsubscribed { by: None, medium: voted.medium, owner: voted.owner, subscriber: voted.voter };
    let event = Event { id: derived_id(cause.id, "after"), body: body.into(), ..cause.clone() };
    Derived { topic: Topic::Media, event }
}
