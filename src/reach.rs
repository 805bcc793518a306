//! Where a subcommand does its work: at the server that owns the data directory, or here on engines of its own.

use std::sync::Arc;

use anyhow::anyhow;
use aredvi_api::admin::{self, Operations};
use aredvi_notifier::planner;
use aredvi_projectors::runner::Progress;
use aredvi_projectors::views;
use serde::de::IgnoredAny;

use crate::cli::{AtServer, AtWebhooks, Serve};
use crate::data_dir::{DataDir, Unusable};
use crate::operations;
use crate::operator::{Operator, Refused};
use crate::process::Process;
use crate::roles::api::{self, Purpose, Started};
use crate::roles::facts::{self, Memory};
use crate::roles::{all, webhooks};
use crate::views::{LOOK, Readers, of_consumers};

/// Somebody who does what an operator asks.
pub struct Reached {
    /// Who is asked.
    pub operator: Operator,
    here: Option<Here>,
}

struct Here {
    process: Process,
    operations: Arc<Operations>,
}

/// The server that owns the data directory of these settings; `None` when nobody does, or when the engines are shared.
///
/// # Errors
/// When the owner cannot be reached.
pub async fn running(server: &AtServer) -> anyhow::Result<Option<Operator>> {
    if !server.engines.embedded() {
        return Ok(None);
    }
    match DataDir::own(&server.engines.data) {
        Ok(_released) => Ok(None),
        Err(Unusable::InUse { path }) => {
            let data = DataDir::open(&path)?;
            let operator = Operator::at(&data.control_socket())?;
            match operator.get::<IgnoredAny>("/v1/admin/server").await {
                Ok(_) => Ok(Some(operator)),
                Err(error) if error.is::<Refused>() => Err(error),
                Err(_) => Err(anyhow!("{} is in use by a process that answers no subcommands", path.display())),
            }
        }
        Err(error) => Err(error.into()),
    }
}

impl Reached {
    /// Finds the running server, or opens the engines here to look and to act on `view`.
    ///
    /// # Errors
    /// When neither can be.
    pub async fn open(server: &AtServer, view: Option<&str>) -> anyhow::Result<Self> {
        if let Some(operator) = running(server).await? {
            return Ok(Self { operator, here: None });
        }
        let mut process = Process::start(&server.engines).await?;
        let deps = process.base.deps(None, Progress::default());
        // The planner alone asks what may be seen; others need not wait until that is loaded.
        let memory = match view {
            Some(planner::NAME) => facts::start(&mut process, &deps).await,
            Some(_) | None => Memory::default(),
        };
        let consumers = match of_consumers(&process.base, &memory.deps(deps.clone(), &process.base.cache)).await {
            Ok(consumers) => consumers,
            Err(error) => return Err(process.end(Err(error)).await.err().unwrap_or_else(|| anyhow!("interrupted"))),
        };
        let readers = Readers::open(views::all(), &deps, LOOK).await.and(Readers::open(consumers, &deps, LOOK).await);
        let operations = Arc::new(operations::of(&process, deps, readers));
        let operator = Operator::Here(admin::routes(Arc::clone(&operations)));
        Ok(Self { operator, here: Some(Here { process, operations }) })
    }

    /// Finds the running server, or starts as much of one here as `purpose` needs. On shared engines that is the api
    /// alone.
    ///
    /// # Errors
    /// When neither can be.
    pub async fn open_api(server: &AtServer, purpose: Purpose) -> anyhow::Result<Self> {
        if let Some(operator) = running(server).await? {
            return Ok(Self { operator, here: None });
        }
        let config = Serve::on(server)?;
        let mut process = Process::start(&config.engines).await?;
        let started = if config.engines.embedded() {
            all::start(&mut process, &config, purpose).await
        } else {
            api::start(&mut process, &config.http, None, purpose).await
        };
        match started {
            Ok(Started { operators, operations }) => {
                Ok(Self { operator: Operator::Here(operators), here: Some(Here { process, operations }) })
            }
            Err(error) => Err(process.end(Err(error)).await.err().unwrap_or_else(|| anyhow!("interrupted"))),
        }
    }

    /// Finds the running server, or opens the engines here to keep webhooks. Nothing is sent from here.
    ///
    /// # Errors
    /// When neither can be.
    pub async fn open_webhooks(at: &AtWebhooks) -> anyhow::Result<Self> {
        if let Some(operator) = running(&at.server).await? {
            return Ok(Self { operator, here: None });
        }
        let process = Process::start(&at.server.engines).await?;
        let deps = process.base.deps(None, Progress::default());
        match webhooks::desk(&process, &deps, &at.rules).await {
            Ok(desk) => {
                let readers = Readers::open(Vec::new(), &deps, LOOK).await;
                let operations = Arc::new(operations::of(&process, deps, readers));
                Ok(Self { operator: Operator::Here(desk), here: Some(Here { process, operations }) })
            }
            Err(error) => Err(process.end(Err(error)).await.err().unwrap_or_else(|| anyhow!("interrupted"))),
        }
    }

    /// Runs `act` to its end, or until a signal; then gives back what was opened.
    ///
    /// # Errors
    /// `act`'s, or what was not ended in order.
    pub async fn run(self, act: impl AsyncFnOnce(&Operator) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self.here {
            None => act(&self.operator).await,
            Some(Here { process, operations }) => {
                let outcome = tokio::select! {
                    outcome = act(&self.operator) => outcome,
                    () = process.shutdown.cancelled() => Err(anyhow!("interrupted")),
                };
                operations.works.end().await;
                process.end(outcome).await
            }
        }
    }
}
