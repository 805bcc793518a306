//! Two of each role, one of each killed: what is written and read goes on with the other.

use std::sync::Mutex;
use std::time::Duration;

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime, until};

/// Which process of a [`Shape::Many`](crate::world::site::Shape) is which.
const PROJECTOR_1: usize = 0;
/// The first api, whose clients move to the second.
const API_1: usize = 4;
/// The second api among those that answer clients.
const SURVIVOR: usize = 1;
/// A dead projector's partitions move within its lease and a round; the machine may be busy.
const MOVED_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn production_an_api_and_a_projector_are_killed_and_nobody_misses_a_post() {
    if !Column::Production.can_run() {
        return;
    }
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::usual(Column::Production)));
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ben.follow(&ana).await;
        let mut heard = ben.at(0).listen(None).await;
        let before = ana.note("before").await;
        // The follow may be told first: it is a story of his own.
        while heard.next_of("story").await["object"]["id"] != before.as_str() {}
        let last = heard.last_id.clone();
        {
            let mut site = site.lock().expect("the site");
            site.kill(PROJECTOR_1);
            site.kill(API_1);
        }
        let (ana, ben) = (ana.at(SURVIVOR), ben.at(SURVIVOR));
        let after = ana.note(&format!("after, @{}", ben.username)).await;
        let mut heard = ben.at(0).listen(Some(&last)).await;
        assert_eq!(heard.next_of("story").await["object"]["id"], after);
        until("both notes in the follower's feed", MOVED_LIMIT, async || {
            let feed = ben.feed().await;
            let notes: Vec<String> =
                feed.items().iter().filter_map(|story| story["object"]["id"].as_str().map(str::to_owned)).collect();
            let newest: Vec<&str> = notes.iter().map(String::as_str).take(2).collect();
            (newest == [after.as_str(), before.as_str()]).then_some(())
        })
        .await;
        until("the bell", MOVED_LIMIT, async || {
            let told = ben.get("/v1/notifications").await.expect(200).items();
            told.iter().any(|told| told["object"]["id"] == after.as_str()).then_some(())
        })
        .await;
        registers(&world.newcomer("Cai").at(SURVIVOR)).await;
        let mut rebuild = site.lock().expect("the site").command(&["rebuild", "media"]);
        let rebuilt = tokio::task::spawn_blocking(move || rebuild.output().expect("aredvi")).await.expect("it runs");
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
        ana.get(format!("/v1/nodes/{after}")).await.expect(200);
    });
}

/// Signs somebody up; while the decider moves the verdict may come later than the answer.
async fn registers(newcomer: &Person) {
    let answer = newcomer.post("/v1/people", newcomer.sign_up()).await;
    if answer.status == 201 {
        return;
    }
    let state = answer.expect(202).header("location").expect("where to ask").to_owned();
    until("the verdict", MOVED_LIMIT, async || {
        let registration = newcomer.get(state.as_str()).await.expect(200).json();
        (registration["state"] == "accepted").then_some(())
    })
    .await;
}
