//! The operator: rebuilds, switches, goes back, cancels, retries and gives up, while all the rest goes on.

use std::sync::Arc;
use std::time::Duration;

use aredvi_projectors::runner::{Parking, Rebuild, RebuildError};
use aredvi_projectors::view::View;
use tokio_util::sync::CancellationToken;

use crate::play::Stage;

/// The longest between two things that he does.
const LONGEST_REST: Duration = Duration::from_secs(6);
/// What he does in one run at most.
const MOST_DEEDS: u64 = 6;
/// The longest that he waits for a rebuild before he interrupts it, in runs in which he does.
const LONGEST_PATIENCE: Duration = Duration::from_secs(20);

/// Does this and that, each in a process of its own, which may die over it.
pub async fn operate(stage: Arc<Stage>) {
    let chance = &stage.sky.chance;
    for deed in 0..chance.below(MOST_DEEDS) {
        stage.sky.clock.sleep(chance.span(LONGEST_REST)).await;
        let process = stage.expect_process(&format!("op.{deed}"));
        let view = chance.one_of(&stage.views).clone();
        let work = tokio::spawn(do_something(stage.clone(), process.name.clone(), view));
        let mut work = work;
        tokio::select! {
            biased;
            () = process.death() => {
                work.abort();
                let _cancelled = work.await;
            }
            over = &mut work => over.expect("an operation does not panic"),
        }
    }
}

async fn do_something(stage: Arc<Stage>, name: String, view: Arc<dyn View>) {
    let Ok(started) = stage.start(stage.expect_process(&name)).await else { return };
    let chance = &stage.sky.chance;
    let rebuild = Rebuild::new(view.clone(), started.deps.clone());
    let told = match chance.below(9) {
        0..=3 => {
            let stop = CancellationToken::new();
            let prepares = chance.comes(25_000);
            let impatient = chance.comes(25_000);
            let work = async {
                if prepares { rebuild.prepare(&|_| (), &stop).await } else { rebuild.rebuild(false, &|_| (), &stop).await }
            };
            let patience = async {
                stage.sky.clock.sleep(chance.span(LONGEST_PATIENCE)).await;
                stop.cancel();
                std::future::pending::<()>().await;
            };
            let done = tokio::select! {
                biased;
                done = work => done,
                () = patience, if impatient => unreachable!("patience never returns"),
            };
            if let Ok(rebuilt) = &done
                && let Some(found) = rebuilt.comparison.as_ref().filter(|found| !found.is_equal())
            {
                stage.sky.broke(format!("a rebuild of {} made other rows: {found}", view.name()));
            }
            if let Err(RebuildError::Different { comparison, .. }) = &done {
                stage.sky.broke(format!("a rebuild of {} made other rows: {comparison}", view.name()));
            }
            format!("rebuild {}: {}", view.name(), said(done))
        }
        4 => format!("cancel {}: {}", view.name(), said(rebuild.cancel().await)),
        5 | 6 => format!("rollback {}: {}", view.name(), said(rebuild.rollback().await)),
        choice => {
            let parking = Parking::new(view.clone(), started.deps.clone());
            let listed = parking.list(None, 20).await.unwrap_or_default();
            match listed.first().map(|_| chance.one_of(&listed).event) {
                None => format!("nothing of {} is parked", view.name()),
                Some(event) if choice == 7 => format!("retry {event} of {}: {}", view.name(), said(parking.retry(event).await)),
                Some(event) => format!("drop {event} of {}: {}", view.name(), said(parking.drop(event).await)),
            }
        }
    };
    stage.sky.note(format!("{name} {told}"));
}

fn said<T: std::fmt::Debug>(result: Result<T, impl std::fmt::Display>) -> String {
    match result {
        Ok(done) => format!("{done:?}"),
        Err(error) => format!("refused: {error}"),
    }
}
