//! People and groups.

use std::sync::Arc;

use aredvi_events::ActorId;
use aredvi_events::actors::Access;
use aredvi_events::identity::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::{AccessName, IdText, RoleName};
use super::sessions::Session;
use super::{Secret, Time};

/// An actor in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorCard {
    /// Who.
    #[schema(value_type = IdText)]
    pub id: ActorId,
    /// What kind of actor.
    pub r#type: ActorType,
    /// The handle; groups have none.
    #[schema(required, value_type = Option<String>)]
    pub username: Option<Arc<str>>,
    /// The display name.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// The picture.
    #[schema(required)]
    pub avatar: Option<Avatar>,
}

/// What kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// A person.
    Person,
    /// A group.
    Group,
}

/// A picture in three sizes, absolute URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Avatar {
    /// At most 80 pixels wide.
    pub small: String,
    /// At most 160 pixels wide.
    pub medium: String,
    /// At most 640 pixels wide.
    pub large: String,
}

/// A picture across the page, absolute URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cover {
    /// At most 640 pixels wide.
    pub medium: String,
    /// At most 1600 pixels wide.
    pub large: String,
}

/// A person's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Person {
    /// The person in short.
    #[serde(flatten)]
    pub card: ActorCard,
    /// The text about the person; null to those who may see only the card.
    #[schema(required)]
    pub bio: Option<String>,
    /// The picture across the page.
    #[schema(required)]
    pub cover: Option<Cover>,
    /// Guards what stands on the page.
    #[schema(value_type = AccessName)]
    pub access: Access,
    /// Null to those who may see only the card.
    #[schema(required)]
    pub counts: Option<ActorCounts>,
    /// When the person joined.
    pub created_at: Time,
    /// How the viewer stands to the person; null for guests.
    #[schema(required)]
    pub viewer: Option<ActorViewer>,
}

/// How many follow and are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorCounts {
    /// Who follow.
    pub followers: u64,
    /// Who are followed.
    pub leaders: u64,
}

/// How the viewer stands to an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorViewer {
    /// The viewer follows the actor.
    pub following: bool,
    /// The viewer has asked to.
    pub requested: bool,
    /// The actor follows the viewer.
    pub followed_by: bool,
    /// The viewer blocks the actor.
    pub blocking: bool,
    /// What the viewer may do.
    pub can: Vec<ActorAction>,
}

/// What may be done with an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorAction {
    /// Follow, or ask to.
    Follow,
    /// Block.
    Block,
    /// Mention.
    Mention,
    /// Subscribe to what happens there.
    Subscribe,
    /// Write on the page.
    Post,
    /// Change the profile.
    Edit,
}

/// The signed-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Me {
    /// The page.
    #[serde(flatten)]
    pub person: Person,
    /// Where mail goes.
    pub email: String,
    /// Whether it was shown that mail arrives there.
    pub email_verified: bool,
    /// What the person may do beyond his own things.
    #[schema(value_type = Vec<RoleName>)]
    pub roles: Vec<Role>,
    /// A BCP 47 tag.
    #[schema(required)]
    pub language: Option<String>,
    /// An IANA time zone.
    #[schema(required)]
    pub time_zone: Option<String>,
    /// Whether those who do not pass may ask to follow.
    pub allow_follow_requests: bool,
}

/// `POST /v1/people`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewPerson {
    /// The handle.
    #[schema(min_length = 3, max_length = 30, pattern = "^[A-Za-z][A-Za-z0-9_-]*$")]
    pub username: String,
    /// Where mail goes.
    #[schema(max_length = 254, format = Email)]
    pub email: String,
    /// 8 to 200 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 200)]
    pub password: Secret,
    /// The display name.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
}

/// A new person, signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registered {
    /// The person.
    pub person: Me,
    /// The session, with its token.
    pub session: Session,
}

/// What came of a registration that took long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registration {
    /// How far it is.
    pub state: RegistrationState,
    /// Why it was refused.
    #[schema(required)]
    pub code: Option<String>,
    /// Who it became.
    #[schema(required, value_type = Option<IdText>)]
    pub person_id: Option<ActorId>,
}

/// How far a registration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// No verdict yet.
    Pending,
    /// There is a person.
    Accepted,
    /// There is none.
    Refused,
}

/// `PATCH /v1/me`. What is left out or null stays.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct MePatch {
    /// The display name.
    #[schema(min_length = 1, max_length = 60)]
    pub name: Option<String>,
    /// The text about the person; empty takes it away.
    #[schema(max_length = 1000)]
    pub bio: Option<String>,
    /// Guards what stands on the page.
    #[schema(value_type = Option<AccessName>)]
    pub access: Option<Access>,
    /// Whether those who do not pass may ask to follow.
    pub allow_follow_requests: Option<bool>,
    /// A BCP 47 tag.
    #[schema(max_length = 35)]
    pub language: Option<String>,
    /// An IANA time zone.
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
}

/// `PUT /v1/me/password`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct PasswordChange {
    /// The password until now.
    pub current: Secret,
    /// The password from now on, 8 to 200 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 200)]
    pub new: Secret,
}

/// `PUT /v1/me/email`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct EmailChange {
    /// The password.
    pub password: Secret,
    /// Where mail goes from now on.
    #[schema(max_length = 254, format = Email)]
    pub email: String,
}

/// `PUT /v1/me/username`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct UsernameChange {
    /// The handle from now on; the old one stays nobody else's.
    #[schema(min_length = 3, max_length = 30, pattern = "^[A-Za-z][A-Za-z0-9_-]*$")]
    pub username: String,
}

/// `POST /v1/me/erasure`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct Erasure {
    /// The password.
    pub password: Secret,
}

/// What is under way, and where to ask how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnderWay {
    /// Absolute URL.
    pub status_url: String,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// Asked for; there is no verdict yet.
    Pending,
    /// There is no such person any more.
    Refused,
    /// The person is gone for everybody; what was his is being taken away.
    Erased,
    /// Nothing of the person's is kept anywhere.
    Complete,
}

/// The receipt of an erasure. Who has its address may read it; it does not say whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasureReceipt {
    /// How far it is.
    pub state: ErasureState,
    /// When the person was gone for everybody.
    pub erased_at: Option<Time>,
    /// When the last place was reached.
    pub completed_at: Option<Time>,
    /// Every place that was reached; empty before all were.
    pub places: Vec<ErasedPlace>,
}

/// A place where nothing of a person's is kept any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasedPlace {
    /// `data_key`: without it no text of the person's on the log, or in a copy of the log, can be read. `sessions`, or a
    /// generation of a read model.
    pub place: String,
    /// When it was seen to be reached.
    pub at: Time,
}
