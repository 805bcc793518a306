//! What happens to every request around its handler.

pub mod cors;
pub mod guard;
pub mod observe;
pub mod rate_limit;
pub mod security;
pub mod trace;

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Mint;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;

use crate::extract::TrustedProxies;
use crate::extract::json::MAX_BODY_BYTES;
use crate::problem;

/// What all routes have in common.
#[derive(Clone)]
pub struct Shell {
    /// The clock, and the randomness of traces.
    pub mint: Mint,
    /// The proxies that are believed whom they forward for.
    pub trusted_proxies: TrustedProxies,
    /// The origins this server is reached under, `https://example.org`: the public URL's. Empty: each request's `Host`.
    pub own_origins: Vec<String>,
    /// The origins whose scripts may use the API and its cookies.
    pub cors_origins: Vec<String>,
    /// Whether clients reach this server by HTTPS alone.
    pub https: bool,
    /// The longest until an answer begins: [`REQUEST_LIMIT`](guard::REQUEST_LIMIT).
    pub request_limit: Duration,
}

/// Puts the shell around all routes: call it last, on the router that is served.
///
/// From the outside: trace, metrics, panics, CORS, security headers; then address, XSRF, time limit and body limit; then
/// the handler. Unknown paths and methods are problems as well.
pub fn around(router: Router, shell: Shell) -> Router {
    let (cors, https, shell) = (cors::layer(&shell.cors_origins), shell.https, Arc::new(shell));
    router
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&shell), guard::guard))
        .layer(from_fn(move |request, next| security::harden(https, request, next)))
        .layer(cors)
        .layer(CatchPanicLayer::custom(problem::panicked as fn(_) -> _))
        .layer(from_fn_with_state(shell, observe::observe))
}

#[cfg(test)]
mod tests;
