//! Seals and wrapped keys: nobody forges one.

use aredvi_events::{ActorId, DataKey, Id, MasterKey, Sealed};
use uuid::Uuid;

/// A seal that was not made with the key does not open; one that was opens to its text, for its event alone.
pub fn target(data: &[u8]) {
    let (key, master) = (DataKey::new([3; 32]), MasterKey::new([4; 32]));
    let actor = ActorId(Id::new(7).expect("an id"));
    let (event, other) = (Uuid::from_u128(5), Uuid::from_u128(6));
    assert!(master.unwrap_material("7", data).is_err(), "a key that we did not wrap is unwrapped");
    if let Ok(sealed) = serde_json::from_slice::<Sealed>(data) {
        assert!(key.open(&sealed, event).is_err(), "a seal that we did not make opens");
        let written = serde_json::to_vec(&sealed).expect("written");
        assert_eq!(serde_json::from_slice::<Sealed>(&written).ok(), Some(sealed));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sealed = key.seal(actor, event, [9; 24], text);
    assert_eq!(key.open(&sealed, event).as_deref(), Ok(text));
    assert!(key.open(&sealed, other).is_err(), "a seal opens for another event");
}
