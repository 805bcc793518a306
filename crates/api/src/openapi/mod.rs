//! The API described by itself: OpenAPI 3.1 from the code, and a page to browse and try it.
//!
//! A handler's `#[utoipa::path]` says only what is particular to it: parameters, body, what it answers when all is well,
//! and `security(("token" = []), ("cookie" = []))` where one must be signed in. What all calls have in common is added
//! here, by rule: problems, the headers of positions and lag, idempotency keys.

mod common;
mod docs;
mod parts;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::{ContentBuilder, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::etag;

/// Where the description is served.
pub const PATH: &str = "/v1/openapi.json";

/// A router to put documented routes on; ends in [`serve`].
pub fn router<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info()).paths(Paths::new()).build())
}

/// The routes, with the description of all of them at [`PATH`] and the page at `/docs`.
///
/// # Errors
/// When the description cannot be written as JSON.
pub fn serve<S: Clone + Send + Sync + 'static>(documented: OpenApiRouter<S>) -> Result<Router<S>, serde_json::Error> {
    let (router, description) = documented.split_for_parts();
    let json = Bytes::from(serde_json::to_vec(&complete(description))?);
    let described = get(|headers: HeaderMap| async move { etag::answer_bytes(&headers, json, "public, no-cache") });
    Ok(router.route(PATH, described).merge(docs::router(PATH)))
}

/// Adds to the description of the routes what they have in common.
pub fn complete(mut description: OpenApi) -> OpenApi {
    let json = ContentBuilder::new().schema(Some(ObjectBuilder::new())).build();
    let whole = ResponseBuilder::new().description("This description.").content("application/json", json).build();
    let operation = OperationBuilder::new()
        .operation_id(Some("openapi"))
        .tag("meta")
        .description(Some("The description of this API."))
        .response("200", whole);
    description.paths.paths.insert(PATH.to_owned(), PathItem::new(HttpMethod::Get, operation));
    parts::add(description.components.get_or_insert_default());
    for (path, item) in &mut description.paths.paths {
        common::add(path, item);
    }
    description
}

fn info() -> utoipa::openapi::Info {
    InfoBuilder::new()
        .title("Aredvi")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The social backend of a community: people, feeds and notifications on an event log."))
        .license(Some(License::new("AGPL-3.0-or-later")))
        .build()
}

#[cfg(test)]
mod tests;
