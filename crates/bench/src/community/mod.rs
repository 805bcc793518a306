//! The community that is measured: who there is, who follows whom, who wrote what. All of it follows from a seed and a
//! few sizes, so that nothing has to be kept but those.

mod degrees;
pub mod history;
mod ids;
mod random;

use std::collections::HashSet;

use aredvi_events::{ActorId, Clock, Mint};
use aredvi_projectors::sessions::Token;
use serde::{Deserialize, Serialize};

pub use random::Random;

/// The person that a tenth of all follow.
pub const CELEBRITY: usize = 0;
/// The person whose page many subscribe to.
pub const PAGE: usize = 1;
/// Everybody's password.
pub const PASSWORD: &str = "ferry-lantern-quartz";
/// The most leaders of one person.
const MOST_LEADERS: usize = 4_500;
/// The most followers of anybody but the celebrity, as a share of all; where that is few, so many times the average.
const MOST_FOLLOWERS: f64 = 0.02;
const MOST_TIMES_AVERAGE: f64 = 4.0;
/// The celebrity's share: one in so many.
const CELEBRITY_ONE_IN: usize = 10;

/// What a community is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// What all its chances follow from.
    pub seed: u64,
    /// How many people.
    pub people: usize,
    /// How many leaders each has on average.
    pub leaders: usize,
    /// How many notes there are.
    pub stories: u64,
    /// How many notifications there are.
    pub notifications: u64,
    /// How many subscribe to [`PAGE`].
    pub subscribers: usize,
}

/// A community; people are numbered from 0.
pub struct Community {
    /// What it was made from.
    pub sizes: Sizes,
    /// How many leaders each has.
    out: Vec<u32>,
    /// The chance of everybody up to a number to be chosen as a leader, cumulated.
    popularity: Vec<f64>,
    /// Whose number is below a tenth here follows the celebrity.
    fans: Vec<u32>,
}

/// Streams of chance, one for each use.
mod stream {
    pub const ACTIVITY: u64 = 1;
    pub const FANS: u64 = 2;
    pub const LEADERS: u64 = 1 << 40;
    pub const TOKENS: u64 = 2 << 40;
}

impl Community {
    /// Makes what is asked for often.
    #[expect(clippy::cast_precision_loss, reason = "numbers of people are far below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "degrees lie between 1 and the number of people")]
    pub fn new(sizes: Sizes) -> Self {
        let people = sizes.people;
        let most = MOST_LEADERS.min(people / 2).max(1) as f64;
        let by_rank = degrees::by_rank(people, most, sizes.leaders as f64);
        let ranks = shuffled(people, Random::new(sizes.seed, stream::ACTIVITY));
        let out = ranks.iter().map(|&rank| (by_rank[rank as usize].round() as u32).max(1)).collect();
        let mean = sizes.leaders as f64;
        let followers = degrees::by_rank(people, (people as f64 * MOST_FOLLOWERS).max(mean * MOST_TIMES_AVERAGE), mean);
        let popularity = followers
            .iter()
            .enumerate()
            .scan(0.0, |sum, (person, followers)| {
                // The celebrity's followers are chosen apart.
                *sum += if person == CELEBRITY { 0.0 } else { *followers };
                Some(*sum)
            })
            .collect();
        let fans = shuffled(people, Random::new(sizes.seed, stream::FANS));
        Self { sizes, out, popularity, fans }
    }

    /// How many people there are.
    pub const fn people(&self) -> usize {
        self.sizes.people
    }

    /// How many leaders a person has.
    pub fn leader_count(&self, person: usize) -> usize {
        self.out[person] as usize
    }

    /// The leaders of a person, each once, never himself.
    pub fn leaders(&self, person: usize) -> Vec<usize> {
        self.first_leaders(person, self.leader_count(person))
    }

    /// One of a person's leaders.
    pub fn a_leader(&self, person: usize) -> Option<usize> {
        self.first_leaders(person, 1).pop()
    }

    /// The first `wanted` of a person's leaders.
    fn first_leaders(&self, person: usize, wanted: usize) -> Vec<usize> {
        let mut random = Random::new(self.sizes.seed, stream::LEADERS + person as u64);
        let mut leaders = Vec::with_capacity(wanted);
        let mut known = HashSet::with_capacity(wanted);
        if person != CELEBRITY && (self.fans[person] as usize) < self.people() / CELEBRITY_ONE_IN {
            leaders.push(CELEBRITY);
        }
        let all = self.popularity.last().copied().unwrap_or(0.0);
        // Nobody has more leaders than half of all, so this ends soon; the bound is for odd sizes.
        for _ in 0..wanted.saturating_mul(MOST_DRAWS) {
            if leaders.len() >= wanted {
                break;
            }
            let chance = random.unit() * all;
            let leader = self.popularity.partition_point(|sum| *sum <= chance).min(self.people() - 1);
            if leader != person && leader != CELEBRITY && known.insert(leader) {
                leaders.push(leader);
            }
        }
        leaders
    }

