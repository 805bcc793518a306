//! The production engine: one self-healing connection to Redis or Valkey.
//!
//! Whatever changes more than one key is a Lua script over the keys of one hash tag; each derives its keys from the
//! base it is given, `PREFIX:JOURNAL:{TAG}`.

use std::time::Duration;

use aredvi_events::{Clock, JournalId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, FromRedisValue, IntoConnectionInfo, Pipeline, RedisResult, Script, ScriptInvocation};

use super::error::CacheError;
use super::url::RedisUrl;

/// How long one command, or the connection for it, may take.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_millis(500);
/// How often a command is sent: once more when the first got no answer. Every operation may be repeated.
const ATTEMPTS: u32 = 2;
/// How long sent bytes may stay unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(2);

pub(crate) struct RedisEngine {
    connection: ConnectionManager,
    root: String,
    clock: Clock,
}

impl RedisEngine {
    pub(super) async fn open(url: &RedisUrl, journal: JournalId, clock: Clock) -> Result<Self, CacheError> {
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(UNACKNOWLEDGED_LIMIT);
        let info = url.connection.clone().into_connection_info().map_err(CacheError::Redis)?.set_tcp_settings(tcp);
        let client = Client::open(info).map_err(CacheError::Redis)?;
        // A failed attempt ends at once and the next command starts another: nobody queues behind a dead server.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(COMMAND_LIMIT))
            .set_response_timeout(Some(COMMAND_LIMIT));
        let connection = ConnectionManager::new_with_config(client, config).await.map_err(CacheError::Redis)?;
        let root = format!("{}:{}:", url.prefix, URL_SAFE_NO_PAD.encode(journal.short()));
        let engine = Self { connection, root, clock };
        engine.refuse_eviction().await?;
        Ok(engine)
    }

    /// Managed servers often forbid `CONFIG`, hence `INFO`.
    async fn refuse_eviction(&self) -> Result<(), CacheError> {
        let mut info = redis::pipe();
        info.cmd("INFO").arg("memory");
        let (info,): (String,) = self.pipeline(&info).await?;
        match info.lines().find_map(|line| line.trim().strip_prefix("maxmemory_policy:")) {
            Some("noeviction") => Ok(()),
            Some(policy) => Err(CacheError::Policy(policy.to_owned())),
            None => Err(CacheError::Unknown("INFO memory names no maxmemory_policy")),
        }
    }

    /// What the keys of a hash tag start with.
    pub(crate) fn base(&self, tag: &str) -> String {
        format!("{}{tag}", self.root)
    }

    /// Runs a script over the keys of `tag`; `fill` adds its arguments.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        tag: &str,
        fill: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, CacheError> {
        let mut invocation = script.key(self.base(tag));
        fill(&mut invocation);
        let invocation = &invocation;
        self.attempts(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await
    }

    /// Sends plain commands in one round trip.
    pub(crate) async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, CacheError> {
        self.attempts(|mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    /// Sends plain commands in one round trip, once, and waits no longer than `limit`.
    pub(crate) async fn once<T: FromRedisValue>(&self, pipeline: &Pipeline, limit: Duration) -> Result<T, CacheError> {
        let mut connection = self.connection.clone();
        let answer = self.clock.timeout(limit, pipeline.query_async(&mut connection)).await;
        answer.map_err(|_| CacheError::TimedOut)?.map_err(CacheError::Redis)
    }

    async fn attempts<T, F>(&self, send: impl Fn(ConnectionManager) -> F) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut last = CacheError::TimedOut;
        for _ in 0..ATTEMPTS {
            match self.clock.timeout(COMMAND_LIMIT, send(self.connection.clone())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if error.is_io_error() || error.is_unrecoverable_error() => last = CacheError::Redis(error),
                Ok(Err(error)) => return Err(CacheError::Redis(error)),
                Err(_) => last = CacheError::TimedOut,
            }
        }
        Err(last)
    }
}

impl std::fmt::Debug for RedisEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedisEngine(db {})", self.connection.get_db())
    }
}
