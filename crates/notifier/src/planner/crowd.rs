//! The people who asked to be told, read from the planner's own rows.

use std::collections::BTreeMap;

use aredvi_events::{ActorId, MediumId};
use aredvi_projectors::db::{Db, DbError, Row, Tx, Value, in_list};

use super::notice::Crowd;

/// Crowds asked for by one query.
const CROWDS_PER_QUERY: usize = 500;

/// The members of those of `crowds` that have at most `most`, as long as all together are at most `all`. What is missing
/// in the answer is larger.
pub(super) async fn small(
    tx: &mut Tx,
    crowds: &[Crowd],
    most: usize,
    mut all: usize,
) -> Result<BTreeMap<Crowd, Vec<ActorId>>, DbError> {
    let mut members = BTreeMap::new();
    let (media, actors): (Vec<Crowd>, Vec<Crowd>) = crowds.iter().partition(|crowd| matches!(crowd, Crowd::OfMedium(..)));
    for (kind, crowds) in [(OF_MEDIUM, media), (OF_ACTOR, actors)] {
        for some in crowds.chunks(CROWDS_PER_QUERY) {
            let mut sizes: BTreeMap<i64, usize> = some.iter().map(|crowd| (source(crowd), 0)).collect();
            let sources = || sizes.keys().map(|&source| Value::Int(source)).collect::<Vec<_>>();
            for row in tx.read(&(kind.sizes)(&in_list(sizes.len())), sources()).await? {
                sizes.insert(row.int(0)?, row.id(1)?);
            }
            sizes.retain(|_, size| {
                let fits = *size <= most && *size <= all;
                all -= if fits { *size } else { 0 };
                fits
            });
            let named: Vec<Value> = sizes.iter().filter(|(_, size)| **size > 0).map(|(&source, _)| Value::Int(source)).collect();
            let rows = if named.is_empty() { Vec::new() } else { tx.read(&(kind.members)(&in_list(named.len())), named).await? };
            let mut of: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
            for row in &rows {
                of.entry(row.int(0)?).or_default().push(row);
            }
            for crowd in some.iter().filter(|crowd| sizes.contains_key(&source(crowd))) {
                let rows = of.get(&source(crowd)).map(Vec::as_slice).unwrap_or_default();
                let those = rows.iter().filter_map(|row| member(crowd, row).transpose()).collect::<Result<_, _>>()?;
                members.insert(*crowd, those);
            }
        }
    }
    Ok(members)
}

/// The next members of a crowd behind `after` (0: from the first), at most `limit`, in the order of their ids.
pub(super) async fn page(db: &Db, crowd: &Crowd, after: i64, limit: usize) -> Result<Vec<ActorId>, DbError> {
    let (sql, args): (&str, Vec<Value>) = match crowd {
        Crowd::OfMedium(medium, before) => (
            "SELECT subscriber FROM subscribers WHERE medium = ? AND subscriber > ? AND wants = 1 AND since < ?
             ORDER BY subscriber LIMIT ?",
            vec![(*medium).into(), after.into(), (*before).into(), (limit as u64).into()],
        ),
        Crowd::OfActor(actor) => (
            "SELECT src FROM pairs WHERE dst = ? AND subscribed = 1 AND src > ? ORDER BY src LIMIT ?",
            vec![(*actor).into(), after.into(), (limit as u64).into()],
        ),
    };
    db.read_latest(sql, args).await?.iter().map(|row| row.id(0)).collect()
}

/// How the crowds of a kind are read: columns are source, member, and what the member is filtered by.
struct Kind {
    sizes: fn(&str) -> String,
    members: fn(&str) -> String,
}

const OF_MEDIUM: Kind = Kind {
    sizes: |list| format!("SELECT medium, COUNT(*) FROM subscribers WHERE medium IN {list} AND wants = 1 GROUP BY medium"),
    members: |list| format!("SELECT medium, subscriber, since FROM subscribers WHERE medium IN {list} AND wants = 1"),
};

const OF_ACTOR: Kind = Kind {
    sizes: |list| format!("SELECT dst, COUNT(*) FROM pairs WHERE dst IN {list} AND subscribed = 1 GROUP BY dst"),
    members: |list| format!("SELECT dst, src, 0 FROM pairs WHERE dst IN {list} AND subscribed = 1"),
};

fn source(crowd: &Crowd) -> i64 {
    match crowd {
        Crowd::OfMedium(medium, _) => MediumId::as_i64(*medium),
        Crowd::OfActor(actor) => ActorId::as_i64(*actor),
    }
}

/// Whom a row adds to a crowd.
fn member(crowd: &Crowd, row: &Row) -> Result<Option<ActorId>, DbError> {
    let belongs = match crowd {
        Crowd::OfMedium(_, before) => row.id::<u64>(2)? < *before,
        Crowd::OfActor(_) => true,
    };
    belongs.then(|| row.id(1)).transpose()
}
