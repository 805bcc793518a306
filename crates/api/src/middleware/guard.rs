//! What every request must pass: it has an address, a write by cookie proves its origin, and it ends in time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shell;
use crate::extract::{ClientAddress, xsrf};
use crate::problem::Problem;

/// The longest until an answer begins. A stream's answer begins at once.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Runs the handler, or refuses.
pub async fn guard(State(shell): State<Arc<Shell>>, mut request: Request, next: Next) -> Response {
    if let Err(problem) = xsrf::check(request.method(), request.headers(), &shell.own_origins) {
        return problem.into_response();
    }
    let address = ClientAddress::of(request.extensions(), request.headers(), &shell.trusted_proxies);
    request.extensions_mut().insert(address);
    let safe = request.method().is_safe();
    match shell.mint.clock().timeout(shell.request_limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if safe => Problem::unavailable().into_response(),
        Err(_) => Problem::outcome_unknown().into_response(),
    }
}
