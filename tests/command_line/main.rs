//! The program as its operator sees it: its command line, its exit codes, how it starts and how it ends.

mod documents;
mod ending;
mod mistakes;
mod operating;
mod schema;
mod server;
