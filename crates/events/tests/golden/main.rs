//! Every event ever shipped stays readable: one sample of each type in each version lies in `golden/`, and is never
//! edited once a log may hold its like.
//!
//! A type without a sample gets one written from [`samples`], and the test fails once, so that somebody looks at it
//! and commits it.

mod sample;
mod samples;

use std::collections::BTreeSet;

use aredvi_events::Topic;
use aredvi_events::codec::{decode, types_on};
use aredvi_events::identity::{handle_changed_id, registered_id};
use sample::Sample;
use serde_json::Value;

#[test]
fn every_version_of_every_type_has_a_sample() {
    let kept: BTreeSet<String> = Sample::all().into_iter().map(|sample| sample.name()).collect();
    let missing: BTreeSet<String> = Topic::ALL
        .into_iter()
        .flat_map(types_on)
        .flat_map(|(ty, known)| (1..=known).map(move |version| format!("{ty}.{version}")))
        .filter(|name| !kept.contains(name))
        .collect();
    let news: Vec<Sample> = samples::today().iter().map(Sample::of).filter(|sample| missing.contains(&sample.name())).collect();
    for sample in &news {
        sample.keep();
    }
    let written: Vec<String> = news.iter().map(Sample::name).collect();
    assert!(missing.is_empty(), "no sample of {missing:?}; written now, to be looked at and committed: {written:?}");
}

#[test]
fn a_sample_is_called_after_its_type_and_version() {
    for (file, sample) in Sample::all_with_files() {
        assert_eq!(file, format!("{}.json", sample.name()));
    }
}

#[test]
fn every_sample_is_decoded_and_says_the_same_when_encoded_again() {
    for sample in Sample::all() {
        let name = sample.name();
        let event = decode(&sample.stored()).unwrap_or_else(|error| panic!("{name}: {error}")).event;
        let again = Sample::of(&(sample.topic(), event));
        if again.name() != name {
            continue; // an upcaster lifted it
        }
        assert_eq!(again.key, sample.key, "{name}");
        assert!(holds(&again.headers, &sample.headers), "{name}: {:?}, kept: {:?}", again.headers, sample.headers);
        assert!(holds(&again.value, &sample.value), "{name}: {}, kept: {}", again.value, sample.value);
    }
}

#[test]
fn every_seal_opens_with_its_actors_key_for_the_event_it_was_made_for() {
    let mut opened = 0;
    for sample in Sample::all() {
        let event = decode(&sample.stored()).unwrap_or_else(|error| panic!("{}: {error}", sample.name())).event;
        let bound_to = [event.id, registered_id(event.id), handle_changed_id(event.id)];
        event.body.each_seal(&mut |seal| {
            let text = bound_to.into_iter().find_map(|id| samples::KEY.open(seal, id).ok());
            assert!(text.is_some(), "{}: a seal does not open", sample.name());
            opened += 1;
        });
    }
    assert!(opened >= 20, "{opened} seals");
}

/// Whether `now` says all that `kept` says. Shapes only grow: it may say more.
fn holds(now: &Value, kept: &Value) -> bool {
    match (now, kept) {
        (Value::Object(now), Value::Object(kept)) => {
            kept.iter().all(|(name, kept)| now.get(name).is_some_and(|now| holds(now, kept)))
        }
        (Value::Array(now), Value::Array(kept)) => {
            now.len() == kept.len() && now.iter().zip(kept).all(|(now, kept)| holds(now, kept))
        }
        (now, kept) => now == kept,
    }
}
