//! The processes that project: they work, die, end in order, and are started again.

use std::sync::Arc;
use std::time::Duration;

use aredvi_projectors::runner::Runner;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::play::Stage;

/// The longest until somebody starts a process again that ended.
const LONGEST_ABSENCE: Duration = Duration::from_secs(4);
/// The longest that a process lives before it is ended in order, in runs in which that happens.
const LONGEST_LIFE: Duration = Duration::from_secs(25);

/// Plays the part of a process that projects every view, with all who take its place, until `ended`.
pub async fn act(stage: Arc<Stage>, part: usize, ended: CancellationToken) {
    let chance = &stage.sky.chance;
    let is_restless = chance.comes(40_000);
    for life in 0.. {
        let stop = ended.child_token();
        let playing = tokio::spawn(live(stage.clone(), format!("p{part}.{life}"), stop.clone()));
        let (mut playing, process) = (playing, stage.expect_process(&format!("p{part}.{life}")));
        let old_age = chance.span(LONGEST_LIFE);
        tokio::select! {
            biased;
            () = process.death() => {
                playing.abort();
                let _cancelled = playing.await;
            }
            over = &mut playing => over.expect("a process does not panic"),
            () = stage.sky.clock.sleep(old_age), if is_restless && !stage.sky.is_calm() => {
                stage.sky.note(format!("{} is ended", process.name));
                stop.cancel();
                tokio::select! {
                    biased;
                    () = process.death() => {
                        playing.abort();
                        let _cancelled = playing.await;
                    }
                    over = &mut playing => over.expect("a process does not panic"),
                }
            }
        }
        if ended.is_cancelled() {
            return;
        }
        stage.sky.clock.sleep(chance.span(LONGEST_ABSENCE)).await;
    }
}

async fn live(stage: Arc<Stage>, name: String, stop: CancellationToken) {
    let process = stage.expect_process(&name);
    let Ok(started) = stage.start(process).await else { return };
    let runners: Vec<Runner> = stage.views.iter().map(|view| Runner::new(view.clone(), started.deps.clone())).collect();
    join_all(runners.iter().map(|runner| runner.run(stop.clone()))).await;
}
