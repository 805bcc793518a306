//! The bodies, paths and queries of requests. The first byte chooses which.

use aredvi_api::extract::json::parse;
use aredvi_api::extract::page::MAX_LIMIT;
use aredvi_api::extract::{PageQuery, PersonRef};
use aredvi_api::shapes::actors::{EmailChange, Erasure, MePatch, NewPerson, PasswordChange, UsernameChange};
use aredvi_api::shapes::comments::{CommentPatch, NewComment};
use aredvi_api::shapes::media::{NewNote, NodePatch};
use aredvi_api::shapes::notifications::MarkRead;
use aredvi_api::shapes::sessions::SignIn;
use axum::extract::FromRequestParts as _;
use axum::http::Request;
use futures_util::FutureExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is read says the same when it was written and read again; what is refused is refused with a 4xx.
pub fn target(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    match first % 14 {
        0 => body::<NewPerson>(rest),
        1 => body::<MePatch>(rest),
        2 => body::<PasswordChange>(rest),
        3 => body::<EmailChange>(rest),
        4 => body::<UsernameChange>(rest),
        5 => body::<Erasure>(rest),
        6 => body::<NewNote>(rest),
        7 => body::<NodePatch>(rest),
        8 => body::<NewComment>(rest),
        9 => body::<CommentPatch>(rest),
        10 => body::<MarkRead>(rest),
        11 => body::<SignIn>(rest),
        12 => page(rest),
        _ => person(rest),
    }
}

fn body<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    match parse::<T>(bytes) {
        Ok(read) => {
            let written = serde_json::to_vec(&read).expect("what was read can be written");
            let again = parse::<T>(&written).map(|again| serde_json::to_vec(&again).expect("written"));
            assert_eq!(again, Ok(written));
        }
        Err(problem) => {
            assert!(problem.status.is_client_error());
            assert!(problem.errors.iter().all(|error| error.pointer.is_empty() || error.pointer.starts_with('/')));
        }
    }
}

fn page(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let Ok(request) = Request::get(format!("/?{query}")).body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    match PageQuery::from_request_parts(&mut parts, &()).now_or_never().expect("it waits for nothing") {
        Ok(page) => assert!((1..=MAX_LIMIT).contains(&page.limit)),
        Err(problem) => assert!(problem.status.is_client_error()),
    }
}

fn person(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(who) = text.parse::<PersonRef>();
    match who {
        PersonRef::Id(id) => assert_eq!(id.to_string(), text),
        PersonRef::Username(name) => assert!(aredvi_api::text::is_username(&name)),
        PersonRef::Nobody => {}
    }
}
