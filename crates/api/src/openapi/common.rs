//! What every operation has in common with others of its kind, added by rule. What a handler says itself stays.

use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{Ref, RefOr, Response};

use super::parts::PROBLEMS;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Post,
    Write,
}

/// Completes the operations of one path.
pub(super) fn add(path: &str, item: &mut PathItem) {
    let operations = [
        (Kind::Read, item.get.as_mut()),
        (Kind::Post, item.post.as_mut()),
        (Kind::Write, item.put.as_mut()),
        (Kind::Write, item.patch.as_mut()),
        (Kind::Write, item.delete.as_mut()),
    ];
    for (kind, operation) in operations {
        if let Some(operation) = operation {
            add_problems(path, kind, operation);
            add_parameters(path, kind, operation);
            add_headers(path, kind, operation);
        }
    }
}

fn add_problems(path: &str, kind: Kind, operation: &mut Operation) {
    let asks = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    });
    let has_body = operation.request_body.is_some();
    let signed_in = operation.security.as_ref().is_some_and(|ways| !ways.is_empty());
    let applies = |status: &str| match status {
        "400" => has_body || asks,
        "401" => signed_in,
        "403" => kind != Kind::Read,
        "404" => path.contains('{'),
        "409" => kind == Kind::Post,
        "413" | "415" => has_body,
        "422" => has_body || asks || kind == Kind::Post,
        "429" | "503" | "default" => true,
        _ => false,
    };
    for (status, name, _) in PROBLEMS {
        if applies(status) {
            let response = RefOr::Ref(Ref::from_response_name(name));
            operation.responses.responses.entry(status.to_owned()).or_insert(response);
        }
    }
}

fn add_parameters(path: &str, kind: Kind, operation: &mut Operation) {
    let names: &[&str] = match kind {
        _ if path == super::PATH => &[],
        Kind::Read => &["Position", "Prefer"],
        Kind::Post => &["Position", "IdempotencyKey"],
        Kind::Write => &["Position"],
    };
    let parameters = operation.parameters.get_or_insert_default();
    parameters.extend(names.iter().map(|name| RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")))));
    if parameters.is_empty() {
        operation.parameters = None;
    }
}

fn add_headers(path: &str, kind: Kind, operation: &mut Operation) {
    let names: &[&str] = match kind {
        _ if path == super::PATH => &["ETag"],
        Kind::Read => &["Aredvi-Lag-Ms", "Aredvi-Stale", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
        Kind::Post | Kind::Write => &["Aredvi-Position", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
    };
    let successes = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
    for (_, response) in successes {
        if let RefOr::T(Response { headers, .. }) = response {
            for name in names {
                let header = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
                headers.entry((*name).to_owned()).or_insert(header);
            }
        }
    }
}
