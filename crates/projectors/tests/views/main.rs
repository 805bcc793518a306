//! The SQL views: what each event does, and the laws that all of them keep.

#[path = "../engines/mod.rs"]
mod engines;

mod accounts;
mod actors;
mod agreement;
mod community;
mod facts;
mod graph;
mod laws;
mod log;
mod media;
mod notification_feed;
mod story_feed;
mod world;
