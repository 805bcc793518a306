//! The rows of `planner`.

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, CommentId, MediumId};
use aredvi_projectors::db::{DbError, Row, Upsert, Value};
use aredvi_projectors::seen::Seen;

use super::notice::Medium;
use super::stored::{Stored, replace};

/// A medium.
pub(super) struct MediumRow {
    pub(super) id: MediumId,
    pub(super) medium: Medium,
    pub(super) seen: Seen,
}

/// A comment.
pub(super) struct CommentRow {
    pub(super) id: CommentId,
    pub(super) author: ActorId,
    pub(super) deleted: bool,
}

/// What a person wants to hear of a medium.
pub(super) struct SubscriberRow {
    pub(super) key: (MediumId, ActorId),
    pub(super) wants: bool,
    /// The offset of the event since which it is so.
    pub(super) since: u64,
    pub(super) seen: Seen,
}

/// A vote on a medium.
pub(super) struct VoteRow {
    pub(super) key: (MediumId, ActorId),
    pub(super) stands: bool,
    pub(super) seen: Seen,
}

/// What stands from the first actor to the second.
pub(super) struct PairRow {
    pub(super) key: (ActorId, ActorId),
    pub(super) follows: bool,
    pub(super) requested: bool,
    pub(super) blocks: bool,
    pub(super) subscribed: bool,
    pub(super) seen: Seen,
}

impl PairRow {
    pub(super) fn new(key: (ActorId, ActorId)) -> Self {
        Self { key, follows: false, requested: false, blocks: false, subscribed: false, seen: Seen::default() }
    }
}

impl Stored<1, 6> for MediumRow {
    const SHAPE: Upsert = Upsert {
        table: "media",
        keys: &["medium"],
        columns: &[replace("owner"), replace("author"), replace("access"), replace("deleted"), replace("seen")],
    };
    type Key = MediumId;

    fn key_values(key: Self::Key) -> [Value; 1] {
        [key.into()]
    }

    fn key(&self) -> MediumId {
        self.id
    }

    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self { id: row.id(0)?, medium: medium(row)?, seen: Seen::from_column(row.bytes(5)?) })
    }

    fn values(&self) -> [Value; 6] {
        let Medium { owner, author, access, deleted } = self.medium;
        [
            self.id.into(),
            owner.into(),
            author.into(),
            access.number().into(),
            deleted.into(),
            self.seen.clone().into_column().into(),
        ]
    }
}

/// Of a row with the columns of [`MediumRow`].
pub(super) fn medium(row: &Row) -> Result<Medium, DbError> {
    Ok(Medium { owner: row.id(1)?, author: row.id(2)?, access: Access::from_number(row.int(3)?), deleted: row.int(4)? != 0 })
}

impl Stored<1, 3> for CommentRow {
    const SHAPE: Upsert = Upsert { table: "comments", keys: &["comment_id"], columns: &[replace("author"), replace("deleted")] };
    type Key = CommentId;

    fn key_values(key: Self::Key) -> [Value; 1] {
        [key.into()]
    }

    fn key(&self) -> CommentId {
        self.id
    }

    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self { id: row.id(0)?, author: row.id(1)?, deleted: row.int(2)? != 0 })
    }

    fn values(&self) -> [Value; 3] {
        [self.id.into(), self.author.into(), self.deleted.into()]
    }
}

impl Stored<2, 5> for SubscriberRow {
    const SHAPE: Upsert = Upsert {
        table: "subscribers",
        keys: &["medium", "subscriber"],
        columns: &[replace("wants"), replace("since"), replace("seen")],
    };
    type Key = (MediumId, ActorId);

    fn key_values(key: Self::Key) -> [Value; 2] {
        [key.0.into(), key.1.into()]
    }

    fn key(&self) -> Self::Key {
        self.key
    }

    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            key: (row.id(0)?, row.id(1)?),
            wants: row.int(2)? != 0,
            since: row.id(3)?,
            seen: Seen::from_column(row.bytes(4)?),
        })
    }

    fn values(&self) -> [Value; 5] {
        [self.key.0.into(), self.key.1.into(), self.wants.into(), self.since.into(), self.seen.clone().into_column().into()]
    }
}

impl Stored<2, 4> for VoteRow {
    const SHAPE: Upsert = Upsert { table: "votes", keys: &["medium", "voter"], columns: &[replace("stands"), replace("seen")] };
    type Key = (MediumId, ActorId);

    fn key_values(key: Self::Key) -> [Value; 2] {
        [key.0.into(), key.1.into()]
    }

    fn key(&self) -> Self::Key {
        self.key
    }

    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self { key: (row.id(0)?, row.id(1)?), stands: row.int(2)? != 0, seen: Seen::from_column(row.bytes(3)?) })
    }

    fn values(&self) -> [Value; 4] {
        [self.key.0.into(), self.key.1.into(), self.stands.into(), self.seen.clone().into_column().into()]
    }
}

impl Stored<2, 7> for PairRow {
    const SHAPE: Upsert = Upsert {
        table: "pairs",
        keys: &["src", "dst"],
        columns: &[replace("follows"), replace("requested"), replace("blocks"), replace("subscribed"), replace("seen")],
    };
    type Key = (ActorId, ActorId);

    fn key_values(key: Self::Key) -> [Value; 2] {
        [key.0.into(), key.1.into()]
    }

    fn key(&self) -> Self::Key {
        self.key
    }

    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            key: (row.id(0)?, row.id(1)?),
            follows: row.int(2)? != 0,
            requested: row.int(3)? != 0,
            blocks: row.int(4)? != 0,
            subscribed: row.int(5)? != 0,
            seen: Seen::from_column(row.bytes(6)?),
        })
    }

    fn values(&self) -> [Value; 7] {
        [
            self.key.0.into(),
            self.key.1.into(),
            self.follows.into(),
            self.requested.into(),
            self.blocks.into(),
            self.subscribed.into(),
            self.seen.clone().into_column().into(),
        ]
    }
}
