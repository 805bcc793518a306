//! From the journal to what is read: the engines behind the views, the runner, the views themselves, and the one
//! function that says who may see what.
//!
//! A view owns its schema: nobody else names its tables, and no query joins two views.

pub mod accounts;
pub mod actors;
mod behind;
pub mod cache;
pub mod control;
pub mod db;
pub mod facts;
mod followed;
pub mod graph;
pub mod keys;
pub mod media;
pub mod notification_feed;
pub mod recent;
mod rows;
pub mod runner;
pub mod seen;
pub mod sessions;
pub mod story_feed;
pub mod trouble;
pub mod view;
pub mod views;
pub mod visibility;
pub mod webhooks;
