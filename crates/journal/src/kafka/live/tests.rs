//! What tails get of the consumer that they share.

use aredvi_events::{Place, Record, Topic};
use proptest::prelude::*;

use super::*;

const PARTITION: Partition = Partition { topic: Topic::Media, number: 3 };
const AT_ONCE: BatchLimits = BatchLimits { events: 10_000, bytes: 64 * 1024 * 1024, wait: Duration::ZERO };

fn live() -> Live {
    Live { shared: Arc::default(), begin: Mutex::new(None) }
}

fn at(next: u64) -> Positions {
    [(PARTITION, next)].into_iter().collect()
}

fn records(offsets: std::ops::Range<u64>, bytes: usize) -> Vec<Stored> {
    let record = Record { topic: Topic::Media, key: "1".to_owned(), headers: Vec::new(), value: vec![0; bytes] };
    offsets.map(|offset| Stored { place: Place { partition: PARTITION, offset }, record: record.clone() }).collect()
}

async fn taken(seat: &mut Seat, positions: &mut Positions) -> Option<Vec<u64>> {
    match seat.take(positions, &AT_ONCE, &Clock::default()).await {
        Taken::Events(events) => Some(events.iter().map(|stored| stored.place.offset).collect()),
        Taken::Missed => None,
        Taken::Trouble(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn each_tail_gets_what_comes_after_its_position_once() {
    let live = live();
    let (mut one, mut other) = (at(5), at(7));
    let mut seat = live.join(&one, &at(8)).expect("near the end");
    let mut later = live.join(&other, &at(8)).expect("near the end");
    live.shared.state().keep(records(5..9, 10));
    assert_eq!(taken(&mut seat, &mut one).await, Some(vec![5, 6, 7, 8]));
    assert_eq!(taken(&mut seat, &mut one).await, Some(Vec::new()));
    assert_eq!(taken(&mut later, &mut other).await, Some(vec![7, 8]));
    assert_eq!((one, other), (at(9), at(9)));
}

#[tokio::test]
async fn what_was_kept_of_an_earlier_time_is_not_taken_for_the_beginning_of_this_one() {
    let live = live();
    for (position, came) in [(0, 0..10), (60, 60..70)] {
        let followed = live.join(&at(position), &at(70)).expect("near the end");
        live.shared.state().keep(records(came, 10));
        drop(followed);
        live.shared.state().change(&at(0));
    }
    let mut late = at(5);
    let mut seat = live.join(&late, &at(70)).expect("near the end");
    live.shared.state().keep(records(5..70, 10));
    assert_eq!(taken(&mut seat, &mut late).await, Some((5..70).collect()), "none is missing");
}

#[tokio::test]
async fn who_is_too_slow_or_too_far_behind_is_told_so() {
    let live = live();
    assert!(live.join(&at(0), &at(NEAR + 1)).is_none(), "far from the end");
    let mut slow = at(5);
    let mut seat = live.join(&slow, &at(5)).expect("near the end");
    live.shared.state().keep(records(5..9, KEPT_BYTES / 2));
    assert_eq!(taken(&mut seat, &mut slow).await, None);
    assert_eq!(slow, at(5), "nothing is passed over");
    assert!(live.join(&at(5), &at(9)).is_none(), "what comes next is not kept any more");
    assert!(live.join(&at(9), &at(9)).is_some());
}

/// What happens to the shared consumer and its tails.
#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    /// A tail joins so far before the end.
    Join(u64),
    /// The consumer changes what it follows, and hands over at most so many records.
    Turn(u64),
    /// One of the tails reads.
    Take(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..20u64).prop_map(Step::Append),
        (0..60u64).prop_map(Step::Join),
        (0..20u64).prop_map(Step::Turn),
        (0..4usize).prop_map(Step::Take),
        (0..4usize).prop_map(Step::Leave),
    ]
}

proptest! {
    #[test]
    fn no_tail_misses_a_record_whoever_comes_and_goes(steps in proptest::collection::vec(step(), 1..200)) {
        let (live, runtime) = (live(), tokio::runtime::Builder::new_current_thread().enable_time().build()?);
        let (mut end, mut followed, mut tails) = (0, Positions::new(), Vec::new());
        for step in steps {
            match step {
                Step::Append(more) => end += more,
                Step::Join(behind) => {
                    let position = at(end.saturating_sub(behind));
                    tails.extend(live.join(&position, &at(end)).map(|seat| (seat, position)));
                }
                Step::Turn(most) => {
                    let change = live.shared.state().change(&followed);
                    followed.retain(|partition| !change.left.contains(&partition));
                    change.more.iter().for_each(|(partition, next)| followed.set(partition, next));
                    if let Some(next) = followed.get(PARTITION) {
                        let to = end.min(next + most);
                        live.shared.state().keep(records(next..to, KEPT_BYTES / 40));
                        followed.set(PARTITION, to);
                    }
                }
                Step::Take(which) if which < tails.len() => {
                    let (seat, positions) = &mut tails[which];
                    let next = positions.next(PARTITION);
                    match runtime.block_on(taken(seat, positions)) {
                        None => drop(tails.remove(which)),
                        Some(offsets) => {
                            let expected: Vec<u64> = (next..).take(offsets.len()).collect();
                            prop_assert_eq!(offsets, expected);
                        }
                    }
                }
                Step::Leave(which) if which < tails.len() => drop(tails.remove(which)),
                Step::Take(_) | Step::Leave(_) => {}
            }
        }
    }
}
