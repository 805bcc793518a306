//! What each event of `media` does to the rows of `trending`.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::actors::Access;
use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::media::MediaEvent;
use aredvi_events::{ActorId, MediumId, Sealed};
use aredvi_projectors::db::{DbError, OnConflict, Tx, Upsert, Value, padded_in_list};
use aredvi_projectors::seen::Seen;
use aredvi_projectors::view::{ApplyError, Batch};

use crate::queries::day;

/// Rows of `uses` that one statement takes away.
const EMPTIED_AT_ONCE: usize = 500;

/// A note as this view knows it.
struct Note {
    owner: ActorId,
    author: ActorId,
    access: Access,
    born: i64,
    deleted: bool,
    seen: Seen,
    tags: BTreeSet<String>,
    /// The partition of its key.
    part: u32,
    /// What is counted in `uses` for it so far.
    counted: BTreeSet<String>,
}

/// Applies a batch: reads the rows of its keys, folds in memory, writes them in few statements.
pub(crate) async fn apply(tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
    let events = || batch.events.iter().filter_map(media_event);
    let mut notes = load(tx, events()).await?;
    let mut changed = BTreeSet::new();
    for (placed, event) in events() {
        changed.extend(fold(&mut notes, placed, event, batch)?);
    }
    notes.retain(|medium, _| changed.contains(medium));
    Ok(write(tx, notes).await?)
}

fn media_event(placed: &Placed) -> Option<(&Placed, &MediaEvent)> {
    if let Body::Media(event) = &placed.event.body { Some((placed, event)) } else { None }
}

/// The note that the event is about, when it concerns this view.
fn note_of(event: &MediaEvent) -> Option<MediumId> {
    match event {
        MediaEvent::NoteAdded(e) => Some(e.medium),
        MediaEvent::NoteEdited(e) => Some(e.medium),
        MediaEvent::AccessChanged(e) => Some(e.medium),
        MediaEvent::MediumDeleted(e) => Some(e.medium),
        MediaEvent::MediumVoted(_)
        | MediaEvent::MediumUnvoted(_)
        | MediaEvent::MediumSubscribed(_)
        | MediaEvent::MediumUnsubscribed(_)
        | MediaEvent::CommentAdded(_)
        | MediaEvent::CommentEdited(_)
        | MediaEvent::CommentDeleted(_)
        | MediaEvent::CommentVoted(_)
        | MediaEvent::CommentUnvoted(_) => None,
    }
}

/// One event; the note that it changed.
fn fold(
    notes: &mut BTreeMap<MediumId, Note>,
    placed: &Placed,
    event: &MediaEvent,
    batch: &Batch,
) -> Result<Option<MediumId>, ApplyError> {
    let Some(medium) = note_of(event) else { return Ok(None) };
    let tags = |sealed: Option<&Sealed>| tags(sealed, placed, batch);
    if let MediaEvent::NoteAdded(e) = event {
        let tags = tags(e.hashtags.as_ref())?;
        let (owner, author, access, born) = (e.owner, e.author, e.access, day(placed.event.time_ms));
        let (deleted, seen, counted, part) = (false, Seen::default(), BTreeSet::new(), placed.place.partition.number);
        // Appended again, it is there already.
        notes.entry(medium).or_insert(Note { owner, author, access, born, deleted, seen, tags, part, counted });
        return Ok(Some(medium));
    }
    // What is deleted stays deleted; an event appended again changes nothing.
    let Some(note) = notes.get_mut(&medium).filter(|note| !note.deleted && !note.seen.knows(placed.event.id)) else {
        return Ok(None);
    };
    note.seen.remember(placed.event.id);
    if let MediaEvent::NoteEdited(e) = event {
        note.tags = tags(e.hashtags.as_ref())?;
    } else if let MediaEvent::AccessChanged(e) = event {
        note.access = e.access;
    } else if let MediaEvent::MediumDeleted(_) = event {
        note.deleted = true;
        note.tags.clear();
    }
    Ok(Some(medium))
}

