//! Kafka's own producer benchmark, `org.apache.kafka.tools.ProducerPerformance`, on the same broker.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// Partitions of its topic: as many as our topics have.
const PARTITIONS: &str = "24";

/// Records a second that the broker confirms, all replicas in sync, idempotent, records of this size, for about `seconds`.
///
/// # Errors
/// When Kafka's tools are not there or fail.
pub async fn producer_performance(libs: &Path, bootstrap: &str, prefix: &str, bytes: usize, count: u64) -> anyhow::Result<f64> {
    let topic = format!("{prefix}.raw");
    let of_topic = ["--bootstrap-server", bootstrap, "--topic", &topic];
    let command = "org.apache.kafka.tools.TopicCommand";
    java(libs, command, &[&["--create", "--partitions", PARTITIONS, "--replication-factor", "1"], &of_topic[..]].concat())
        .await?;
    let (count, bytes, bootstrap) = (count.to_string(), bytes.to_string(), format!("bootstrap.servers={bootstrap}"));
    let args = [
        "--topic",
        &topic,
        "--num-records",
        &count,
        "--record-size",
        &bytes,
        "--throughput",
        "-1",
        "--producer-props",
        &bootstrap,
        "acks=all",
        "enable.idempotence=true",
        "compression.type=lz4",
        "linger.ms=2",
    ];
    let measured = java(libs, "org.apache.kafka.tools.ProducerPerformance", &args).await;
    java(libs, command, &[&["--delete"], &of_topic[..]].concat()).await?;
    rate(&measured?).context("ProducerPerformance said no rate")
}

async fn java(libs: &Path, class: &str, args: &[&str]) -> anyhow::Result<String> {
    let jars = format!("{}/*", libs.display());
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-cp", &jars, class]).args(args).stdin(Stdio::null());
    let output = command.output().await.context("java cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{class} failed: {}", said.lines().last().unwrap_or("without a word"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The rate in the last line: `100000 records sent, 52.3 records/sec (…`.
fn rate(output: &str) -> Option<f64> {
    let line = output.lines().rev().find(|line| line.contains("records/sec"))?;
    line.split(',').nth(1)?.trim().split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_whole_run() {
        let said = "4 records sent, 1.0 records/sec (0.10 MB/sec), 1.0 ms avg latency.\n\
                    100000 records sent, 85324.232 records/sec (81.37 MB/sec), 12.10 ms avg latency, 300.00 ms max latency.\n";
        assert_eq!(rate(said), Some(85_324.232));
        assert_eq!(rate(""), None);
    }
}
