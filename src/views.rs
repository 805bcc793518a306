//! Every view that a runner keeps, and a reader of each.

use std::sync::Arc;

use anyhow::anyhow;
use aredvi_api::admin::Operated;
use aredvi_notifier::janitor::Janitor;
use aredvi_notifier::key_keeper::KeyKeeper;
use aredvi_notifier::ledger::Ledger;
use aredvi_notifier::planner::{BirthError, Planner};
use aredvi_projectors::db::PoolSizes;
use aredvi_projectors::runner::{Deps, ViewReader};
use aredvi_projectors::view::View;
use aredvi_projectors::{sessions, views};

use crate::base::Base;
use crate::failure::Misuse;

/// Connections of a process that only looks at a view.
pub const LOOK: PoolSizes = PoolSizes { write: 1, read: 1 };
/// Connections of an api to each view.
pub const SERVE: PoolSizes = PoolSizes { write: 2, read: 8 };
/// The name of all views on a command line.
const ALL: &str = "all";

/// Views with their readers.
pub struct Readers(Vec<Operated>);

impl Readers {
    /// Opens a reader of each of these views.
    pub async fn open(views: Vec<Arc<dyn View>>, deps: &Deps, sizes: PoolSizes) -> Self {
        let opened = views.into_iter().map(async |view| {
            let reader = ViewReader::open(&*view, &[view.schema_version()], deps, sizes).await;
            Operated { view, reader }
        });
        Self(futures_util::future::join_all(opened).await)
    }

    /// The reader of a view.
    ///
    /// # Errors
    /// When it was not opened.
    pub fn of(&self, name: &str) -> anyhow::Result<ViewReader> {
        let found = self.0.iter().find(|operated| operated.view.name() == name);
        found.map(|operated| operated.reader.clone()).ok_or_else(|| anyhow!("the view `{name}` is not in this program"))
    }

    /// Together with these.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// For operators.
    pub fn operated(self) -> Vec<Operated> {
        self.0
    }
}

/// The views of the planner's and the notifier's roles, as operators look at them and rebuild them.
///
/// # Errors
/// When it cannot be told since when they count.
pub async fn of_consumers(base: &Base, deps: &aredvi_notifier::Deps) -> anyhow::Result<Vec<Arc<dyn View>>> {
    let opened = || async { Ok((Planner::open(deps).await?, Ledger::open(&deps.runner).await?)) };
    let (planner, ledger) = base.patiently("the views of consumers", opened, BirthError::is_transient).await?;
    Ok(vec![Arc::new(planner), Arc::new(ledger), Arc::new(Janitor), Arc::new(KeyKeeper::new(deps.runner.keys.clone()))])
}

/// What a process of projectors was asked to keep.
pub struct Chosen {
    /// Those in databases.
    pub views: Vec<Arc<dyn View>>,
    /// Whether the one in the cache is among them.
    pub sessions: bool,
}

/// The views of these names, or all.
///
/// # Errors
/// [`Misuse`] that names those there are.
pub fn chosen(names: &[String]) -> Result<Chosen, Misuse> {
    if names.iter().any(|name| name == ALL) {
        return Ok(Chosen { views: views::all(), sessions: true });
    }
    let known = views::all();
    if let Some(unknown) = names.iter().find(|name| *name != sessions::VIEW && !known.iter().any(|view| view.name() == **name)) {
        let known: Vec<_> = known.iter().map(|view| view.name()).collect();
        return Err(Misuse(format!("no view is called `{unknown}`: there are {}, {} and all", known.join(", "), sessions::VIEW)));
    }
    let views = known.into_iter().filter(|view| names.iter().any(|name| name == view.name())).collect();
    Ok(Chosen { views, sessions: names.iter().any(|name| name == sessions::VIEW) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<(Vec<&'static str>, bool), Misuse> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        chosen(&names).map(|chosen| (chosen.views.iter().map(|view| view.name()).collect(), chosen.sessions))
    }

    #[test]
    fn views_are_chosen_by_name_or_all_at_once() {
        assert_eq!(named(&["graph", "sessions", "graph"]).expect("known"), (vec!["graph"], true));
        assert_eq!(named(&["media"]).expect("known"), (vec!["media"], false));
        assert_eq!(named(&["all"]).expect("known").0.len(), views::all().len());
        let said = named(&["feed"]).expect_err("unknown").to_string();
        assert_eq!(
            said,
            "no view is called `feed`: there are accounts, actors, graph, media, story_feed, notification_feed, sessions and all"
        );
    }
}
