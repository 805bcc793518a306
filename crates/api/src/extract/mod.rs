//! What handlers take from a request: each extractor refuses with a [`Problem`](crate::problem::Problem).

pub mod address;
pub mod credential;
pub mod idempotency;
pub mod json;
pub mod page;
pub mod path;
pub mod prefer;
pub mod query;
pub mod xsrf;

pub use address::{ClientAddress, TrustedProxies};
pub use credential::{By, Credential};
pub use idempotency::IdempotencyKey;
pub use json::Json;
pub use page::PageQuery;
pub use path::{Path, PersonRef};
pub use prefer::Wait;
pub use query::Query;
