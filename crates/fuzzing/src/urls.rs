//! Where engines are, and other settings that are given as text. The first byte chooses.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use aredvi_api::extract::TrustedProxies;
use aredvi_api::middleware::rate_limit::Limits;
use aredvi_events::{Clock, Mint, Topic};
use aredvi_journal::JournalUrl;
use aredvi_notifier::channels::MailUrl;
use aredvi_projectors::cache::CacheUrl;
use aredvi_projectors::db::DbUrl;
use aredvi_projectors::keys::master::master_key;

use crate::choice;

/// Stands for a password wherever one may stand.
const SECRET: &str = "s3cr3t-w0rd";

/// What is shown of a URL can be read, and is shown alike; a password is never shown, neither in an error.
pub fn target(data: &[u8]) {
    let Some((first, text)) = choice(data) else { return };
    match first % 8 {
        0 => {
            if let Ok(url) = text.parse::<JournalUrl>() {
                assert_eq!(url.to_string().parse(), Ok(url));
            }
        }
        1 => secret::<DbUrl>("mysql://ana", text),
        2 => secret::<CacheUrl>("redis://ana", text),
        3 => secret::<MailUrl>("smtp://ana", text),
        4 => secret::<MailUrl>("smtps://ana", text),
        5 => {
            let _ = text.parse::<TrustedProxies>();
            let _ = text.parse::<Limits>();
        }
        6 => {
            if let Ok(topic) = text.parse::<Topic>() {
                assert_eq!(topic.name(), text);
                assert_eq!(Topic::from_number(topic.number()), Some(topic));
            }
        }
        _ => key(text),
    }
    shown::<DbUrl>(text);
    shown::<CacheUrl>(text);
    shown::<MailUrl>(text);
}

fn shown<U: FromStr + Display>(text: &str) {
    let Ok(url) = text.parse::<U>() else { return };
    let shown = url.to_string();
    if let Ok(again) = shown.parse::<U>() {
        assert_eq!(again.to_string(), shown, "what is shown of a URL is shown alike");
    }
}

fn secret<U: FromStr<Err: Debug + Display> + Debug + Display>(scheme: &str, rest: &str) {
    // Line breaks and tabs are no part of a URL.
    if rest.replace(['\n', '\r', '\t'], "").contains(SECRET) {
        return;
    }
    let said = match format!("{scheme}:{SECRET}@{rest}").parse::<U>() {
        Ok(url) => format!("{url} {url:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!said.contains(SECRET), "a password is shown: {said}");
}

fn key(text: &str) {
    let mint = Mint::seeded(Clock::default(), 1);
    let said = |text| master_key(Some(text), None, &mint).err().map(|error| format!("{error} {error:?}"));
    // What is said of any key that is none is no key, even when this one happens to be a part of it.
    let of_any = said("no key").unwrap_or_default();
    if let Some(said) = said(text).filter(|_| text.trim().len() >= 8 && !of_any.contains(text.trim())) {
        assert!(!said.contains(text.trim()), "a key is shown");
    }
}
