//! One process rebuilds a view at a time: taking the lease, keeping it, and noticing that it is over.

use tokio_util::sync::CancellationToken;

use crate::control::{ControlError, State};

use super::crew::Crew;
use super::limits::{BIRTH_LEASE, LOOK_EVERY};
use super::pause::sleep;
use super::rebuild::{Pair, Rebuild};
use super::rebuild_error::RebuildError;

impl Rebuild {
    /// The generation to build: a new one, or one that another process left.
    pub(super) async fn begin(&self) -> Result<u32, RebuildError> {
        let (view, version) = (self.name(), self.view.schema_version());
        match self.deps.control.create_building(view, version, self.process, BIRTH_LEASE).await {
            Ok(generation) => Ok(generation.n),
            Err(ControlError::AlreadyBuilding { n, .. }) => {
                if self.deps.control.hold_generation(view, n, self.process, BIRTH_LEASE).await? {
                    Ok(n)
                } else {
                    Err(RebuildError::Busy { view: view.to_owned(), generation: n })
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits a moment; keeps the lease, sees whether somebody cancelled, and helps where nobody works.
    pub(super) async fn look(&self, pair: &Pair, stop: &CancellationToken, crew: &mut Crew) -> Result<(), RebuildError> {
        let clock = self.deps.mint.clock();
        let interrupted = |_| RebuildError::Interrupted(self.name().to_owned());
        sleep(clock, LOOK_EVERY, stop).await.map_err(interrupted)?;
        self.keep(pair.n).await?;
        crew.join(&pair.new, pair.n, &self.view, &self.deps, stop).await?;
        if let Some((serving, old)) = &pair.old
            && serving.version == self.view.schema_version()
        {
            crew.join(old, serving.n, &self.view, &self.deps, stop).await?;
        }
        Ok(())
    }

    /// Keeps the lease while something long is done; answers why that must end.
    pub(super) async fn guard(&self, pair: &Pair, stop: &CancellationToken) -> RebuildError {
        loop {
            if sleep(self.deps.mint.clock(), LOOK_EVERY, stop).await.is_err() {
                return RebuildError::Interrupted(self.name().to_owned());
            }
            match self.keep(pair.n).await {
                Err(RebuildError::Db(error)) if error.is_transient() => {}
                Err(error) => return error,
                Ok(()) => {}
            }
        }
    }

    async fn keep(&self, n: u32) -> Result<(), RebuildError> {
        let name = self.name();
        let found = self.deps.control.generations(name).await?;
        if !found.iter().any(|found| found.n == n && found.state == State::Building) {
            return Err(RebuildError::Cancelled(name.to_owned()));
        }
        if !self.deps.control.hold_generation(name, n, self.process, BIRTH_LEASE).await? {
            return Err(RebuildError::Busy { view: name.to_owned(), generation: n });
        }
        Ok(())
    }
}
