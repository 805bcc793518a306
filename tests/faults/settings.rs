//! Topics that are not as they must be: every role refuses to start, and the line it says mends them.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::world::World;
use crate::world::own_engines::{self, OwnEngines};
use crate::world::site::{Setting, Site};

/// Each role, by the words that start it.
const ROLES: [&[&str]; 5] = [
    &["api", "--listen", "127.0.0.1:0"],
    &["projector", "all"],
    &["planner"],
    &["notifier", "--public-url", "http://community.test"],
    &["serve", "--listen", "127.0.0.1:0"],
];

#[test]
fn production_every_role_refuses_old_topics_with_the_line_that_mends_them() {
    own_engines::run(refused);
}

async fn refused(engines: &OwnEngines) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    let site = site.into_inner().expect("the site");
    let url = site.journal().expect("a journal");
    let (bootstrap, prefix) = url.trim_start_matches("kafka://").split_once('/').expect("a prefix");
    for (topic, setting, wanted) in [("media", "retention.ms", "-1"), ("graph", "min.insync.replicas", "1")] {
        let of = format!("--bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {prefix}.{topic}");
        kafka_configs(engines, &format!("{of} --add-config {setting}=2"));
        for role in ROLES {
            let ended = site.run(role);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(1), "{role:?}: {said}");
            let line = said.lines().last().unwrap_or_default();
            let (what, fix) = line.split_once("; run: kafka-configs ").unwrap_or_else(|| panic!("{role:?}: {said}"));
            assert!(what.contains(&format!("topic `{prefix}.{topic}`: {setting} is 2")), "{role:?}: {said}");
            assert_eq!(fix, format!("{of} --add-config {setting}={wanted}"));
        }
        kafka_configs(engines, &format!("{of} --add-config {setting}={wanted}"));
        let checked = site.run(&["topics", "check"]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
    ana.note("those that had started went on").await;
}

/// Kafka's own tool, told what our line says.
fn kafka_configs(engines: &OwnEngines, words: &str) {
    let java = std::env::var("JAVA_HOME").map_or_else(|_| "java".into(), |home| Path::new(&home).join("bin/java"));
    let ran = Command::new(java)
        .arg("-cp")
        .arg(engines.kafka_libs().join("*"))
        .arg("kafka.admin.ConfigCommand")
        .args(words.split(' '))
        .output()
        .expect("java");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
