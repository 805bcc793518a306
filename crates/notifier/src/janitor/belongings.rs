//! One chunk of what belongs to a person, and the events that take it away.

use aredvi_events::codec::Body;
use aredvi_events::graph::{FollowRequestEnded, Unblocked, Unfollowed, Unsubscribed};
use aredvi_events::media::{CommentDeleted, MediumDeleted, MediumUnsubscribed};
use aredvi_events::sessions::SessionRevoked;
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, CommentId, MediumId, SessionId, Topic};
use aredvi_projectors::db::{Db, DbError, Row, Value};

use super::causes::{Cause, Kind, Step};

/// Rows swept at once; an edge makes at most four events.
pub(super) const CHUNK: usize = 500;

/// What takes one thing away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Removal {
    pub(super) topic: Topic,
    pub(super) key: String,
    /// What it is about, so that the event's id is its own.
    pub(super) what: String,
    pub(super) body: Body,
}

/// The next chunk of a cause's step, and the last id in it; no id when there is nothing more.
pub(super) async fn next(db: &Db, cause: &Cause) -> Result<(Vec<Removal>, Option<i64>), DbError> {
    let Some(select) = select(cause.step) else { return Ok((Vec::new(), None)) };
    let limit = Value::from(CHUNK as u64);
    let rows = db.read_latest(select, vec![cause.person.into(), cause.through.into(), limit]).await?;
    let mut removals = Vec::new();
    for row in &rows {
        removals.extend(of_row(cause, row)?);
    }
    let last = rows.last().filter(|_| rows.len() == CHUNK).map(|row| row.int(0)).transpose()?;
    Ok((removals, last))
}

/// The first column is the id that the chunks are ordered by.
const fn select(step: Step) -> Option<&'static str> {
    Some(match step {
        Step::Sessions => {
            "SELECT session_id, opened_at FROM sessions WHERE person = ? AND session_id > ? AND revoked = 0
             ORDER BY session_id LIMIT ?"
        }
        Step::TiesFrom => {
            "SELECT dst, follows, requested, blocks, subscribed FROM ties WHERE src = ? AND dst > ? ORDER BY dst LIMIT ?"
        }
        Step::TiesTo => {
            "SELECT src, follows, requested, blocks, subscribed FROM ties WHERE dst = ? AND src > ? ORDER BY src LIMIT ?"
        }
        Step::Page => "SELECT medium, owner FROM media WHERE owner = ? AND medium > ? AND deleted = 0 ORDER BY medium LIMIT ?",
        Step::Media => "SELECT medium, owner FROM media WHERE author = ? AND medium > ? AND deleted = 0 ORDER BY medium LIMIT ?",
        Step::Comments => {
            "SELECT comment_id, medium, owner, story FROM comments WHERE author = ? AND comment_id > ? AND deleted = 0
             ORDER BY comment_id LIMIT ?"
        }
        Step::Subscriptions => {
            "SELECT medium, owner FROM subscriptions WHERE subscriber = ? AND medium > ? AND stands = 1
             ORDER BY medium LIMIT ?"
        }
        Step::Receipt => return None,
    })
}

