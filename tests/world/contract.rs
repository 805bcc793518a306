//! What answers must be: the OpenAPI description that the server itself serves, taken at its word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// The description, and the validators made of it so far.
pub struct Contract {
    description: Value,
    schemas: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// A path of the description with a method.
pub struct Operation<'a> {
    described: &'a Value,
    pointer: String,
}

impl Contract {
    /// Reads a description.
    pub fn new(description: Value) -> Self {
        let mut schemas = description["components"]["schemas"].clone();
        for schema in schemas.as_object_mut().expect("schemas").values_mut() {
            // It may be a part of another: it is closed where it is referred to as a whole.
            close(schema, true);
        }
        Self { description, schemas, validators: Mutex::default() }
    }

    /// Every path with every method that it has.
    pub fn operations(&self) -> impl Iterator<Item = (Method, &str, &Value)> {
        let paths = self.description["paths"].as_object().expect("paths");
        paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").iter();
            methods.filter_map(move |(method, operation)| {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
                operation.get("responses").is_some().then_some((method, path.as_str(), operation))
            })
        })
    }

    /// The operation that a request means; `None` when no path is described so.
    pub fn operation(&self, method: &Method, path: &str) -> Option<Operation<'_>> {
        let path = path.split('?').next().unwrap_or_default();
        self.described(method, path).or_else(|| {
            // `/v1/me/…` is one's own id in any `/v1/actors/{id}/…`.
            self.described(method, &format!("/v1/actors/me/{}", path.strip_prefix("/v1/me/")?))
        })
    }

    fn described(&self, method: &Method, path: &str) -> Option<Operation<'_>> {
        let paths = self.description["paths"].as_object().expect("paths");
        // A path without parameters goes before one with them.
        let template =
            paths.keys().filter(|template| fits(template, path)).min_by_key(|template| template.matches('{').count())?;
        let method = method.as_str().to_ascii_lowercase();
        let described = paths[template].get(&method)?;
        Some(Operation { described, pointer: format!("{method} {template}") })
    }

    /// Says what is wrong with an answer of this operation; `None` when nothing is.
    pub fn fault(
        &self,
        operation: &Operation<'_>,
        status: StatusCode,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Option<String> {
        if status == StatusCode::NOT_MODIFIED {
            return (!body.is_empty()).then(|| "304 with a body".to_owned());
        }
        let responses = &operation.described["responses"];
        let known = responses.get(status.as_str()).or_else(|| rare(status).then(|| &responses["default"]));
        let Some(response) = known.map(|response| self.resolved(response)) else {
            return Some(format!("{} never answers {status} by its description", operation.pointer));
        };
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            return (!body.is_empty()).then(|| format!("{status} of {} is described without a body", operation.pointer));
        };
        let essence = content_type.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let Some(described) = content.get(essence) else {
            return Some(format!("{status} of {} is never `{essence}` by its description", operation.pointer));
        };
        let value: Value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => return Some(format!("no JSON: {error}")),
        };
        let name = format!("{} {status}", operation.pointer);
        let faults: Vec<String> = self
            .validator(name, &described["schema"])
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    fn resolved<'a>(&'a self, response: &'a Value) -> &'a Value {
        match response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.description.pointer(pointer).expect("a part of the description"),
            None => response,
        }
    }

    fn validator(&self, name: String, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().expect("validators");
        let made = validators.entry(name).or_insert_with(|| {
            let mut schema = schema.clone();
            close(&mut schema, false);
            let whole = json!({"allOf": [schema], "components": {"schemas": self.schemas}});
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("a schema"))
        });
        Arc::clone(made)
    }
}

/// Statuses that every operation may answer, and that are described once for all.
fn rare(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Makes objects refuse what is not described. A part of a whole (`allOf`) stays open: the whole is closed.
fn close(schema: &mut Value, part_of_whole: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    for (keyword, inner) in object.iter_mut() {
        match (keyword.as_str(), inner) {
            ("properties" | "$defs", Value::Object(properties)) => properties.values_mut().for_each(|inner| close(inner, false)),
            ("allOf", Value::Array(parts)) => parts.iter_mut().for_each(|part| close(part, true)),
            ("oneOf" | "anyOf", Value::Array(choices)) => choices.iter_mut().for_each(|choice| close(choice, part_of_whole)),
            ("items", items) => close(items, false),
            _ => {}
        }
    }
    let describes = |object: &Map<String, Value>, keyword: &str| object.contains_key(keyword);
    let is_whole = ["$ref", "allOf", "properties"].iter().any(|keyword| describes(object, keyword));
    if is_whole && !part_of_whole {
        object.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

#[test]
fn an_answer_with_more_or_less_than_is_described_is_a_fault() {
    let schema = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}});
    let whole =
        json!({"allOf": [{"$ref": "#/components/schemas/Card"}, {"type": "object", "properties": {"bio": {"type": "string"}}}]});
    let answers = |name: &str| {
        let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        json!({"get": {"responses": {"200": {"content": content}, "204": {}}}})
    };
    let contract = Contract::new(json!({
        "paths": {"/cards/{id}": answers("Card"), "/people/{id}": answers("Person")},
        "components": {"schemas": {"Card": schema, "Person": whole}},
    }));
    let fault = |path: &str, status: u16, body: &str| {
        let operation = contract.operation(&Method::GET, path).expect("described");
        let status = StatusCode::from_u16(status).expect("a status");
        contract.fault(&operation, status, Some("application/json; charset=utf-8"), body.as_bytes())
    };
    assert_eq!(fault("/cards/1", 200, r#"{"id":"1"}"#), None);
    assert_eq!(fault("/people/1?x=1", 200, r#"{"id":"1","bio":""}"#), None);
    assert_eq!(fault("/cards/1", 204, ""), None);
    for (path, status, body) in [
        ("/cards/1", 200, "{}"),
        ("/cards/1", 200, r#"{"id":"1","bio":""}"#),
        ("/people/1", 200, r#"{"id":"1","secret":""}"#),
        ("/cards/1", 201, "{}"),
        ("/cards/1", 204, "{}"),
        ("/cards/1", 200, "no"),
    ] {
        assert!(fault(path, status, body).is_some(), "{path} {status} {body}");
    }
    assert!(contract.operation(&Method::GET, "/cards").is_none() && contract.operation(&Method::PUT, "/cards/1").is_none());
}
