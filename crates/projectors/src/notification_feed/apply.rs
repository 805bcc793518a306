//! What each event of `notifications` does to its recipient's rows.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::notifications::{NotificationEvent, NotificationRaised, NotificationsRead};
use aredvi_events::{ActorId, NotificationId, Place};

use super::rows::{Mark, Notification};
use crate::db::Tx;
use crate::rows::{Rows, Stored as _};
use crate::view::ApplyError;

/// The primary key of a notification.
type Key = (ActorId, NotificationId);

/// Applies a batch. A notification that the batch only raises is not looked for first: where it is, it stays.
pub(super) async fn apply(tx: &mut Tx, events: &[Placed]) -> Result<(), ApplyError> {
    let events: Vec<(Place, &NotificationEvent)> = events.iter().filter_map(notification_event).collect();
    let changed: BTreeSet<Key> = events.iter().flat_map(|(_, event)| changes(event)).collect();
    let mut notifications: Rows<Notification> = Rows::load(tx, changed.iter().copied()).await?;
    let mut marks: Rows<Mark> = Rows::load(tx, events.iter().filter_map(|(_, event)| reader(event))).await?;
    let mut only_raised = BTreeMap::<Key, Notification>::new();
    for (place, event) in events {
        match event {
            NotificationEvent::NotificationRaised(e) => {
                let key = (e.recipient, e.notification);
                if !changed.contains(&key) {
                    only_raised.entry(key).or_insert_with(|| raised(place, e));
                } else if notifications.get(key).is_none() {
                    notifications.put(raised(place, e));
                }
            }
            NotificationEvent::NotificationsRead(e) => read(&mut notifications, &mut marks, place, e),
            NotificationEvent::NotificationDismissed(e) => {
                let key = (e.recipient, e.notification);
                if notifications.get(key).is_some_and(|row| !row.dismissed)
                    && let Some(row) = notifications.change(key)
                {
                    row.dismissed = true;
                    row.last_offset = place.offset;
                }
            }
        }
    }
    Notification::insert(tx, only_raised.into_values().collect()).await?;
    notifications.write(tx).await?;
    Ok(marks.write(tx).await?)
}

fn raised(place: Place, e: &NotificationRaised) -> Notification {
    Notification {
        recipient: e.recipient,
        id: e.notification,
        verb: u32::from(e.verb.number()),
        subject: e.subject,
        medium: e.medium,
        actor: e.actor,
        comment_id: e.comment,
        created_at: e.cause_time,
        was_read: false,
        dismissed: false,
        last_part: place.partition.number,
        raised_offset: place.offset,
        last_offset: place.offset,
    }
}

fn read(notifications: &mut Rows<Notification>, marks: &mut Rows<Mark>, place: Place, e: &NotificationsRead) {
    let through = e.through.and_then(|id| notifications.get((e.recipient, id))).map(|row| row.raised_offset);
    let read_to = marks.get(e.recipient).map(|mark| mark.through_offset);
    if let Some(through) = through.filter(|&through| read_to.is_none_or(|read_to| read_to < through)) {
        let new = || Mark { recipient: e.recipient, through_offset: 0, last_part: 0, last_offset: 0 };
        let mark = marks.change_or(e.recipient, new);
        mark.through_offset = through;
        (mark.last_part, mark.last_offset) = (place.partition.number, place.offset);
    }
    for &id in &e.ids {
        if notifications.get((e.recipient, id)).is_some_and(|row| !row.was_read)
            && let Some(row) = notifications.change((e.recipient, id))
        {
            row.was_read = true;
            row.last_offset = place.offset;
        }
    }
}

fn notification_event(placed: &Placed) -> Option<(Place, &NotificationEvent)> {
    if let Body::Notifications(event) = &placed.event.body { Some((placed.place, event)) } else { None }
}

/// The notifications that an event changes.
fn changes(event: &NotificationEvent) -> Vec<Key> {
    match event {
        NotificationEvent::NotificationRaised(_) => Vec::new(),
        NotificationEvent::NotificationsRead(e) => e.through.iter().chain(&e.ids).map(|&id| (e.recipient, id)).collect(),
        NotificationEvent::NotificationDismissed(e) => vec![(e.recipient, e.notification)],
    }
}

/// Whose mark an event moves.
const fn reader(event: &NotificationEvent) -> Option<ActorId> {
    match event {
        NotificationEvent::NotificationsRead(e) => Some(e.recipient),
        NotificationEvent::NotificationRaised(_) | NotificationEvent::NotificationDismissed(_) => None,
    }
}