    /// For each of `of`, up to `most` of his followers, chosen evenly; one pass over everybody.
    pub fn followers(
        &self,
        of: &HashSet<usize>,
        most: usize,
        mut random: Random,
    ) -> std::collections::HashMap<usize, Vec<usize>> {
        let mut found: std::collections::HashMap<usize, (u64, Vec<usize>)> =
            of.iter().map(|&leader| (leader, (0, Vec::new()))).collect();
        for person in 0..self.people() {
            for leader in self.leaders(person) {
                let Some((seen, kept)) = found.get_mut(&leader) else { continue };
                // Reservoir sampling (Vitter's algorithm R).
                *seen += 1;
                if kept.len() < most {
                    kept.push(person);
                } else if let Some(place) = kept.get_mut(usize::try_from(random.below(*seen)).unwrap_or(usize::MAX)) {
                    *place = person;
                }
            }
        }
        found.into_iter().map(|(leader, (_, kept))| (leader, kept)).collect()
    }

    /// People whose number of leaders is nearest to `leaders`, `most` of them.
    pub fn people_with_leaders(&self, leaders: usize, most: usize) -> Vec<usize> {
        let mut people: Vec<usize> = (0..self.people()).collect();
        people.sort_by_key(|&person| (self.leader_count(person).abs_diff(leaders), person));
        people.truncate(most);
        people
    }

    /// Those who subscribe to [`PAGE`].
    pub fn subscribers(&self) -> std::ops::Range<usize> {
        let first = PAGE + 1;
        first..self.people().min(first + self.sizes.subscribers)
    }

    /// A person's id.
    pub fn id(&self, person: usize) -> ActorId {
        ids::actor(person)
    }

    /// A person's username.
    pub fn username(person: usize) -> String {
        format!("member{person}")
    }

    /// A person's e-mail address.
    pub fn email(person: usize) -> String {
        format!("member{person}@example.org")
    }

    /// The token of a person's session.
    pub fn token(&self, person: usize) -> Token {
        let mut random = Random::new(self.sizes.seed, stream::TOKENS + person as u64);
        Token::mint(&Mint::seeded(Clock::default(), random.next()), self.id(person))
    }
}

/// Draws for each leader before a person has to do with fewer.
const MOST_DRAWS: usize = 50;

/// 0 .. n in an order by chance (Fisher–Yates).
fn shuffled(n: usize, mut random: Random) -> Vec<u32> {
    let mut all: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
    for last in (1..all.len()).rev() {
        let other = usize::try_from(random.below(last as u64 + 1)).unwrap_or(0);
        all.swap(last, other);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> Sizes {
        Sizes { seed: 7, people: 3_000, leaders: 60, stories: 100, notifications: 0, subscribers: 1_000 }
    }

    #[test]
    fn the_same_seed_makes_the_same_community_and_another_another() {
        let (one, again) = (Community::new(sizes()), Community::new(sizes()));
        let other = Community::new(Sizes { seed: 8, ..sizes() });
        for person in [0, 1, 999, 2_999] {
            assert_eq!(one.leaders(person), again.leaders(person));
            assert_eq!(one.token(person).reveal(), again.token(person).reveal());
            assert_ne!(one.leaders(person), other.leaders(person));
        }
    }

    #[test]
    fn degrees_are_as_asked_for() {
        let community = Community::new(sizes());
        let mut edges = 0;
        let mut followers = vec![0_usize; 3_000];
        for person in 0..3_000 {
            let leaders = community.leaders(person);
            assert_eq!(leaders.len(), community.leader_count(person));
            assert!(!leaders.contains(&person));
            assert_eq!(leaders.iter().collect::<HashSet<_>>().len(), leaders.len(), "each once");
            edges += leaders.len();
            leaders.iter().for_each(|&leader| followers[leader] += 1);
        }
        let mean = edges / 3_000;
        assert!((58..=62).contains(&mean), "{mean} leaders on average");
        assert!((299..=300).contains(&followers[CELEBRITY]), "a tenth follows the celebrity: {}", followers[CELEBRITY]);
        assert!(community.people_with_leaders(usize::MAX, 1).iter().all(|&person| community.leader_count(person) == 1_500));
        assert!(followers.iter().skip(1).all(|&count| count < 300), "nobody else has as many");
    }

    #[test]
    fn followers_are_followers() {
        let community = Community::new(sizes());
        let sampled = community.followers(&HashSet::from([CELEBRITY, 5]), 20, Random::new(1, 1));
        for (leader, followers) in sampled {
            assert_eq!(followers.len(), 20);
            assert!(followers.iter().all(|&follower| community.leaders(follower).contains(&leader)));
        }
    }
}
