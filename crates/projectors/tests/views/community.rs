//! The law over all views together: one community's log, which reaches each of them in its own way.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use aredvi_events::actors::ActorEvent;
use aredvi_events::codec::Body;
use aredvi_events::{ActorId, Event};
use aredvi_projectors::view::Derived;
use aredvi_projectors::views;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::accounts::Request;
use crate::laws::{Delivery, deliver, delivery};
use crate::log::{Log, id};
use crate::world::World;
use crate::{accounts, actors, agreement, engines, graph, media, notification_feed};

/// Communities tried on the embedded engine, and on a server, where each costs more.
const CASES: [u32; 2] = [64, 4];
/// The most happenings of one; some make more than one event.
const HAPPENINGS: usize = 80;

/// Every view by its name, each in its schema.
pub(crate) type Worlds<'a> = BTreeMap<&'static str, World<'a>>;

/// What happens in a community; people are small numbers.
#[derive(Debug, Clone)]
enum Happening {
    Asked(Request),
    Profile(u8, u64, u8),
    Pair(u8, u64, u64),
    Medium(media::Said),
    Told(u64, notification_feed::What),
}
use Happening::{Asked, Medium, Pair, Profile, Told};

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => accounts::request().prop_map(Asked),
        1 => (3_u8..7, 1_u64..5, 0_u8..4).prop_map(|(what, person, variant)| Profile(what, person, variant)),
        3 => (0_u8..9, 1_u64..5, 1_u64..5).prop_map(|(what, from, to)| Pair(what, from, to)),
        4 => media::said().prop_map(Medium),
        2 => (1_u64..5, notification_feed::what()).prop_map(|(recipient, what)| Told(recipient, what)),
    ]
}

/// A community's log in the making, with the verdicts of its decider.
struct Community<'a> {
    decider: &'a World<'a>,
    log: Log,
    verdicts: Vec<Event>,
    came: BTreeSet<u64>,
    registered: BTreeSet<ActorId>,
    erased: Vec<ActorId>,
    media: media::Begun,
    told: notification_feed::Raised,
}

impl<'a> Community<'a> {
    fn new(decider: &'a World<'a>) -> Self {
        Self {
            decider,
            log: Log::default(),
            verdicts: Vec::new(),
            came: BTreeSet::new(),
            registered: BTreeSet::new(),
            erased: Vec::new(),
            media: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    async fn live(&mut self, happening: &Happening) {
        match happening {
            Asked(request) => {
                if self.is_let_in(accounts::person_of(*request)).await {
                    self.ask(*request).await;
                }
            }
            Profile(what, person, variant) => {
                if self.is_let_in(*person).await {
                    actors::push(&mut self.log, *what, *person, *variant);
                }
            }
            Pair(what, from, to) => graph::push(&mut self.log, *what, *from, *to),
            Medium(said) => media::push_said(&mut self.log, &mut self.media, said),
            Told(recipient, what) => notification_feed::push_told(&mut self.log, &mut self.told, *recipient, what),
        }
    }

    /// Whether a person is registered; his registration comes first. Who was refused has an id that nobody has, and asks
    /// for nothing under it.
    async fn is_let_in(&mut self, person: u64) -> bool {
        if self.came.insert(person) {
            // The second and the third want the same name.
            let name = u8::try_from(person / 2).expect("a small number");
            self.ask(Request::Register(person, name, name)).await;
        }
        self.registered.contains(&id(person))
    }

    /// Appends a request, and what the decider says to it.
    async fn ask(&mut self, request: Request) {
        accounts::push(&mut self.log, request);
        let asked = self.log.placed.last().map(slice::from_ref).unwrap_or_default();
        for Derived { event, .. } in self.decider.apply(asked).await {
            if let Body::Actors(ActorEvent::PersonRegistered(e)) = &event.body {
                self.registered.insert(e.person);
            } else if let Body::Actors(ActorEvent::PersonErased(e)) = &event.body {
                self.erased.push(e.person);
            }
            self.verdicts.push(event.clone());
            self.log.append(event);
        }
    }
}

/// Holds all views to the law over one community. When erasures were `early`, the keys of the erased are gone before
/// anything is applied.
async fn hold(
    worlds: &mut Worlds<'_>,
    happenings: &[Happening],
    deliveries: &[Delivery],
    early: bool,
) -> Result<(), TestCaseError> {
    for world in worlds.values_mut() {
        world.erase(&[]);
        world.clear().await;
    }
    let mut community = Community::new(&worlds["accounts"]);
    for happening in happenings {
        community.live(happening).await;
    }
    let Community { log, verdicts, erased, .. } = community;
    for ((&view, world), delivery) in worlds.iter_mut().zip(deliveries) {
        if early {
            world.erase(&erased);
        }
        let events = world.its_part(&log.placed);
        world.clear().await;
        for event in &events {
            world.apply(slice::from_ref(event)).await;
        }
        let one_by_one = world.rows().await;
        world.clear().await;
        let derived: Vec<Event> = deliver(world, &events, delivery).await.into_iter().map(|derived| derived.event).collect();
        prop_assert_eq!(&world.rows().await, &one_by_one, "another delivery of {} differs", view);
        prop_assert_eq!(&derived, if view == "accounts" { &verdicts[..] } else { &[] }, "what follows from {} differs", view);
    }
    agreement::hold(worlds).await
}

#[test]
fn all_views_of_a_community_agree_however_its_log_reached_each() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = views::all();
    let happenings = prop::collection::vec(happening(), 0..HAPPENINGS);
    let given = (happenings, prop::collection::vec(delivery(), all.len()), any::<bool>());
    for (engine, cases) in engines::engines().into_iter().zip(CASES) {
        let mut worlds = Worlds::new();
        for view in &all {
            worlds.insert(view.name(), runtime.block_on(World::open(view.as_ref(), &engine.url)));
        }
        let worlds = RefCell::new(worlds);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&given, |(happenings, deliveries, early)| {
                let mut worlds = worlds.borrow_mut();
                runtime.block_on(hold(&mut worlds, &happenings, &deliveries, early))
            })
            .expect("all views agree");
        for world in worlds.into_inner().into_values() {
            runtime.block_on(world.db.close());
        }
    }
}
