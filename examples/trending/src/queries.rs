//! What may be asked of `trending`.

use aredvi_events::ActorId;
use aredvi_events::actors::Access;
use aredvi_projectors::db::{Db, DbError};
use aredvi_projectors::facts::{Facts, Look};
use aredvi_projectors::visibility::may_see_medium;

/// Hashtags of one answer at most.
pub const MOST_TAGS: u32 = 20;
/// Days that "these days" are.
pub const DAYS: i64 = 3;
/// Notes of a hashtag that are looked at for one that the viewer may see.
const NOTES_LOOKED_AT: u32 = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A hashtag and the newest notes that carry it.
struct Candidate {
    tag: String,
    notes: Vec<Note>,
}

struct Note {
    owner: ActorId,
    author: ActorId,
    access: Access,
}

/// The day of a moment, counted from 1970.
pub(crate) const fn day(unix_ms: i64) -> i64 {
    unix_ms.div_euclid(DAY_MS)
}

/// The hashtags that most notes of these days carry, the most used first. Those that stand only in notes which `viewer`
/// may not see are left out, and how often each is used is not told: both would tell of private notes.
///
/// # Errors
/// [`DbError`].
pub async fn trending(db: &Db, facts: &Facts, viewer: Option<ActorId>, now_ms: i64) -> Result<Vec<String>, DbError> {
    let candidates = candidates(db, day(now_ms) - DAYS + 1).await?;
    // Taken at the moment of answering, and not held across an await.
    let look = facts.look(now_ms);
    let seen = candidates.into_iter().filter(|candidate| candidate.notes.iter().any(|note| may_see(&look, viewer, note)));
    Ok(seen.map(|candidate| candidate.tag).collect())
}

fn may_see(look: &Look<'_>, viewer: Option<ActorId>, note: &Note) -> bool {
    let (owner, author) = (look.standing(viewer, note.owner), look.standing(viewer, note.author));
    may_see_medium(look.viewer(viewer), &owner, &author, note.access)
}

async fn candidates(db: &Db, since: i64) -> Result<Vec<Candidate>, DbError> {
    // uses_by_day
    let most = "SELECT tag, CAST(SUM(n) AS SIGNED) AS used FROM uses WHERE born >= ? \
                GROUP BY tag ORDER BY used DESC, tag LIMIT ?";
    // marks_by_tag, then the primary key of notes
    let newest = "SELECT n.owner, n.author, n.access FROM marks m JOIN notes n ON n.medium = m.medium \
                  WHERE m.tag = ? AND n.born >= ? ORDER BY m.medium DESC LIMIT ?";
    let mut candidates = Vec::new();
    for row in db.read(most, vec![since.into(), MOST_TAGS.into()]).await? {
        let tag = row.text(0)?.to_owned();
        let rows = db.read(newest, vec![row.text(0)?.into(), since.into(), NOTES_LOOKED_AT.into()]).await?;
        let note = |row: &aredvi_projectors::db::Row| {
            Ok(Note { owner: row.id(0)?, author: row.id(1)?, access: Access::from_number(row.int(2)?) })
        };
        candidates.push(Candidate { tag, notes: rows.iter().map(note).collect::<Result<_, DbError>>()? });
    }
    Ok(candidates)
}
