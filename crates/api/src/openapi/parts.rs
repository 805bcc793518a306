//! What operations refer to: problems by status, headers, ways to sign in.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, Object, ObjectBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::extract::credential::SESSION_COOKIE;
use crate::extract::idempotency::MAX_KEY_CHARS;
use crate::problem::{CONTENT_TYPE, FieldErrorBody, ProblemBody};

/// Statuses of problems, the name of each response, and what it means.
pub(super) const PROBLEMS: [(&str, &str, &str); 13] = [
    ("400", "BadRequest", "The body is not JSON, or a cursor or position is not one of ours."),
    ("401", "SignInRequired", "Sign in first, or with other credentials."),
    ("403", "NotAllowed", "It is visible, but you may not do this."),
    ("404", "NotFound", "Nothing is there for you."),
    ("405", "MethodNotAllowed", "This cannot be done here."),
    ("409", "Conflict", "It is taken, or the same request is still in work."),
    ("413", "PayloadTooLarge", "The body is too large."),
    ("415", "UnsupportedMediaType", "The body must be application/json."),
    ("422", "Invalid", "Parts of the request cannot be; `errors` points at them."),
    ("429", "RateLimited", "Too many requests; see Retry-After."),
    ("500", "Internal", "A fault of the server's."),
    ("503", "Unavailable", "Not right now, or with an unknown outcome; see Retry-After."),
    ("default", "Problem", "Any other refusal or failure."),
];

/// Puts the shared parts in.
pub(super) fn add(components: &mut Components) {
    refer_to_items(components);
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(FieldErrorBody::name().into_owned(), FieldErrorBody::schema());
    for (_, name, meaning) in PROBLEMS {
        components.responses.insert(name.to_owned(), problem(meaning).into());
    }
    for (name, header) in headers() {
        components.headers.insert(name.to_owned(), header.into());
    }
    for (name, parameter) in parameters() {
        components.parameters.insert(name.to_owned(), parameter.into());
    }
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("ar1_…").build()),
    );
    let cookie = "Set by signing in; writes need a same-origin Origin, or X-XSRF-TOKEN equal to the XSRF-TOKEN cookie.";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(SESSION_COOKIE, cookie));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
}

/// The items of a page refer to their schema: generic arguments come written out.
fn refer_to_items(components: &mut Components) {
    let names: Vec<String> = components.schemas.keys().cloned().collect();
    for (page, schema) in &mut components.schemas {
        let item = page.strip_prefix("Page_").filter(|item| names.iter().any(|name| name == item));
        if let (Some(item), RefOr::T(Schema::Object(object))) = (item, schema)
            && let Some(RefOr::T(Schema::Array(items))) = object.properties.get_mut("items")
        {
            items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}

fn problem(meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    ResponseBuilder::new().description(meaning).content(CONTENT_TYPE, content).build()
}

fn headers() -> [(&'static str, Header); 7] {
    [
        ("Aredvi-Position", header(text(), "Where the write stands; send it along to read it.")),
        ("Aredvi-Lag-Ms", header(number(), "How far the views behind this answer are behind the log, milliseconds.")),
        ("Aredvi-Stale", header(truth(), "true: what was asked for by Aredvi-Position is not all included yet.")),
        ("RateLimit-Limit", header(number(), "How many requests are allowed within the window.")),
        ("RateLimit-Remaining", header(number(), "How many more are allowed now.")),
        ("RateLimit-Reset", header(number(), "Seconds until the window ends.")),
        ("ETag", header(text(), "Names this state; send it along as If-None-Match.")),
    ]
}

fn parameters() -> [(&'static str, Parameter); 3] {
    let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_KEY_CHARS)).build();
    [
        ("Position", parameter("Aredvi-Position", text(), "A position that an answer told; this answer will include it.")),
        ("Prefer", parameter("Prefer", text(), "`wait=N`: wait at most N seconds for the position, 2 by default and at most.")),
        ("IdempotencyKey", parameter("Idempotency-Key", key, "The same key and body within 24 hours have one effect.")),
    ]
}

fn header(schema: Object, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn parameter(name: &str, schema: Object, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(utoipa::openapi::Required::False)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn number() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).build()
}

fn truth() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).build()
}
