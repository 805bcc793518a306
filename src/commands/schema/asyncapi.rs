//! The log as an AsyncAPI 3.0 document: a channel a topic, a message an event, with Kafka's bindings.

use aredvi_events::Topic;
use aredvi_events::schema::{Shape, headers, key, shapes, shapes_of, shapes_of_any};
use aredvi_journal::topics;
use serde_json::{Map, Value, json};

/// Of Kafka's bindings.
const BINDING: &str = "0.5.0";
/// Where schemas stand that several events share.
const SCHEMAS: &str = "/components/schemas";
/// What the document says of itself.
const ABOUT: &str = "\
Everything that happens in a community is an event on its log. Consumers read it with any Kafka client, from any place, as \
often as they like; only Aredvi appends. Nothing is ever deleted or compacted.

- A record is a CloudEvent in binary mode: attributes in headers, JSON in the value.
- Order holds among records of one key. Ignore an event whose `ce_id` was seen before. Ignore fields and types you do not \
know: shapes grow.
- Texts are sealed, `{\"k\": actor, \"b\": bytes}`. `POST /v1/admin/seals/open` of the admin API opens them for holders of a \
service token; those of an erased person stay shut for ever.
- When `person.erased` comes, forget what you keep of that person.
- A journal may have a prefix: its topics are then called `PREFIX.media` and so on.";

/// The document.
pub fn document() -> Value {
    let mut schemas = Map::new();
    let mut messages = Map::new();
    for shape in shapes() {
        let (schema, shared) = shape.schema_in(SCHEMAS);
        schemas.extend(shared);
        messages.insert(name(shape), message(shape, schema));
    }
    let channels: Map<String, Value> = Topic::ALL.iter().map(|&topic| (topic.name().to_owned(), channel(topic))).collect();
    let operations: Map<String, Value> = Topic::ALL.iter().map(|&topic| (format!("append.{topic}"), appends(topic))).collect();
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:aredvi:log",
        "info": {
            "title": "Aredvi's log",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "AGPL-3.0-or-later"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The brokers of --journal.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "A broker's address."}},
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": {"cloudEvent": {"headers": headers(), "contentType": "application/json"}},
            "schemas": schemas,
        },
    })
}

fn channel(topic: Topic) -> Value {
    let settings: Map<String, Value> =
        topics::settings().into_iter().map(|(name, value)| (name.to_owned(), typed(name, &value))).collect();
    let messages: Map<String, Value> = shapes_of(topic)
        .iter()
        .chain(shapes_of_any())
        .map(|shape| (name(shape), json!({"$ref": format!("#/components/messages/{}", name(shape))})))
        .collect();
    json!({
        "address": topic.name(),
        "title": topic.name(),
        "description": holds(topic),
        "messages": messages,
        "bindings": {
            "kafka": {
                "topic": topic.name(),
                "partitions": topic.partitions(),
                "replicas": topics::REPLICAS,
                "topicConfiguration": settings,
                "bindingVersion": BINDING,
            },
        },
        "x-key": key(topic),
    })
}

/// The binding's own types: a list of policies, numbers, yes or no.
fn typed(setting: &str, value: &str) -> Value {
    match (setting, value.parse::<i64>(), value.parse::<bool>()) {
        ("cleanup.policy", ..) => json!([value]),
        (_, Ok(number), _) => number.into(),
        (_, _, Ok(flag)) => flag.into(),
        _ => value.into(),
    }
}

const fn holds(topic: Topic) -> &'static str {
    match topic {
        Topic::Identity => "Requests that need a verdict, in one order: registrations, usernames, addresses, roles, erasures.",
        Topic::Actors => "Accepted facts of people: registered, profile, privacy, disabled, erased.",
        Topic::Sessions => "Sign-ins and sign-outs.",
        Topic::Graph => "All between two actors: follows, requests, blocks, subscriptions.",
        Topic::Media => "Notes, with their comments, votes and subscriptions.",
        Topic::Notifications => "What people are told, read and dismissed.",
        Topic::Deliveries => "What came of telling it by mail.",
    }
}

fn appends(topic: Topic) -> Value {
    json!({
        "action": "send",
        "channel": {"$ref": format!("#/channels/{topic}")},
        "summary": format!("Aredvi appends to `{topic}`; everybody else only reads."),
    })
}

fn message(shape: &Shape, payload: Value) -> Value {
    let mut message = json!({
        "name": shape.ty,
        "title": format!("{}, version {}", shape.ty, shape.version),
        "summary": payload["description"],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "headers": {
            "type": "object",
            "properties": {"ce_type": {"const": shape.ty}, "ce_dataschema": {"const": shape.id()}},
        },
        "payload": payload,
    });
    let topic = Topic::ALL.into_iter().find(|&topic| shapes_of(topic).iter().any(|of| of.ty == shape.ty));
    if let Some(topic) = topic {
        message["bindings"] = json!({"kafka": {"key": key(topic), "bindingVersion": BINDING}});
    }
    if let Some(sample) = shape.sample() {
        message["examples"] = json!([{"name": "golden", "headers": sample.headers, "payload": sample.value}]);
    }
    message
}

fn name(shape: &Shape) -> String {
    format!("{}.{}", shape.ty, shape.version)
}
