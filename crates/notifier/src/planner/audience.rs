//! Who of the recipients may be told: asked when a notification is planned and again just before it is sent.

use std::time::Duration;

use aredvi_events::{ActorId, Positions, Topic};
use aredvi_journal::ReadError;
use aredvi_projectors::facts::Look;
use aredvi_projectors::view::{ApplyError, Derived};
use aredvi_projectors::visibility::{Stands as _, State, may_see_medium, may_see_subject};

use super::Asked;
use super::notice::{Medium, Telling};

/// How long planning waits for the facts to hear what it has read itself.
const FACTS_WAIT: Duration = Duration::from_secs(2);

/// What visibility depends on.
const FACTS: &[Topic] = &[Topic::Actors, Topic::Graph];

/// Whether `recipient` may be told of what `subject` did, on `medium` where it is about one.
///
/// He must be there himself, neither may block the other, and he must be able to see the medium now.
pub fn may_be_told(look: &Look<'_>, recipient: ActorId, subject: ActorId, medium: Option<&Medium>) -> bool {
    let recipient_looks = look.by(Some(recipient));
    let (viewer, towards) = (recipient_looks.viewer(), |actor| recipient_looks.towards(actor));
    let subject = towards(subject);
    towards(recipient).state() == State::Active
        && may_see_subject(viewer, &subject)
        && !subject.blocks()
        && !subject.blocked_by()
        && medium.is_none_or(|medium| {
            !medium.deleted && may_see_medium(viewer, &towards(medium.owner), &towards(medium.author), medium.access)
        })
}

/// Why nobody can be told yet: what is asked for would be an answer of some time ago. The batch is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    /// This process has only begun.
    #[error("the facts are being loaded")]
    Loading,
    /// Or it does not come after the log.
    #[error("the facts are behind the log")]
    Behind,
    /// Or how far they must come is not known.
    #[error("the log does not say how far it goes")]
    Unknown,
}

impl From<NotYet> for ApplyError {
    fn from(why: NotYet) -> Self {
        Self::NotYet(why.to_string())
    }
}

/// The events that tell all those who may be told.
///
/// The facts must have heard what was `read`; before somebody is passed over they must have heard all that stood on the
/// journal then, for a recipient who is passed over is never told.
///
/// # Errors
/// [`NotYet`].
pub(super) async fn told(asked: &Asked, read: &Positions, tellings: &[Telling]) -> Result<Vec<Derived>, NotYet> {
    heard(asked, read).await?;
    let (told, passed_over) = raised(asked, tellings)?;
    if passed_over == 0 {
        return Ok(told);
    }
    let ends = asked.journal.ends(FACTS).await.map_err(|_: ReadError| NotYet::Unknown)?;
    heard(asked, &ends).await?;
    raised(asked, tellings).map(|(told, _)| told)
}

async fn heard(asked: &Asked, positions: &Positions) -> Result<(), NotYet> {
    let heard = asked.heard.wait_for(positions, &Topic::ALL, &asked.clock, FACTS_WAIT).await;
    if heard { Ok(()) } else { Err(behind(asked)) }
}

fn behind(asked: &Asked) -> NotYet {
    if asked.facts.loaded() { NotYet::Behind } else { NotYet::Loading }
}

/// The events, and how many recipients may not be told.
fn raised(asked: &Asked, tellings: &[Telling]) -> Result<(Vec<Derived>, usize), NotYet> {
    let look = asked.facts.look(asked.clock.now_ms());
    if !look.trusted() {
        return Err(behind(asked));
    }
    let mut told = Vec::new();
    let mut passed_over = 0;
    for telling in tellings {
        let notice = &telling.notice;
        let medium = notice.medium.as_ref().map(|(_, medium)| medium);
        for (&recipient, &verb) in &telling.told {
            if may_be_told(&look, recipient, notice.subject, medium) {
                told.push(notice.raised(recipient, verb));
            } else {
                passed_over += 1;
            }
        }
    }
    Ok((told, passed_over))
}
