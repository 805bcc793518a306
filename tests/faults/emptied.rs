//! The cache loses everything: the same tokens work again, and nobody is told that he is not signed in.

use std::sync::Mutex;
use std::time::Duration;

use crate::world::column::Column;
use crate::world::engines::delete_keys;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime, until};

/// Within this the same tokens work again.
const HEALED_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn production_the_same_tokens_work_within_five_seconds() {
    if !Column::Production.can_run() {
        return;
    }
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::one(Column::Production)));
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ana.get("/v1/me").await.expect(200);
        let cache = site.lock().expect("the site").cache().expect("a cache");
        let (server, prefix) = cache.split_once("?prefix=").expect("a prefix");
        assert!(delete_keys(server, prefix).await.expect("emptied") > 0, "there was nothing to lose");
        for person in [&ana, &ben] {
            until("the token works again", HEALED_LIMIT, async || {
                let answer = person.get("/v1/sessions").sent().await.ok()?;
                assert!([200, 503].contains(&answer.status.as_u16()), "{answer}");
                (answer.status == 200).then_some(())
            })
            .await;
        }
        ana.note("still here").await;
    });
}
