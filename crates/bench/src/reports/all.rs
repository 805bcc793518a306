//! Which reports a command asks for, and what they stand on.

use aredvi_events::Clock;

use super::{bell, complete, embedded, fanout, home, posts, ready, rebuild, signins, visible};
use crate::cli::{Place, Reports};
use crate::loading;
use crate::report::{Document, Section};
use crate::site::Site;

/// Measures what was asked for, and publishes it. What was measured before a report failed is published too.
///
/// # Errors
/// When something could not be measured.
pub async fn run(clock: &Clock, place: &Place, reports: Reports) -> anyhow::Result<()> {
    let mut document = Document::begin(clock.now_ms(), loading::loaded(&place.dir())?);
    let measured = measure(clock, place, &reports, &mut document.sections).await;
    if !document.sections.is_empty() {
        document.publish(place.report.as_deref())?;
    }
    measured
}

async fn measure(clock: &Clock, place: &Place, reports: &Reports, sections: &mut Vec<Section>) -> anyhow::Result<()> {
    if let Some(settings) = &reports.embedded {
        sections.push(embedded::run(clock, &place.dir(), settings).await?);
    }
    if !reports.need_a_site() {
        return Ok(());
    }
    let mut site = Site::open(clock, place).await?;
    let measured = on(&mut site, reports, sections).await;
    // The roles end in order whatever came of it.
    site.column.end().await.and(measured)
}

/// What only reads comes first: posts change what it reads.
async fn on(site: &mut Site, reports: &Reports, sections: &mut Vec<Section>) -> anyhow::Result<()> {
    macro_rules! each {
        ($($name:ident),*) => {$(
            if let Some(settings) = &reports.$name {
                eprintln!("{} …", stringify!($name));
                sections.push($name::run(site, settings).await?);
            }
        )*};
    }
    each!(ready, bell, home, signins, visible, complete, fanout, posts, rebuild);
    Ok(())
}
