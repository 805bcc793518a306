//! The macro that declares a topic's events, and the walk over their sealed fields.

use crate::id::{ActorId, CommentId, MediumId, NotificationId, SessionId, StoryId};
use crate::sealing::Sealed;

/// A field of an event, asked for the seals in it.
pub trait Field {
    /// Calls `visit` for every seal in the field.
    fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a Sealed));
}

impl Field for Sealed {
    fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a Sealed)) {
        visit(self);
    }
}

impl<T: Field> Field for Option<T> {
    fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a Sealed)) {
        if let Some(field) = self {
            field.each_seal(visit);
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a Sealed)) {
        for field in self {
            field.each_seal(visit);
        }
    }
}

/// Fields that hold no seal.
macro_rules! unsealed {
    ($($t:ty),* $(,)?) => {$(
        impl $crate::event::Field for $t {
            fn each_seal<'a>(&'a self, _: &mut dyn FnMut(&'a $crate::sealing::Sealed)) {}
        }
    )*};
}
pub(crate) use unsealed;

unsealed!(ActorId, CommentId, MediumId, NotificationId, SessionId, StoryId, bool, i64, u32, u64, String, uuid::Uuid);

/// Declares the events of a topic: one struct each, the enum over them, and the table between `ce_type` and variant.
///
/// `"note.added" 1 => NoteAdded { … }` is the type `note.added` in version 1; every event has `by`, the acting actor.
/// A field that came later is an `Option` with `#[schemars(skip_serializing_if = "Option::is_none")]`: older records of
/// the same version lack it, and the schema must not ask for it.
macro_rules! events {
    (
        $(#[$enum_doc:meta])*
        enum $name:ident;
        $(
            $(#[$doc:meta])*
            $ty:literal $version:literal => $variant:ident {
                $( $(#[$field_doc:meta])* $field:ident: $t:ty, )*
            }
        )*
    ) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            pub struct $variant {
                /// The acting actor; null when nobody signed in acted.
                pub by: Option<$crate::id::ActorId>,
                $( $(#[$field_doc])* pub $field: $t, )*
            }

            impl From<$variant> for $name {
                fn from(event: $variant) -> Self {
                    Self::$variant(event)
                }
            }

            impl From<$variant> for $crate::codec::Body {
                fn from(event: $variant) -> Self {
                    $name::$variant(event).into()
                }
            }
        )*

        $(#[$enum_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $( $(#[$doc])* $variant($variant), )*
        }

        impl $name {
            /// Every type with its current version.
            pub const TYPES: &'static [(&'static str, u32)] = &[$(($ty, $version)),*];

            /// `ce_type`.
            pub const fn type_name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $ty, )* }
            }

            /// The version of its shape, at the end of `ce_dataschema`.
            pub const fn version(&self) -> u32 {
                match self { $( Self::$variant(_) => $version, )* }
            }

            /// The acting actor.
            pub const fn by(&self) -> Option<$crate::id::ActorId> {
                match self { $( Self::$variant(event) => event.by, )* }
            }

            /// Calls `visit` for every seal in it.
            pub fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a $crate::sealing::Sealed)) {
                match self {
                    $( Self::$variant(event) => {
                        let _ = &visit;
                        $( $crate::event::Field::each_seal(&event.$field, visit); )*
                        let _ = event;
                    } )*
                }
            }

            /// What each type's value is like, in the order of [`Self::TYPES`].
            pub(crate) const SHAPES: &'static [$crate::schema::Shape] = &[$(
                $crate::schema::Shape {
                    ty: $ty,
                    version: $version,
                    of_value: |generator| generator.into_root_schema_for::<$variant>(),
                }
            ),*];

            pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
                match self { $( Self::$variant(event) => serde_json::to_vec(event), )* }
            }

            /// `None` when no event of this topic has the type.
            pub(crate) fn from_json(ty: &str, value: &[u8]) -> Option<serde_json::Result<Self>> {
                match ty {
                    $( $ty => Some(serde_json::from_slice(value).map(Self::$variant)), )*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use events;
