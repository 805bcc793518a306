//! One report a file: what it measures, how, and with what it is compared.

mod all;
mod bell;
mod complete;
mod embedded;
mod fanout;
mod home;
mod posts;
mod probe;
mod ready;
mod rebuild;
mod signins;
mod visible;

pub use all::run;
