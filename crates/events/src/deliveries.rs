//! What came of telling people, keyed by the recipient. Ids only: no address is ever written here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{events, unsealed};
use crate::id::{ActorId, NotificationId};

/// A way out of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Mail,
}
unsealed!(Channel);

impl Channel {
    /// Its name in rows and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
        }
    }
}

/// Why something was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// The recipient may no longer see what it is about.
    NotVisible,
    /// The recipient has read or dismissed it already.
    AlreadySeen,
    /// The recipient has no address any more.
    NoAddress,
    /// It happened too long ago.
    TooOld,
}
unsealed!(Suppression);

events! {
    /// What happens on [`Topic::Deliveries`](crate::Topic::Deliveries).
    enum DeliveryEvent;

    /// A provider took it.
    "delivery.sent" 1 => DeliverySent {
        /// To whom.
        recipient: ActorId,
        /// What.
        notification: NotificationId,
        /// How.
        channel: Channel,
    }

    /// It was given up.
    "delivery.failed" 1 => DeliveryFailed {
        /// To whom.
        recipient: ActorId,
        /// What.
        notification: NotificationId,
        /// How.
        channel: Channel,
        /// A short code, without addresses.
        code: String,
    }

    /// It was not sent on purpose.
    "delivery.suppressed" 1 => DeliverySuppressed {
        /// To whom.
        recipient: ActorId,
        /// What.
        notification: NotificationId,
        /// How.
        channel: Channel,
        /// Why.
        reason: Suppression,
    }
}
