//! The description of a few calls, and the page.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::routes;

use super::{router, serve};
use crate::extract::page::PageParams;
use crate::extract::{Json, PageQuery, Path};
use crate::shapes::Page;
use crate::shapes::actors::{MePatch, NewPerson, Registered, Registration};
use crate::shapes::media::{NewNote, NodeCard};
use crate::shapes::names::IdText;
use crate::shapes::notifications::{MarkRead, Notification, Unread};
use crate::shapes::stories::Story;

/// What stands on an actor's page.
#[utoipa::path(get, path = "/v1/actors/{id}/stories", params(("id" = IdText, Path), PageParams),
    responses((status = 200, description = "A page.", body = Page<Story>)))]
async fn stories(Path(_id): Path<aredvi_events::ActorId>, _page: PageQuery) -> StatusCode {
    StatusCode::OK
}

/// Writes a note.
#[utoipa::path(post, path = "/v1/notes", security(("token" = []), ("cookie" = [])), request_body = NewNote,
    responses((status = 201, description = "The note.", body = NodeCard)))]
async fn note(Json(_note): Json<NewNote>) -> StatusCode {
    StatusCode::CREATED
}

/// Everything else that has a shape.
#[utoipa::path(post, path = "/v1/others", request_body = NewPerson, responses(
    (status = 200, body = Registered), (status = 201, body = Page<Notification>), (status = 202, body = Registration),
    (status = 203, body = Unread), (status = 206, body = MarkRead), (status = 207, body = MePatch)))]
async fn others() -> StatusCode {
    StatusCode::OK
}

async fn got(path: &str) -> (StatusCode, HeaderMap, String) {
    let routes = router().routes(routes!(stories)).routes(routes!(note)).routes(routes!(others));
    let served: Router = serve(routes).expect("written");
    let request = Request::get(path).body(Body::empty()).expect("request");
    let (parts, body) = served.oneshot(request).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("body").to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

async fn description() -> Value {
    serde_json::from_str(&got(super::PATH).await.2).expect("json")
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(reference) if name == "$ref" => {
                        found.insert(reference);
                    }
                    Some(_) | None => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_refers_to_nothing_it_lacks() {
    let description = description().await;
    assert_eq!(description["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.contains("#/components/schemas/Problem") && found.contains("#/components/schemas/Id"), "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("local");
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn what_calls_have_in_common_is_added_by_rule() {
    let description = description().await;
    let statuses =
        |operation: &Value| -> Vec<String> { operation["responses"].as_object().expect("responses").keys().cloned().collect() };
    let note = &description["paths"]["/v1/notes"]["post"];
    let expected = ["201", "400", "401", "403", "409", "413", "415", "422", "429", "503", "default"];
    assert_eq!(statuses(note), expected);
    assert_eq!(note["responses"]["401"]["$ref"], "#/components/responses/SignInRequired");
    assert!(note["parameters"].to_string().contains("#/components/parameters/IdempotencyKey"));
    assert!(note["responses"]["201"]["headers"]["Aredvi-Position"].is_object());
    let stories = &description["paths"]["/v1/actors/{id}/stories"]["get"];
    assert_eq!(statuses(stories), ["200", "400", "404", "422", "429", "503", "default"]);
    assert!(stories["responses"]["200"]["headers"]["Aredvi-Lag-Ms"].is_object());
    assert!(description["components"]["securitySchemes"]["token"]["scheme"] == "bearer");
}

#[tokio::test]
async fn shapes_are_described_as_they_are_written() {
    let description = description().await;
    let schemas = &description["components"]["schemas"];
    assert_eq!(schemas["Id"]["type"], "string");
    assert_eq!(schemas["ActorCard"]["properties"]["id"]["$ref"], "#/components/schemas/Id");
    assert_eq!(schemas["ActorCard"]["required"], serde_json::json!(["id", "type", "username", "name", "avatar"]));
    assert_eq!(schemas["NodeCard"]["properties"]["title"]["type"], serde_json::json!(["string", "null"]));
    assert_eq!(schemas["Session"]["properties"]["token"]["type"], "string");
    assert_eq!(schemas["Access"]["enum"][0], "public");
    assert_eq!(schemas["Time"]["format"], "date-time");
    let required = schemas["NewNote"]["required"].as_array().expect("fields");
    assert_eq!(required, &[serde_json::json!("body")]);
    assert_eq!(schemas["Page_Story"]["properties"]["items"]["items"]["$ref"], "#/components/schemas/Story");
    assert_eq!(schemas["ObjectCard"]["oneOf"].as_array().expect("two").len(), 2);
    assert!(schemas["MePatch"]["required"].is_null());
}

#[tokio::test]
async fn the_page_needs_no_outside_host() {
    let (status, headers, page) = got("/docs/").await;
    assert_eq!(status, 200);
    assert!(headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'self';"));
    assert!(!page.contains("//"), "an address in the page");
    let assets = ["src=\"", "href=\""].iter().flat_map(|attribute| page.split(attribute).skip(1));
    let assets: Vec<&str> = assets.filter_map(|rest| rest.split('"').next()).collect();
    assert!(assets.len() >= 5, "{assets:?}");
    for asset in assets {
        let (status, _, body) = got(&format!("/docs/{}", asset.trim_start_matches("./"))).await;
        assert!(status == 200 && !body.is_empty(), "{asset}");
    }
    let (_, _, initializer) = got("/docs/swagger-initializer.js").await;
    assert!(initializer.contains("\"validatorUrl\": \"none\"") && initializer.contains("\"/v1/openapi.json\""), "{initializer}");
    assert!(!initializer.replace("//<", "").contains("https://"), "{initializer}");
    assert!(got("/docs").await.0.is_redirection());
    assert_eq!(got("/docs/nothing.js").await.0, 404);
}
