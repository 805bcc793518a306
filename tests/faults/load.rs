//! Clients that write without pause, and repeat under its key what was not answered; and what has become of it in the end.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aredvi_events::Clock;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::person::Person;
use crate::world::{World, until};

/// Before an unanswered write is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(50);
/// Within this the clients get on, whatever was done to an engine or a process.
const PROGRESS_LIMIT: Duration = Duration::from_secs(120);

/// What clients have written so far, by the writer's id: the id and text of each note that was acknowledged.
#[derive(Default)]
pub struct Load {
    acknowledged: RefCell<BTreeMap<String, Vec<(String, String)>>>,
    refusals: RefCell<Vec<String>>,
    /// How long each acknowledged write took, from its first try.
    took: RefCell<Vec<Duration>>,
    stop: Cell<bool>,
}

/// What has become of the writes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Writes that were answered with 201.
    pub acknowledged: usize,
    /// Tries that were not, and were repeated.
    pub repeated: usize,
    /// Acknowledged notes that are not there.
    pub lost: usize,
    /// Notes that are there once too often.
    pub doubled: usize,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { acknowledged, repeated, lost, doubled } = self;
        write!(f, "{acknowledged} writes acknowledged, {repeated} tries repeated, {lost} lost, {doubled} doubled")
    }
}

impl Load {
    /// Lets these people write, each without pause, until `meanwhile` is done.
    pub async fn beside<T>(&self, people: &[Person], meanwhile: impl Future<Output = T>) -> T {
        let writing = people.iter().map(|person| self.write(person));
        let acting = async {
            let done = meanwhile.await;
            self.stop.set(true);
            done
        };
        let (_, done) = tokio::join!(join_all(writing), acting);
        done
    }

    /// Waits until each of these people had `more` writes acknowledged from now on.
    pub async fn progress(&self, people: &[Person], more: usize) {
        let count = |person: &Person| self.acknowledged.borrow().get(&person.id).map_or(0, Vec::len);
        let wanted: Vec<usize> = people.iter().map(|person| count(person) + more).collect();
        until("the writes go on", PROGRESS_LIMIT, async || {
            people.iter().zip(&wanted).all(|(person, &wanted)| count(person) >= wanted).then_some(())
        })
        .await;
    }

    /// What was said to tries that were not acknowledged at once.
    pub fn refusals(&self) -> Vec<String> {
        self.refusals.borrow().clone()
    }

    /// How many acknowledged writes took longer than this, from their first try.
    pub fn later_than(&self, limit: Duration) -> usize {
        self.took.borrow().iter().filter(|took| **took > limit).count()
    }

    /// The longest that an acknowledged write took, from its first try.
    pub fn slowest(&self) -> Duration {
        self.took.borrow().iter().max().copied().unwrap_or_default()
    }

    /// The notes that were acknowledged.
    pub fn ids(&self) -> BTreeSet<String> {
        self.acknowledged.borrow().values().flatten().map(|(note, _)| note.clone()).collect()
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.borrow().values().map(Vec::len).sum()
    }

    /// Compares what each one's page shows with what was acknowledged to him.
    pub async fn outcome(&self, people: &[Person]) -> Outcome {
        let mut outcome =
            Outcome { acknowledged: self.acknowledged(), repeated: self.refusals.borrow().len(), ..Outcome::default() };
        for person in people {
            let acknowledged = self.acknowledged.borrow().get(&person.id).cloned().unwrap_or_default();
            let stories = person.all(&format!("/v1/actors/{}/stories", person.id), 100).await;
            let mut shown: BTreeMap<String, usize> = BTreeMap::new();
            for story in &stories {
                *shown.entry(story["object"]["body"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
            outcome.lost += acknowledged.iter().filter(|(_, body)| !shown.contains_key(body)).count();
            outcome.doubled += shown.values().map(|times| times - 1).sum::<usize>();
        }
        outcome
    }

    /// Fails unless each one's page shows what was acknowledged to him, once, in the order of the ids, and nothing else.
    pub async fn assert_pages(&self, people: &[Person]) {
        for person in people {
            let mut acknowledged = self.acknowledged.borrow().get(&person.id).cloned().unwrap_or_default();
            assert!(!acknowledged.is_empty());
            // By clocks that differ, what was written later may have a smaller id.
            acknowledged.sort_by_key(|(id, _)| id.parse::<u64>().expect("an id"));
            let stories = person.all(&format!("/v1/actors/{}/stories", person.id), 100).await;
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let notes = stories.iter().map(|story| (text(&story["object"]["id"]), text(&story["object"]["body"])));
            let stand: Vec<_> = notes.rev().collect();
            assert_eq!(stand, acknowledged);
        }
    }

    /// Fails unless the log holds each note that was acknowledged, as one event, and no other.
    pub fn assert_log(&self, notes: &BTreeMap<String, BTreeSet<String>>) {
        let acknowledged: BTreeSet<String> =
            self.acknowledged.borrow().values().flatten().map(|(note, _)| note.clone()).collect();
        assert_eq!(notes.keys().cloned().collect::<BTreeSet<_>>(), acknowledged);
        for (note, events) in notes {
            assert_eq!(events.len(), 1, "{note} was added by several events");
        }
    }

    async fn write(&self, person: &Person) {
        let clock = Clock::default();
        for number in 0.. {
            let body = format!("{} {number}", person.username);
            let began = Instant::now();
            loop {
                let refusal = match person.post("/v1/notes", json!({"body": body})).key(body.replace(' ', "-")).sent().await {
                    Ok(answer) if answer.status == 201 => {
                        self.acknowledged.borrow_mut().entry(person.id.clone()).or_default().push((answer.id(), body));
                        self.took.borrow_mut().push(began.elapsed());
                        break;
                    }
                    // Nobody answered, or the outcome is not known, or the first try is still in work.
                    Ok(answer) if [409, 503].contains(&answer.status.as_u16()) => answer.to_string(),
                    Ok(answer) => panic!("{answer}"),
                    Err(error) => format!("{error:?}"),
                };
                self.refusals.borrow_mut().push(format!("after {:?}: {refusal}", began.elapsed()));
                clock.sleep(REPEAT_AFTER).await;
            }
            if self.stop.get() {
                break;
            }
        }
    }
}

/// Signs up as many as write at once.
pub async fn writers(world: &World, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for _ in 0..count {
        people.push(world.sign_up("Wim").await);
    }
    people
}
