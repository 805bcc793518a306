//! `aredvi schema asyncapi|json|write`: the events as other languages read them. It opens no engine.

mod asyncapi;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use aredvi_events::schema::{headers, shapes};
use serde_json::{Map, Value, json};

use crate::cli::Schema;
use crate::failure::Misuse;
use crate::say::say;

/// The dialect of the JSON Schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Prints or writes what was asked for.
///
/// # Errors
/// [`Misuse`] for an event that there is not; or the directory's.
pub fn run(schema: &Schema) -> anyhow::Result<()> {
    match schema {
        Schema::Asyncapi => say(text(&asyncapi::document())?),
        Schema::Json { event: None } => say(text(&all())?),
        Schema::Json { event: Some(event) } => say(text(&one(event)?)?),
        Schema::Write { dir } => write(dir)?,
    }
    Ok(())
}

fn write(dir: &Path) -> anyhow::Result<()> {
    let mut files = vec![("asyncapi".to_owned(), asyncapi::document()), ("headers".to_owned(), of_headers())];
    files.extend(shapes().map(|shape| (format!("{}.{}", shape.ty, shape.version), shape.json_schema())));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for (name, schema) in &files {
        let path = dir.join(format!("{name}.json"));
        fs::write(&path, text(schema)? + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    say(format_args!("{} files are in {}", files.len(), dir.display()));
    Ok(())
}

fn one(event: &str) -> Result<Value, Misuse> {
    let found = shapes().find(|shape| shape.ty == event);
    let unknown = || Misuse(format!("no event is called `{event}`; `aredvi schema json` has all of them"));
    found.map(|shape| shape.json_schema()).ok_or_else(unknown)
}

/// All events in one document, each a schema of its own (JSON Schema Core, section 9.3).
fn all() -> Value {
    let events: Map<String, Value> = shapes().map(|shape| (shape.ty.to_owned(), shape.json_schema())).collect();
    json!({
        "$schema": DIALECT,
        "$id": "urn:aredvi:events",
        "title": "Every event on the log, by its ce_type",
        "$defs": events,
    })
}

fn of_headers() -> Value {
    let mut schema = json!({"$schema": DIALECT, "$id": "urn:aredvi:headers", "title": "The headers of every record"});
    if let (Value::Object(schema), Value::Object(headers)) = (&mut schema, headers()) {
        schema.extend(headers);
    }
    schema
}

fn text(schema: &Value) -> serde_json::Result<String> {
    serde_json::to_string_pretty(schema)
}
