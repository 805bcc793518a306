//! `aredvi schema`: what it prints is what is checked in under docs/schema, and what the log really holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::{Validator, options};
use serde_json::{Value, json};

/// Makes the checked-in files anew.
const RENEW: &str = "cargo run -- schema write docs/schema";
/// Files that are no event's.
const OTHERS: [&str; 2] = ["asyncapi.json", "headers.json"];

#[test]
fn the_schemas_that_are_checked_in_are_the_codes() {
    let temp = tempfile::tempdir().expect("a directory");
    printed(&["schema", "write", temp.path().to_str().expect("a path")]);
    let (made, kept) = (files(temp.path()), files(&root().join("docs/schema")));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&kept), names(&made), "docs/schema is stale; renew it: rm docs/schema/*.json; {RENEW}");
    for (name, text) in made {
        assert_eq!(kept[&name], text, "docs/schema/{name} is stale; renew it: {RENEW}");
    }
}

#[test]
fn every_golden_sample_is_as_its_schema_says() {
    let headers = validator(&kept("headers.json"));
    let mut seen = 0;
    for (name, sample) in samples() {
        let schema = validator(&kept(&format!("{name}.json")));
        assert_eq!(faults(&schema, &sample["value"]), [""; 0], "{name}");
        assert_eq!(faults(&headers, &sample["headers"]), [""; 0], "{name}");
        seen += 1;
    }
    assert_eq!(seen, files(&root().join("docs/schema")).len() - OTHERS.len(), "an event without a sample, or without a schema");
}

#[test]
fn a_sample_that_was_changed_is_not() {
    for (name, sample) in samples() {
        let schema = validator(&kept(&format!("{name}.json")));
        let value = sample["value"].as_object().expect("an object");
        for field in value.keys() {
            let mut without = value.clone();
            without.remove(field);
            assert!(!schema.is_valid(&without.into()), "{name} without {field}");
            let mut mistyped = value.clone();
            mistyped.insert(field.clone(), json!({"no": "such thing"}));
            assert!(!schema.is_valid(&mistyped.into()), "{name} with another {field}");
        }
    }
}

#[test]
fn an_envelope_that_was_changed_is_not_one() {
    let schema = validator(&kept("headers.json"));
    for (name, sample) in samples() {
        let headers = sample["headers"].as_object().expect("an object");
        for header in headers.keys() {
            let mut without = headers.clone();
            without.remove(header);
            assert_eq!(schema.is_valid(&without.into()), header == "traceparent", "{name} without {header}");
            let mut mistyped = headers.clone();
            mistyped.insert(header.clone(), json!(7));
            assert!(!schema.is_valid(&mistyped.into()), "{name} with another {header}");
        }
    }
}

#[test]
fn the_asyncapi_document_holds_every_event_and_all_it_refers_to() {
    let document: Value = serde_json::from_str(&printed(&["schema", "asyncapi"])).expect("JSON");
    let messages = document["components"]["messages"].as_object().expect("messages");
    let samples = samples();
    assert_eq!(messages.keys().collect::<BTreeSet<_>>(), samples.keys().collect::<BTreeSet<_>>());
    let mut references = Vec::new();
    each_reference(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} is not there");
    }
    for (topic, channel) in document["channels"].as_object().expect("channels") {
        let kafka = &channel["bindings"]["kafka"];
        assert_eq!(kafka["partitions"], if topic == "identity" { 1 } else { 24 }, "{topic}");
        assert_eq!(kafka["topicConfiguration"]["retention.ms"], -1, "{topic}");
        let key = validator(&channel["x-key"]);
        for sample in samples.values().filter(|sample| sample["topic"] == **topic) {
            assert_eq!(faults(&key, &sample["key"]), [""; 0], "{topic}");
            let name = sample["headers"]["ce_type"].as_str().expect("a type");
            assert!(channel["messages"].get(format!("{name}.1")).is_some(), "{name} is not on {topic}");
        }
    }
}

/// What the document says of an event is what the event's own schema says: the same samples pass, the same fail.
#[test]
fn the_asyncapi_documents_payloads_take_what_the_schemas_take() {
    let document: Value = serde_json::from_str(&printed(&["schema", "asyncapi"])).expect("JSON");
    for (name, sample) in samples() {
        let payload = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [{"$ref": format!("#/components/messages/{name}/payload")}],
            "components": document["components"],
        });
        let schema = validator(&payload);
        assert_eq!(faults(&schema, &sample["value"]), [""; 0], "{name}");
        for field in sample["value"].as_object().expect("an object").keys() {
            let mut mistyped = sample["value"].clone();
            mistyped[field] = json!({"no": "such thing"});
            assert!(!schema.is_valid(&mistyped), "{name} with another {field}");
        }
    }
}

#[test]
fn one_event_is_printed_by_its_name_and_all_without() {
    let one: Value = serde_json::from_str(&printed(&["schema", "json", "note.added"])).expect("JSON");
    let all: Value = serde_json::from_str(&printed(&["schema", "json"])).expect("JSON");
    assert_eq!(one, kept("note.added.1.json"));
    assert_eq!(all["$defs"]["note.added"], one);
    assert_eq!(all["$defs"].as_object().expect("events").len(), samples().len());
    let unknown = program(&["schema", "json", "note.eaten"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("no event is called `note.eaten`"), "{said}");
}

fn each_reference<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| each_reference(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| each_reference(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn validator(schema: &Value) -> Validator {
    options().should_validate_formats(true).build(schema).expect("a schema")
}

fn faults(schema: &Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The golden samples by type and version.
fn samples() -> BTreeMap<String, Value> {
    let files = files(&root().join("crates/events/golden")).into_iter();
    files.map(|(name, text)| (name.trim_end_matches(".json").to_owned(), serde_json::from_str(&text).expect("JSON"))).collect()
}

fn kept(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("docs/schema").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn files(dir: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let schemas = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    schemas.map(|path| (name(&path), std::fs::read_to_string(&path).expect("a text"))).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn printed(args: &[&str]) -> String {
    let output = program(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("a text")
}

fn program(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_aredvi")).args(args).output().expect("it runs")
}
