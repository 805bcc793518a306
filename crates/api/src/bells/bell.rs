//! One person's newest notifications, as his own log makes them.
//!
//! It folds what `notification_feed` folds, but remembers only the newest. Where an event may concern what it does not
//! remember, it says so and is read anew.

use aredvi_events::NotificationId;
use aredvi_events::notifications::{NotificationEvent, NotificationRaised, NotificationsRead};
use aredvi_projectors::notification_feed::queries::Notification;

/// The newest notifications of a person that are shown and counted from memory.
pub const NEWEST: usize = 100;
/// How many more are held, so that a dismissal does not send it to the view.
const SPARE: usize = 28;
/// How many are asked of the view: one more tells whether there are older ones.
pub(super) const ASKED: usize = NEWEST + SPARE + 1;

/// The newest notifications of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bell {
    /// In the order of his log.
    held: Vec<Notification>,
    /// Older ones stand in the view only.
    older: bool,
    /// Ids up to here may have been raised before, and been forgotten or dismissed.
    greatest: u64,
}

/// An event may concern what is not remembered: read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InDoubt;

/// What a person sees first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// At most [`NEWEST`], the newest first.
    pub notifications: Vec<Notification>,
    /// There are older ones.
    pub older: bool,
}

impl Bell {
    /// Of the first [`ASKED`] rows of the view, the newest first, and the greatest id he was ever told; the latter read
    /// after the former.
    pub fn of(mut rows: Vec<Notification>, greatest: Option<NotificationId>) -> Self {
        let older = rows.len() >= ASKED;
        rows.truncate(ASKED - 1);
        rows.reverse();
        Self { held: rows, older, greatest: greatest.map_or(0, NotificationId::get) }
    }

    /// Takes in the event at `offset`; one that is in it already changes nothing.
    pub fn hear(&mut self, event: &NotificationEvent, offset: u64) -> Result<(), InDoubt> {
        match event {
            NotificationEvent::NotificationRaised(raised) => self.raise(raised, offset),
            NotificationEvent::NotificationsRead(read) => self.read(read, offset),
            NotificationEvent::NotificationDismissed(dismissed) => {
                self.greatest = self.greatest.max(dismissed.notification.get());
                self.held.retain(|held| held.id != dismissed.notification);
                if self.older && self.held.len() < NEWEST { Err(InDoubt) } else { Ok(()) }
            }
        }
    }

    pub fn newest(&self) -> Newest {
        let notifications = self.held.iter().rev().take(NEWEST).cloned().collect();
        Newest { notifications, older: self.older || self.held.len() > NEWEST }
    }

    pub fn holds(&self, id: NotificationId) -> bool {
        self.held.iter().any(|held| held.id == id)
    }

    fn raise(&mut self, raised: &NotificationRaised, offset: u64) -> Result<(), InDoubt> {
        if self.holds(raised.notification) {
            return Ok(());
        }
        if raised.notification.get() <= self.greatest {
            return Err(InDoubt);
        }
        let at = self.held.partition_point(|held| held.offset < offset);
        self.held.insert(at, reference(raised, offset));
        if self.held.len() >= ASKED {
            let forgotten = self.held.remove(0);
            self.greatest = self.greatest.max(forgotten.id.get());
            self.older = true;
        }
        Ok(())
    }

    fn read(&mut self, read: &NotificationsRead, offset: u64) -> Result<(), InDoubt> {
        let mut through = None;
        if let Some(last) = read.through {
            let held = self.held.iter().find(|held| held.id == last);
            if held.is_none() && last.get() <= self.greatest {
                return Err(InDoubt);
            }
            // The view may be ahead: what was raised after this event was not meant.
            through = held.map(|held| held.offset).filter(|raised| *raised < offset);
        }
        for held in self.held.iter_mut().filter(|held| held.offset < offset) {
            held.read |= through.is_some_and(|through| held.offset <= through) || read.ids.contains(&held.id);
        }
        Ok(())
    }
}

impl Newest {
    /// Those below a place in the person's log.
    pub fn below(self, below: Option<u64>) -> Self {
        let mut notifications = self.notifications;
        if let Some(below) = below {
            notifications.retain(|held| held.offset < below);
        }
        Self { notifications, older: self.older }
    }
}

/// As the row of it will be.
fn reference(raised: &NotificationRaised, offset: u64) -> Notification {
    Notification {
        id: raised.notification,
        verb: raised.verb,
        subject: raised.subject,
        medium: raised.medium,
        actor: raised.actor,
        comment: raised.comment,
        created_at: raised.cause_time,
        read: false,
        offset,
    }
}
