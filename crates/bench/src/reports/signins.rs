//! A flood of sign-ins, and what others notice of it.

use std::sync::Arc;

use crate::cli::SignIns;
use crate::community::{Community, PASSWORD, Random};
use crate::load::http::post;
use crate::load::{self, Answer, Open, Work};
use crate::report::Section;
use crate::site::{People, Site};

/// What the others read.
const PAGE: &str = "/v1/feed?limit=20";

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &SignIns) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "signins",
        &[
            "Open loops, Poisson arrivals: people sign in with the right password (Argon2id, 19 MiB, two passes), others read their home \
             pages. First the pages alone, then both. A sign-in that finds no free place is answered with 503 at once or after a second.",
        ],
    );
    let address = site.column.api()?;
    for run in 0..settings.runs.runs {
        let seconds = settings.runs.seconds;
        let pages = || load::open(&site.clock, address, Open::new(settings.pages, seconds), Readers::of(&site.people, run));
        let alone = pages().await;
        section.load(&format!("{:.0} pages/s alone", settings.pages), &alone);
        let flood = load::open(&site.clock, address, Open::new(settings.rate, seconds), SignIn::of(&site.people, run));
        let costs = site.column.costs();
        let (signed, read) = tokio::join!(flood, pages());
        let at = format!("beside {:.0} sign-ins/s", settings.rate);
        section.aim(format!("{at}: p99 of pages"), "ms", "< 25 ms", read.ms(99.0));
        section.load(&format!("{at}: pages"), &read);
        section.add(format!("{at}: signed in"), "/s", signed.rate());
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let busy = signed.failures.get("503").copied().unwrap_or(0) as f64;
        section.add(format!("{at}: answered with 503"), "/s", busy / signed.seconds.max(1e-9));
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let other = signed.failed() as f64 - busy;
        section.add(format!("{at}: failed otherwise"), "", other);
        section.costs(&at, &costs.so_far());
    }
    Ok(section)
}

/// Everybody signs in.
struct SignIn {
    people: Arc<People>,
    run: u32,
}

impl SignIn {
    fn of(people: &Arc<People>, run: u32) -> Arc<Self> {
        Arc::new(Self { people: Arc::clone(people), run })
    }
}

impl Work for SignIn {
    fn request(&self, n: u64) -> Vec<u8> {
        let person = self.people.any(&mut Random::new(u64::from(self.run), n));
        let body = serde_json::json!({ "login": Community::username(person), "password": PASSWORD });
        post("/v1/sessions", None, &body.to_string())
    }

    fn succeeded(&self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 201
    }
}

/// Everybody reads.
struct Readers {
    people: Arc<People>,
    run: u32,
}

impl Readers {
    fn of(people: &Arc<People>, run: u32) -> Arc<Self> {
        Arc::new(Self { people: Arc::clone(people), run })
    }
}

impl Work for Readers {
    fn request(&self, n: u64) -> Vec<u8> {
        self.people.get(self.people.any(&mut Random::new(u64::from(self.run) + 1, n)), PAGE)
    }

    fn succeeded(&self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 200
    }
}
