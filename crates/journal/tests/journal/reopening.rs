//! What stays when a journal is closed, left or killed.

use aredvi_events::Topic;

use crate::world::{CLOSING, on_both_engines, read, record, value};

on_both_engines! {
    async fn a_reopened_journal_holds_everything_and_goes_on(world) {
        let journal = world.open().await;
        let from = journal.ends(&[Topic::Media]).await.expect("ends");
        journal.append((0..100).map(|n| record(Topic::Media, 1, n)).collect()).await.expect("appends");
        let ends = journal.ends(&Topic::ALL).await.expect("ends");
        journal.close(CLOSING).await.expect("closes");

        let journal = world.open().await;
        assert_eq!(journal.ends(&Topic::ALL).await.expect("ends"), ends);
        let place = journal.append(vec![record(Topic::Media, 1, 100)]).await.expect("appends")[0];
        assert_eq!(place.offset, ends.next(place.partition));
        let mut tail = journal.tail(&from).await.expect("tails");
        let values: Vec<_> = read(&mut tail, 101).await.iter().map(value).collect();
        assert_eq!(values, (0..=100).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}
