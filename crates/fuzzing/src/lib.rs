//! What every decoder must keep to, whatever bytes it gets.
//!
//! One function a target: it panics where a promise is broken, and returns where the bytes are merely refused. The fuzzer
//! (`src/main.rs`, by `scripts/fuzz`) and the test over the corpus run the same functions. Nothing here writes, waits or asks an engine.

mod archive;
mod cursors;
mod headers;
mod inputs;
mod record;
mod reservation;
mod seals;
mod stored;
mod texts;
mod urls;

/// One target: its name, which is its corpus' directory too, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("archive", archive::target),
    ("cursors", cursors::target),
    ("headers", headers::target),
    ("inputs", inputs::target),
    ("record", record::target),
    ("reservation", reservation::target),
    ("seals", seals::target),
    ("stored", stored::target),
    ("texts", texts::target),
    ("urls", urls::target),
];

/// Runs the target called `name`; none has another name.
///
/// # Panics
/// Where the target's promise is broken, and where there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, body) = target.unwrap_or_else(|| panic!("no target is called `{name}`"));
    body(data);
}

/// The first byte, which chooses what is tried, and the rest as text.
fn choice(data: &[u8]) -> Option<(u8, &str)> {
    let (&first, rest) = data.split_first()?;
    Some((first, std::str::from_utf8(rest).ok()?))
}
