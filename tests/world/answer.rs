//! What a server answered.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer that keeps the contract.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, for messages.
    pub asked: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Fails unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// Fails unless it is this problem.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.json()["code"].as_str()), (status, Some(code)), "{self}");
        self
    }

    /// The pointers at what is at fault.
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Its body.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The items of a page.
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        self.json()["items"].as_array().unwrap_or_else(|| panic!("no page: {self}")).clone()
    }

    /// The cursor of the next page.
    pub fn next(&self) -> Option<String> {
        self.json()["next"].as_str().map(str::to_owned)
    }

    /// The ids of a page's items.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.items().iter().map(|item| id(item)).collect()
    }

    /// Fails unless these and no others are the page's items, in this order.
    #[track_caller]
    pub fn assert_ids<S: AsRef<str>>(&self, ids: &[S]) {
        let wanted: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        assert_eq!(self.ids(), wanted, "{}", self.asked);
    }

    /// The id of what it shows.
    #[track_caller]
    pub fn id(&self) -> String {
        id(&self.json())
    }
}

/// The id of a resource.
#[track_caller]
pub fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id: {resource}")).to_owned()
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stale = if self.headers.contains_key("aredvi-stale") { " (stale)" } else { "" };
        write!(f, "{} → {}{stale} {}", self.asked, self.status, String::from_utf8_lossy(&self.body))
    }
}
