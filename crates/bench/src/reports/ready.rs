//! Ready: from the start of an api until it may be asked, and what it holds then.

use tokio::time::Instant;

use crate::cli::Ready;
use crate::column::cost;
use crate::report::Section;
use crate::site::Site;

/// How long a start may take.
const READY_LIMIT: std::time::Duration = std::time::Duration::from_secs(900);

/// Measures.
///
/// # Errors
/// When an api does not start.
pub async fn run(site: &mut Site, settings: &Ready) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "ready",
        &["An api is ended and started again; it is ready when `/readyz` says so. Memory is resident memory right then (VmRSS)."],
    );
    let community = &site.people.community;
    let edges: usize = (0..community.people()).map(|person| community.leader_count(person)).sum();
    section.note(format!(
        "{edges} follow edges, each of which tells a story too, and {} notes, with what later runs posted.",
        community.sizes.stories
    ));
    for _ in 0..settings.runs {
        site.column.end_role("api").await?;
        let began = Instant::now();
        site.column.start_api().await?;
        section.aim("ready after", "s", "< 90 s", began.elapsed().as_secs_f64());
        if let Some(rss) = cost::rss_mib(site.column.role("api")?.pid) {
            section.aim("memory", "MiB", "< 1,000 MB", rss);
        }
    }
    site.column.ready(READY_LIMIT).await?;
    Ok(section)
}
