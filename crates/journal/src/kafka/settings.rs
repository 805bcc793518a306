//! What a topic must be like, and what is said when it is not.

use std::fmt;

use aredvi_events::Topic;

use super::cluster::Cluster;
use crate::limits::MAX_RECORD_BYTES;

/// The settings that must be exactly so, single broker or not.
pub fn fixed() -> [(&'static str, String); 5] {
    [
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("retention.bytes", "-1".to_owned()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("max.message.bytes", MAX_RECORD_BYTES.to_string()),
    ]
}

/// How many brokers hold a record where there are several.
pub const REPLICAS: i32 = 3;

/// How many in-sync replicas a write needs.
pub const IN_SYNC: &str = "min.insync.replicas";

/// How many brokers hold a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replication {
    /// The replicas of each partition.
    pub replicas: i32,
    /// Those that must confirm a write.
    pub in_sync: i32,
}

impl Replication {
    /// What topics are created with.
    pub fn wanted(single_broker: bool) -> Self {
        if single_broker { Self { replicas: 1, in_sync: 1 } } else { Self { replicas: REPLICAS, in_sync: REPLICAS - 1 } }
    }

    /// More is welcome, as long as one broker may be missing where there are several.
    fn replicas_suffice(self, single_broker: bool) -> bool {
        self.replicas >= Self::wanted(single_broker).replicas
    }

    fn in_sync_suffices(self, single_broker: bool) -> bool {
        let most = if self.replicas > 1 { self.replicas - 1 } else { 1 };
        (Self::wanted(single_broker).in_sync..=most).contains(&self.in_sync)
    }
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many partitions.
    pub partitions: usize,
    /// The fewest replicas of any of them.
    pub replicas: i32,
    /// Whether each partition has a leader.
    pub led: bool,
    /// Setting and value.
    pub settings: Vec<(String, String)>,
}

/// A topic that is not as it must be; one line, with the command that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    topic: String,
    what: String,
    fix: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic `{}`: {}; {}", self.topic, self.what, self.fix)
    }
}

/// What is wrong with one topic; `found` is `None` when there is none.
pub fn unfit(cluster: &Cluster, topic: Topic, single_broker: bool, found: Option<&Found>) -> Vec<Unfit> {
    let name = cluster.topic_name(topic);
    let bootstrap = cluster.bootstrap();
    let unfit = |what, fix| Unfit { topic: name.clone(), what, fix };
    let single = if single_broker { " --single-broker" } else { "" };
    let create = format!("aredvi topics create --journal {}{single}", cluster.url());
    let Some(found) = found else { return vec![unfit("missing".to_owned(), format!("run: {create}"))] };

    let mut all = Vec::new();
    let wanted = topic.partitions() as usize;
    if found.partitions != wanted {
        let delete = format!("kafka-topics --bootstrap-server {bootstrap} --delete --topic {name}");
        let fix = format!("keys would change their partition, so when it is empty: {delete} && {create}");
        all.push(unfit(format!("partitions is {}, wanted {wanted}", found.partitions), fix));
    }
    let value = |setting: &str| found.settings.iter().find(|(name, _)| name == setting).map_or("unknown", |(_, value)| value);
    let alter = |setting: &str, value: &str| {
        format!(
            "run: kafka-configs --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {name} \
             --add-config {setting}={value}"
        )
    };
    for (setting, wanted) in fixed() {
        if value(setting) != wanted {
            all.push(unfit(format!("{setting} is {}, wanted {wanted}", value(setting)), alter(setting, &wanted)));
        }
    }
    let wanted = Replication::wanted(single_broker);
    let replication = Replication { replicas: found.replicas, in_sync: value(IN_SYNC).parse().unwrap_or(0) };
    if !replication.replicas_suffice(single_broker) {
        let fix = "move it with kafka-reassign-partitions, or allow one replica with --single-broker".to_owned();
        all.push(unfit(format!("replication is {}, wanted {}", replication.replicas, wanted.replicas), fix));
    } else if !replication.in_sync_suffices(single_broker) {
        let what = format!("{IN_SYNC} is {} of {}, wanted {}", value(IN_SYNC), replication.replicas, wanted.in_sync);
        all.push(unfit(what, alter(IN_SYNC, &wanted.in_sync.to_string())));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(replicas: i32, in_sync: i32) -> Found {
        let settings = fixed().into_iter().map(|(name, value)| (name.to_owned(), value));
        Found {
            partitions: 24,
            replicas,
            led: true,
            settings: settings.chain([(IN_SYNC.to_owned(), in_sync.to_string())]).collect(),
        }
    }

    fn lines(single_broker: bool, found: Option<Found>) -> Vec<String> {
        let cluster = Cluster::new("h:9092", Some("eu"));
        unfit(&cluster, Topic::Media, single_broker, found.as_ref()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_topic_as_we_create_it_fits() {
        assert_eq!(lines(false, Some(found(3, 2))), [""; 0]);
        assert_eq!(lines(true, Some(found(1, 1))), [""; 0]);
        assert_eq!(lines(true, Some(found(3, 2))), [""; 0]);
    }

    #[test]
    fn a_missing_topic_names_the_command_that_creates_it() {
        let line = "topic `eu.media`: missing; run: aredvi topics create --journal kafka://h:9092/eu";
        assert_eq!(lines(false, None), [line]);
        assert_eq!(lines(true, None), [format!("{line} --single-broker")]);
    }

    #[test]
    fn a_setting_names_what_is_what_is_wanted_and_the_command() {
        let mut old = found(3, 2);
        old.settings[1].1 = "604800000".to_owned();
        assert_eq!(
            lines(false, Some(old)),
            ["topic `eu.media`: retention.ms is 604800000, wanted -1; run: kafka-configs --bootstrap-server h:9092 --alter \
              --entity-type topics --entity-name eu.media --add-config retention.ms=-1"]
        );
    }

    #[test]
    fn too_few_replicas_are_refused() {
        assert!(lines(false, Some(found(1, 1)))[0].starts_with("topic `eu.media`: replication is 1, wanted 3; "));
        assert!(lines(false, Some(found(3, 1)))[0].starts_with("topic `eu.media`: min.insync.replicas is 1 of 3, wanted 2; "));
        assert!(lines(false, Some(found(3, 3)))[0].starts_with("topic `eu.media`: min.insync.replicas is 3 of 3, wanted 2; "));
    }

    #[test]
    fn another_number_of_partitions_is_refused() {
        let line = &lines(true, Some(Found { partitions: 12, ..found(1, 1) }))[0];
        assert!(line.starts_with("topic `eu.media`: partitions is 12, wanted 24; "), "{line}");
    }
}
