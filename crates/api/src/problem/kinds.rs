//! Every problem there is, one constructor each.

use std::time::Duration;

use axum::http::StatusCode;

use super::{FieldError, Problem};

/// When to repeat a write whose outcome is unknown.
pub const OUTCOME_UNKNOWN_RETRY: Duration = Duration::from_secs(1);
/// When to come back while an engine is away or a bound is reached.
pub const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);
/// When to come back while the first request with the same idempotency key is still in work.
pub const IN_PROGRESS_RETRY: Duration = Duration::from_secs(1);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        impl Problem {$(
            $(#[$doc])*
            pub const fn $name() -> Self {
                Self::new(StatusCode::$status, $code, $title)
            }
        )*}

        /// The codes of all kinds above, for tests and documents.
        #[cfg(test)]
        const PLAIN: &[Problem] = &[$(Problem::$name(),)*];
    };
}

kinds! {
    /// The body is no JSON.
    malformed_json = BAD_REQUEST, "malformed-json", "The body is not JSON.";
    /// The body ended early, or came too slowly.
    incomplete_body = BAD_REQUEST, "incomplete-body", "The body did not arrive whole.";
    /// Somebody has to sign in for this.
    sign_in_required = UNAUTHORIZED, "sign-in-required", "Sign in first.";
    /// No such login, or another password: it is not told which.
    bad_credentials = UNAUTHORIZED, "bad-credentials", "The login or the password is wrong.";
    /// A program of somebody else's has to show its token for this.
    service_token_required = UNAUTHORIZED, "service-token-required", "Show a service token that is good.";
    /// Visible, but not to be done by this person.
    not_allowed = FORBIDDEN, "not-allowed", "You may not do this.";
    /// A write by cookie that does not prove where it comes from.
    cross_site = FORBIDDEN, "cross-site", "A write by cookie needs a same-origin Origin or the XSRF token.";
    /// Nothing is there for this viewer.
    not_found = NOT_FOUND, "not-found", "There is nothing here.";
    /// The path exists, the method does not.
    method_not_allowed = METHOD_NOT_ALLOWED, "method-not-allowed", "This cannot be done here.";
    /// The username is somebody's, or was.
    username_taken = CONFLICT, "username-taken", "The username is taken.";
    /// The e-mail address is somebody's.
    email_taken = CONFLICT, "email-taken", "The e-mail address is taken.";
    /// What stands before it has to be looked at first.
    behind_another = CONFLICT, "behind-another", "Something else stands before it.";
    /// Something else is called so.
    name_taken = CONFLICT, "name-taken", "The name is taken.";
    /// The body is larger than is read.
    payload_too_large = PAYLOAD_TOO_LARGE, "payload-too-large", "The body is too large.";
    /// The body is of a type that is not read here.
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be application/json.";
    /// The idempotency key was used with another body.
    idempotency_mismatch = UNPROCESSABLE_ENTITY, "idempotency-mismatch", "The idempotency key belongs to another request.";
    /// A fault of ours. The cause is in the log under the trace id.
    internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong here.";
}

impl Problem {
    /// Parts of the request are at fault: wrong type, out of range, too long.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let invalid = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request says something that cannot be.");
        Self { errors, ..invalid }
    }

    /// A cursor that this server did not make for this list.
    pub fn bad_cursor() -> Self {
        let error = FieldError::new("/cursor", "bad-cursor", "must be `next` of a page of this list");
        Self { errors: vec![error], ..Self::new(StatusCode::BAD_REQUEST, "bad-cursor", "The cursor is not one of this list.") }
    }

    /// A position token that this server did not make, or one beyond the log's end.
    pub fn bad_position() -> Self {
        let error = FieldError::new("/Aredvi-Position", "bad-position", "must be the Aredvi-Position of an answer");
        Self { errors: vec![error], ..Self::new(StatusCode::BAD_REQUEST, "bad-position", "The position is not one of this log.") }
    }

    /// The first request with the same idempotency key is still in work.
    pub const fn in_progress() -> Self {
        Self::new(StatusCode::CONFLICT, "in-progress", "The same request is still in work.").retry_after(IN_PROGRESS_RETRY)
    }

    /// Too many requests; `wait` until there is room again.
    pub const fn rate_limited(wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Too many requests.").retry_after(wait)
    }

    /// The write may or may not be on the log: repeat it with the same idempotency key.
    pub const fn outcome_unknown() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", "It is not known whether this was done.")
            .retry_after(OUTCOME_UNKNOWN_RETRY)
    }

    /// What a write whose event is on the log answers when its resource cannot be shown: never that nothing was done.
    pub fn of_what_was_written(self) -> Self {
        if self.status == StatusCode::SERVICE_UNAVAILABLE { Self::outcome_unknown() } else { self }
    }

    /// Something this needs is away, or a bound is reached.
    pub const fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This cannot be done right now.").retry_after(UNAVAILABLE_RETRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_never_said_to_be_undone() {
        assert_eq!(Problem::unavailable().of_what_was_written(), Problem::outcome_unknown());
        assert_eq!(Problem::not_found().of_what_was_written(), Problem::not_found());
    }

    #[test]
    fn every_code_is_kebab_case_and_stands_once() {
        let mut all = PLAIN.to_vec();
        all.extend([
            Problem::bad_cursor(),
            Problem::bad_position(),
            Problem::invalid(Vec::new()),
            Problem::in_progress(),
            Problem::rate_limited(Duration::ZERO),
            Problem::outcome_unknown(),
            Problem::unavailable(),
        ]);
        let mut codes: Vec<_> = all.iter().map(|problem| problem.code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
        for problem in &all {
            assert!(problem.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", problem.code);
            assert!(problem.status.is_client_error() || problem.status.is_server_error());
        }
    }
}
