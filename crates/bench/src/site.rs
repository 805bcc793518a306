//! What every report stands on: a loaded community, the roles on it, and requests in people's names.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use aredvi_events::Clock;

use crate::cli::Place;
use crate::column::Column;
use crate::community::{Community, Random};
use crate::engines::{Dir, Engines};
use crate::load::http::{get, post};
use crate::load::{Answer, Work};
use crate::loading;

/// Of the posts, so many mention somebody.
const MENTIONS: f64 = 0.10;
/// And so many stand on the page of somebody whom the author follows.
const ON_OTHERS_PAGES: f64 = 0.05;
/// How the mix is told in reports.
pub const MIX: &str = "Posts are notes of about 140 characters by people chosen evenly; 10 % mention somebody, 5 % stand on \
                       the page of somebody whom the author follows (groups do not exist yet).";

/// A community at work.
pub struct Site {
    /// For waits.
    pub clock: Clock,
    /// The engines.
    pub engines: Engines,
    /// Where files are.
    pub dir: Dir,
    /// Kafka's jars.
    pub kafka_libs: PathBuf,
    /// Who there is.
    pub people: Arc<People>,
    /// The roles.
    pub column: Column,
}

/// The people, each with a session.
pub struct People {
    /// Who they are.
    pub community: Community,
    tokens: Vec<String>,
}

impl Site {
    /// Starts every role on the loaded community.
    ///
    /// # Errors
    /// When none is loaded, or a role does not start.
    pub async fn open(clock: &Clock, place: &Place) -> anyhow::Result<Self> {
        let (engines, dir) = (Engines::named(&place.prefix)?, place.dir());
        let sizes = loading::loaded(&dir)?.context("no community is loaded: bench load")?;
        let people = Arc::new(People::of(Community::new(sizes)));
        eprintln!("starting the roles …");
        let column = Column::start(clock, &engines, &dir).await?;
        Ok(Self { clock: clock.clone(), engines, dir, kafka_libs: place.kafka_libs.clone(), people, column })
    }

    /// Reads the page that `request` asks for once, so that what is measured is known to be an answer.
    ///
    /// # Errors
    /// When it is not answered with 200.
    pub async fn sample(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut connection = crate::load::Connection::open(self.column.api()?).await?;
        let Answer { status, body, .. } = connection.exchange(request).await?;
        ensure!(status == 200, "answered with {status}: {}", String::from_utf8_lossy(body));
        Ok(body.to_vec())
    }
}

impl People {
    /// With their tokens.
    pub fn of(community: Community) -> Self {
        let tokens = (0..community.people()).map(|person| community.token(person).reveal().to_owned()).collect();
        Self { community, tokens }
    }

    /// A person's token.
    pub fn token(&self, person: usize) -> &str {
        self.tokens.get(person).map_or("", String::as_str)
    }

    /// Somebody, by chance.
    pub fn any(&self, random: &mut Random) -> usize {
        usize::try_from(random.below(self.community.people() as u64)).unwrap_or(0)
    }

    /// A request of a person for a page.
    pub fn get(&self, person: usize, path: &str) -> Vec<u8> {
        get(path, Some(self.token(person)))
    }

    /// A note of a person.
    pub fn note(&self, person: usize, body: &str) -> Vec<u8> {
        post("/v1/notes", Some(self.token(person)), &serde_json::json!({ "body": body }).to_string())
    }
}

/// Posts of the usual mix, another for each run.
pub struct Mix {
    people: Arc<People>,
    run: u64,
}

impl Mix {
    /// Of a run.
    pub fn new(people: &Arc<People>, run: u64) -> Arc<Self> {
        Arc::new(Self { people: Arc::clone(people), run })
    }
}

impl Work for Mix {
    fn request(&self, n: u64) -> Vec<u8> {
        let mut random = Random::new(self.run, n);
        let author = self.people.any(&mut random);
        let chance = random.unit();
        let mut body = format!(
            "Run {}, post {n}: the ferry leaves at noon, whoever wants to come brings bread and something to read",
            self.run
        );
        if chance < MENTIONS {
            body.push_str(&format!(", says @{}", Community::username(self.people.any(&mut random))));
            return self.people.note(author, &body);
        }
        body.push_str(" while we wait for rain");
        let community = &self.people.community;
        let leader = if chance < MENTIONS + ON_OTHERS_PAGES { community.a_leader(author) } else { None };
        match leader {
            Some(leader) => {
                let note = serde_json::json!({ "body": body, "owner": community.id(leader) });
                post("/v1/notes", Some(self.people.token(author)), &note.to_string())
            }
            None => self.people.note(author, &body),
        }
    }

    fn succeeded(&self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 201
    }
}
