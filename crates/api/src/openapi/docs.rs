//! `/docs`: the description as a page, all of it from this binary.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::problem::Problem;

/// Where the page is served.
const PATH: &str = "/docs";
/// The page fetches from this server alone; its styles are written into its elements.
const OURS_ALONE: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                          frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// Turns off the badge of an outside validator.
const NO_VALIDATOR: &str = "none";

/// The page for the description at `description`.
pub(super) fn router<S: Clone + Send + Sync + 'static>(description: &'static str) -> Router<S> {
    let config = Config::from(description).validator_url(NO_VALIDATOR).try_it_out_enabled(true);
    Router::from(SwaggerUi::new(PATH).config(config)).layer(from_fn(ours_alone))
}

async fn ours_alone(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return Problem::not_found().into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(OURS_ALONE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