/// Whether a key of a topic is about a person, or about something that stood on his page, or that he wrote, or wrote
/// below.
pub(super) async fn concerns(db: &Db, person: ActorId, (topic, key): &(Topic, String)) -> Result<bool, DbError> {
    match topic {
        Topic::Actors | Topic::Sessions | Topic::Notifications | Topic::Deliveries => Ok(*key == person.to_string()),
        Topic::Identity => Ok(true),
        Topic::Graph => Ok(key.split(':').any(|actor| actor == person.to_string())),
        Topic::Media => {
            // media: the primary key; comments_by_author
            let sql = "SELECT COUNT(*) FROM media WHERE medium = ? AND (owner = ? OR author = ?)
                UNION ALL SELECT COUNT(*) FROM comments WHERE author = ? AND medium = ?";
            let Ok(medium) = key.parse::<i64>() else { return Ok(true) };
            let args = vec![medium.into(), person.into(), person.into(), person.into(), medium.into()];
            for row in db.read_latest(sql, args).await? {
                if row.int(0)? != 0 {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn of_row(cause: &Cause, row: &Row) -> Result<Vec<Removal>, DbError> {
    Ok(match cause.step {
        Step::Sessions => session(cause, row.id(0)?, row.int(1)?).into_iter().collect(),
        Step::TiesFrom => ties(cause.person, (cause.person, row.id(0)?), row)?,
        Step::TiesTo => ties(cause.person, (row.id(0)?, cause.person), row)?,
        Step::Page | Step::Media => vec![medium(cause.person, row.id(0)?, row.id(1)?)],
        Step::Comments => vec![comment(cause.person, row)?],
        Step::Subscriptions => vec![subscription(cause.person, row.id(0)?, row.id(1)?)],
        Step::Receipt => Vec::new(),
    })
}

/// A session ends when it was opened before the cause; after an erasure in any case.
fn session(cause: &Cause, session: SessionId, opened_at: i64) -> Option<Removal> {
    let person = cause.person;
    let stays = cause.keep_session == Some(session) || (cause.kind != Kind::Erased && opened_at > cause.happened_at);
    (!stays).then(|| Removal {
        topic: Topic::Sessions,
        key: person.to_string(),
        what: session.to_string(),
        body: SessionRevoked { by: Some(person), person, session }.into(),
    })
}

fn ties(by: ActorId, (src, dst): (ActorId, ActorId), row: &Row) -> Result<Vec<Removal>, DbError> {
    let by = Some(by);
    let ends: [Body; 4] = [
        Unfollowed { by, follower: src, leader: dst }.into(),
        FollowRequestEnded { by, requester: src, leader: dst }.into(),
        Unblocked { by, blocker: src, blocked: dst }.into(),
        Unsubscribed { by, subscriber: src, actor: dst }.into(),
    ];
    let mut removals = Vec::new();
    for (column, body) in (1..).zip(ends) {
        if row.int(column)? != 0 {
            removals.push(Removal { topic: Topic::Graph, key: pair_key(src, dst), what: format!("{src}:{dst}"), body });
        }
    }
    Ok(removals)
}

fn medium(by: ActorId, medium: MediumId, owner: ActorId) -> Removal {
    Removal {
        topic: Topic::Media,
        key: medium.to_string(),
        what: medium.to_string(),
        body: MediumDeleted { by: Some(by), medium, owner }.into(),
    }
}

fn comment(by: ActorId, row: &Row) -> Result<Removal, DbError> {
    let (comment, medium): (CommentId, MediumId) = (row.id(0)?, row.id(1)?);
    let body = CommentDeleted { by: Some(by), medium, owner: row.id(2)?, comment, story: row.id(3)? }.into();
    Ok(Removal { topic: Topic::Media, key: medium.to_string(), what: comment.to_string(), body })
}

fn subscription(by: ActorId, medium: MediumId, owner: ActorId) -> Removal {
    Removal {
        topic: Topic::Media,
        key: medium.to_string(),
        what: format!("{medium}:{by}"),
        body: MediumUnsubscribed { by: Some(by), medium, owner, subscriber: by }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::Id;
    use uuid::Uuid;

    #[test]
    fn which_sessions_end_depends_on_the_cause() {
        let id = |n| Id::new(n).expect("in range");
        let cause = |kind, keep: Option<u64>| Cause {
            id: Uuid::nil(),
            person: id(1).into(),
            kind,
            happened_at: 1_000,
            keep_session: keep.map(|n| id(n).into()),
            step: Step::Sessions,
            through: 0,
        };
        let ends = |kind, keep, opened_at| session(&cause(kind, keep), id(7).into(), opened_at).is_some();
        assert!(ends(Kind::PasswordChanged, None, 1_000));
        assert!(ends(Kind::PasswordChanged, Some(8), 1_000));
        assert!(!ends(Kind::PasswordChanged, Some(7), 1_000), "the one that he keeps");
        assert!(!ends(Kind::PasswordChanged, None, 1_001), "opened with the new password");
        assert!(ends(Kind::Disabled, None, 1_000));
        assert!(!ends(Kind::Disabled, None, 1_001), "opened after he was enabled again");
        assert!(ends(Kind::Erased, None, 1_001), "nothing of the erased stays");
    }
}
