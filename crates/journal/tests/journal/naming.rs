//! The journal's id.

use aredvi_events::{Partition, Topic, codec};

use crate::world::{CLOSING, from_start, on_both_engines, read};

on_both_engines! {
    async fn the_first_record_of_identity_names_the_journal(world) {
        let journal = world.open().await;
        let mut tail = journal.tail(&from_start(&journal, &[Topic::Identity]).await).await.expect("tails");
        let first = read(&mut tail, 1).await.remove(0);
        assert_eq!(first.place.partition, Partition { topic: Topic::Identity, number: 0 });
        let event = codec::decode(&first).expect("an event").event;
        assert_eq!((event.id, event.source), (journal.id().0, journal.id()));
        assert_eq!(event.body.type_name(), "journal.created");
    }

    async fn a_journal_keeps_its_id(world) {
        let journal = world.open().await;
        let id = journal.id();
        journal.close(CLOSING).await.expect("closes");
        assert_eq!(world.open().await.id(), id);
    }
}