/// The hashtags in a seal: normalised, separated by spaces. Those of an erased person are gone.
fn tags(sealed: Option<&Sealed>, placed: &Placed, batch: &Batch) -> Result<BTreeSet<String>, ApplyError> {
    let Some(sealed) = sealed else { return Ok(BTreeSet::new()) };
    let text = batch.opener.open(sealed, placed.event.id)?.into_text().unwrap_or_default();
    Ok(text.split(' ').filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
}

async fn load<'a>(
    tx: &mut Tx,
    events: impl Iterator<Item = (&'a Placed, &'a MediaEvent)>,
) -> Result<BTreeMap<MediumId, Note>, DbError> {
    let parts: BTreeMap<MediumId, u32> =
        events.filter_map(|(placed, event)| Some((note_of(event)?, placed.place.partition.number))).collect();
    let (list, media) = padded_in_list(parts.keys().map(|&medium| medium.into()).collect());
    let sql = format!("SELECT medium, owner, author, access, born, deleted, seen FROM notes WHERE medium IN {list}");
    let mut notes = BTreeMap::new();
    for row in tx.read(&sql, media.clone()).await? {
        let medium: MediumId = row.id(0)?;
        let note = Note {
            owner: row.id(1)?,
            author: row.id(2)?,
            access: Access::from_number(row.int(3)?),
            born: row.int(4)?,
            deleted: row.int(5)? != 0,
            seen: Seen::from_column(row.bytes(6)?),
            tags: BTreeSet::new(),
            part: parts.get(&medium).copied().unwrap_or_default(),
            counted: BTreeSet::new(),
        };
        notes.insert(medium, note);
    }
    for row in tx.read(&format!("SELECT medium, tag FROM marks WHERE medium IN {list}"), media).await? {
        if let Some(note) = notes.get_mut(&row.id(0)?) {
            note.tags.insert(row.text(1)?.to_owned());
            note.counted.insert(row.text(1)?.to_owned());
        }
    }
    Ok(notes)
}

async fn write(tx: &mut Tx, notes: BTreeMap<MediumId, Note>) -> Result<(), DbError> {
    let (mut rows, mut marks, mut unmarked) = (Vec::new(), Vec::new(), Vec::new());
    let mut uses: BTreeMap<(String, i64, u32), i64> = BTreeMap::new();
    for (medium, note) in notes {
        for tag in note.tags.difference(&note.counted) {
            marks.push([medium.into(), tag.into()]);
            *uses.entry((tag.clone(), note.born, note.part)).or_insert(0) += 1;
        }
        for tag in note.counted.difference(&note.tags) {
            unmarked.push([medium.into(), tag.into()]);
            *uses.entry((tag.clone(), note.born, note.part)).or_insert(0) -= 1;
        }
        rows.push([
            medium.into(),
            note.owner.into(),
            note.author.into(),
            note.access.number().into(),
            note.born.into(),
            note.deleted.into(),
            note.seen.into_column().into(),
        ]);
    }
    uses.retain(|_, n| *n != 0);
    let fewer: Vec<[Value; 3]> =
        uses.iter().filter(|(_, n)| **n < 0).map(|((tag, born, part), _)| [tag.into(), (*born).into(), (*part).into()]).collect();
    tx.upsert(&NOTES, rows).await?;
    tx.delete_in("marks", ["medium", "tag"], unmarked).await?;
    tx.insert_ignore("marks", ["medium", "tag"], marks).await?;
    let uses = uses.into_iter().map(|((tag, born, part), n)| [tag.into(), born.into(), part.into(), n.into()]).collect();
    tx.upsert(&USES, uses).await?;
    // A tag that nobody uses leaves no row: it may be what an erased person alone wrote.
    for some in fewer.chunks(EMPTIED_AT_ONCE) {
        let condition = tx.dialect().tuple_in(&["tag", "born", "part"], some.len());
        tx.execute(&format!("DELETE FROM uses WHERE n = 0 AND {condition}"), some.concat()).await?;
    }
    Ok(())
}

const NOTES: Upsert = Upsert {
    table: "notes",
    keys: &["medium"],
    columns: &[
        ("owner", OnConflict::Replace),
        ("author", OnConflict::Replace),
        ("access", OnConflict::Replace),
        ("born", OnConflict::Replace),
        ("deleted", OnConflict::Replace),
        ("seen", OnConflict::Replace),
    ],
};
const USES: Upsert = Upsert { table: "uses", keys: &["tag", "born", "part"], columns: &[("n", OnConflict::Add)] };
