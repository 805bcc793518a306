//! A view is rebuilt while two projectors and two apis work: nobody notices, and there is a way back that is current.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::load::{Load, writers};
use crate::world::own_engines::{self, OwnEngines};
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// The view.
const VIEW: &str = "story_feed";
/// Clients that write at once.
const WRITERS: usize = 3;
/// Within this a rebuild has begun.
const BEGUN_LIMIT: Duration = Duration::from_secs(30);
/// Notes that each gets acknowledged before, between and after.
const NOTES: usize = 5;

#[test]
fn production_a_rebuild_under_load_switches_and_rolls_back_unnoticed() {
    own_engines::run(rebuilt);
}

async fn rebuilt(engines: &OwnEngines) {
    let site = Arc::new(Mutex::new(Site::start(&Setting::many_on(&engines.urls))));
    let world = World::beside(&site).await;
    let people = writers(&world, WRITERS).await;
    let load = Load::default();
    load.beside(&people, async {
        load.progress(&people, NOTES).await;
        // One that is given up, and one whose command dies, leave nothing behind.
        orders(&site, &[VIEW, "--no-switch"]).await;
        orders(&site, &[VIEW, "--cancel"]).await;
        assert_eq!(states(&world).await, ["serving 1"]);
        begin_and_kill(&site, &world).await;
        orders(&site, &[VIEW, "--cancel"]).await;
        assert_eq!(states(&world).await, ["serving 1"]);

        let told = orders(&site, &[VIEW]).await;
        assert!(told.contains("--rollback goes back to 1"), "{told}");
        load.progress(&people, NOTES).await;
        let told = orders(&site, &[VIEW, "--rollback"]).await;
        assert!(told.contains("is served from generation 1 now"), "{told}");
        load.progress(&people, NOTES).await;
    })
    .await;
    assert_eq!(load.refusals(), [""; 0], "somebody had to repeat");
    world.settle().await;
    load.assert_pages(&people).await;
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
}

/// `aredvi rebuild …`, which must succeed; what it said.
async fn orders(site: &Arc<Mutex<Site>>, words: &'static [&'static str]) -> String {
    let site = Arc::clone(site);
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = site.lock().expect("the site").command(&[&["rebuild"], words].concat());
        command.output().expect("aredvi")
    });
    let output = ran.await.expect("it runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Begins a rebuild, and kills its command as soon as there is something to leave behind.
async fn begin_and_kill(site: &Arc<Mutex<Site>>, world: &World) {
    let mut command = site.lock().expect("the site").command(&["rebuild", VIEW, "--no-switch"]);
    let mut begun = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("aredvi");
    until("a generation is filled", BEGUN_LIMIT, async || (states(world).await.len() > 1).then_some(())).await;
    begun.kill().expect("killed");
    begun.wait().expect("its end");
}

/// The generations that are not gone: what each is, and its number.
async fn states(world: &World) -> Vec<String> {
    let view = world.admin(&format!("/v1/admin/views/{VIEW}")).await;
    let generations = view["generations"].as_array().cloned().unwrap_or_default();
    let state = |found: &Value| found["state"].as_str().unwrap_or_default().to_owned();
    generations.iter().filter(|found| state(found) != "dropped").map(|found| format!("{} {}", state(found), found["n"])).collect()
}
