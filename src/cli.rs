//! The command line.

mod consumers;

use std::ffi::OsString;
use std::path::PathBuf;

pub use consumers::{AdminToken, Schema};

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use uuid::Uuid;

use crate::config::{self, AdminListen, Engines, Http, Logging, Mail, Origin, Priority, Traces, Work};
use crate::failure::Misuse;

mod webhooks;

pub use webhooks::{AtWebhooks, Webhooks};

const ABOUT: &str = "\
Aredvi: people, notes, follows, feeds and notifications for a community.

Every write is an event on a log; read models are made from the log and can be made again. Without a subcommand all
roles run in one process on embedded engines under ./data: nothing else is needed.";

const EXAMPLES: &str = "\
Examples:
  aredvi                                   serve on http://127.0.0.1:8080, data in ./data
  aredvi demo                              fill it with a small community to look at
  aredvi serve --listen 0.0.0.0:80 --public-url https://club.example
  aredvi admin create --username ana --email ana@club.example < password.txt
  aredvi rebuild story_feed                make a read model anew from the log, while it serves
  aredvi backup /backups/club              a backup, or what happened since the last one

Production, one process a role, all on the same settings:
  export AREDVI_JOURNAL=kafka://k1:9092,k2:9092,k3:9092
  export AREDVI_DB=mysql://aredvi:SECRET@db:3306/aredvi AREDVI_CACHE=redis://cache:6379/0
  export AREDVI_MASTER_KEY=…               32 random bytes in base64, to be backed up
  aredvi topics create
  aredvi api --listen 0.0.0.0:8080 & aredvi projector all & aredvi planner & aredvi notifier

The settings are the same for all subcommands: `aredvi serve --help` shows them. Exit codes: 0 done, 1 failed, 2 misused.
Only in the environment: AREDVI_MASTER_KEY, AREDVI_DB_<VIEW>, AREDVI_DB_<VIEW>_READ, RUST_LOG; and, for tests alone,
AREDVI_TEST_CLOCK_OFFSET_MS, which moves the process's clock by milliseconds.";

/// What was asked for on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "aredvi",
    version,
    about = "People, notes, follows, feeds and notifications for a community",
    long_about = ABOUT,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub struct Cli {
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run all roles in one process.
    ///
    /// The REST API, every projector, the planner and the notifier. This is what runs without a subcommand.
    Serve(Serve),
    /// Run the REST API alone.
    Api(Api),
    /// Run projectors: consumers that keep read models up to date.
    ///
    /// Any number of processes may run the same views; they share the partitions of the log.
    Projector(Projector),
    /// Run the planner, the janitor and the key keeper.
    ///
    /// They decide who is told of what, and carry out what an erasure, a disabling or a change of password means elsewhere.
    Planner(Planner),
    /// Run the notifier: it sends e-mail and webhooks.
    Notifier(Notifier),
    /// Create the log's topics, or check them.
    #[command(subcommand)]
    Topics(Topics),
    /// Make a view anew from the log while it serves, compare, and switch to it.
    ///
    /// The new generation fills beside the serving one. When it is as far, both are compared at the same positions of
    /// the log: equal code and different rows refuse the switch. The old one stays for a while, for --rollback.
    Rebuild(Rebuild),
    /// Show every view: its generations, how far it is behind, what stopped it.
    Views(AtServer),
    /// Events that a view could not apply, set aside with all later ones of their key.
    #[command(subcommand)]
    Parked(Parked),
    /// Site administrators, and tokens for programs of others.
    #[command(subcommand)]
    Admin(Admin),
    /// Webhooks: events of the log, signed and sent to other programs.
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Write a backup into a directory, or bring the one there up to now; the community goes on meanwhile.
    ///
    /// The first backup holds the whole log and the wrapped keys; each later one adds what the log got since and holds the
    /// keys anew. The master key is not in it: keep that apart, without it nothing can be read.
    Backup(Backup),
    /// Make a community of a backup again, on empty engines.
    ///
    /// Nobody is told of anything again. Whoever was erased after the backup is erased again, as far as the list beside the
    /// backup knows (`aredvi backup DIR --erasures` brings that list up to now in a moment).
    Restore(Restore),
    /// Carry the log and its keys to other engines, by a file.
    ///
    /// From one machine to Kafka and MySQL with one line:
    /// `aredvi journal export - | aredvi journal import - --journal kafka://… --db mysql://…`
    #[command(subcommand)]
    Journal(JournalFile),
    /// Print what the events on the log look like, for consumers in other languages.
    #[command(subcommand)]
    Schema(Schema),
    /// Fill a server with a small lively community, and say how to sign in to it.
    ///
    /// Twelve people with notes, follows, comments, votes, mentions and hashtags, written through the same API that
    /// clients use. A running server is used; without one, the embedded engines are opened for it.
    Demo(AtServer),
}

/// Settings of all roles in one process.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    #[command(flatten)]
    pub http: Http,
    #[command(flatten)]
    pub admin: AdminListen,
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub mail: Mail,
    #[command(flatten)]
    pub webhooks: config::Webhooks,
    #[command(flatten)]
    pub work: Work,
    #[command(flatten)]
    pub logging: Logging,
    #[command(flatten)]
    pub traces: Traces,
}

/// Settings of an api process.
#[derive(Debug, Clone, Args)]
pub struct Api {
    #[command(flatten)]
    pub http: Http,
    #[command(flatten)]
    pub admin: AdminListen,
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub logging: Logging,
    #[command(flatten)]
    pub traces: Traces,
}

/// Settings of a process of projectors.
#[derive(Debug, Clone, Args)]
pub struct Projector {
    /// The views to keep up to date, or `all`.
    #[arg(required = true, value_name = "VIEW")]
    pub views: Vec<String>,
    #[command(flatten)]
    pub admin: AdminListen,
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub work: Work,
    #[command(flatten)]
    pub priority: Priority,
    #[command(flatten)]
    pub logging: Logging,
    #[command(flatten)]
    pub traces: Traces,
}

/// Settings of a process of the planner, the janitor and the key keeper.
#[derive(Debug, Clone, Args)]
pub struct Planner {
    #[command(flatten)]
    pub admin: AdminListen,
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub work: Work,
    #[command(flatten)]
    pub priority: Priority,
    #[command(flatten)]
    pub logging: Logging,
    #[command(flatten)]
    pub traces: Traces,
}

/// Settings of a notifier.
#[derive(Debug, Clone, Args)]
pub struct Notifier {
    /// Where people find the community, for the links in mail; required, without a default: a guess would mislead.
    #[arg(long, env = "AREDVI_PUBLIC_URL", value_name = "URL", help_heading = "Mail")]
    pub public_url: Origin,
    #[command(flatten)]
    pub admin: AdminListen,
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub mail: Mail,
    #[command(flatten)]
    pub webhooks: config::Webhooks,
    #[command(flatten)]
    pub priority: Priority,
    #[command(flatten)]
    pub logging: Logging,
    #[command(flatten)]
    pub traces: Traces,
}

/// Settings of what is asked of a running server, or done on its engines.
#[derive(Debug, Clone, Args)]
pub struct AtServer {
    #[command(flatten)]
    pub engines: Engines,
    #[command(flatten)]
    pub logging: Logging,
}

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub enum Topics {
    /// Create the topics that are missing and check the others; may be repeated.
    Create(AtServer),
    /// Check that every topic is as it must be.
    Check(AtServer),
}

/// Which view to rebuild, and how far to go.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// The view.
    pub view: String,
    /// Serve from the previous generation again.
    #[arg(long, conflicts_with_all = ["no_switch", "cancel"])]
    pub rollback: bool,
    /// Fill and compare the new generation, but leave the switch to a later `aredvi rebuild VIEW`.
    #[arg(long, conflicts_with_all = ["cancel", "accept"])]
    pub no_switch: bool,
    /// Switch even if equal code made other rows, because the new ones are right.
    #[arg(long, conflicts_with_all = ["cancel", "rollback"])]
    pub accept: bool,
    /// Drop the generation that is being filled.
    #[arg(long)]
    pub cancel: bool,
    #[command(flatten)]
    pub priority: Priority,
    #[command(flatten)]
    pub server: AtServer,
}

/// What to back up, and where to.
#[derive(Debug, Args)]
pub struct Backup {
    /// The directory; made when it is missing.
    pub dir: PathBuf,
    /// Only note who is erased by now, beside the backup that is there.
    #[arg(long)]
    pub erasures: bool,
    /// Only check that every file of the backup is as it was written.
    #[arg(long, conflicts_with = "erasures")]
    pub verify: bool,
    #[command(flatten)]
    pub priority: Priority,
    #[command(flatten)]
    pub server: AtServer,
}

/// What to restore.
#[derive(Debug, Args)]
pub struct Restore {
    /// The directory of a backup.
    pub dir: PathBuf,
    #[command(flatten)]
    pub server: AtServer,
}

/// What to do with the log as a file.
#[derive(Debug, Subcommand)]
pub enum JournalFile {
    /// Write the whole log and the wrapped keys to a file of zstd-compressed NDJSON.
    Export(Carried),
    /// Read such a file into empty engines; an interrupted import is gone on with.
    Import(Carried),
}

/// A file of the log.
#[derive(Debug, Args)]
pub struct Carried {
    /// The file; `-` for stdout or stdin.
    pub file: PathBuf,
    #[command(flatten)]
    pub server: AtServer,
}

/// What to do with parked events.
#[derive(Debug, Subcommand)]
pub enum Parked {
    /// List them.
    List {
        /// Of this view alone.
        view: Option<String>,
        #[command(flatten)]
        server: AtServer,
    },
    /// Show one.
    Show(ParkedEvent),
    /// Apply all parked events of its key again, in order.
    Retry(ParkedEvent),
    /// Give the event up for this view, and apply the later ones of its key.
    Drop(ParkedEvent),
}

/// A parked event.
#[derive(Debug, Args)]
pub struct ParkedEvent {
    /// The view that parked it.
    pub view: String,
    /// The event's id.
    pub event: Uuid,
    #[command(flatten)]
    pub server: AtServer,
}

/// What to do with site administrators and service tokens.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Register a person and make him a site administrator.
    ///
    /// The password is read from the terminal, from the first line of stdin, or from AREDVI_ADMIN_PASSWORD; never from the
    /// command line, which everybody on the machine can read.
    Create(AdminCreate),
    /// Tokens for programs that read the log and need its seals opened.
    #[command(subcommand)]
    Token(AdminToken),
}

/// The administrator to be.
#[derive(Debug, Args)]
pub struct AdminCreate {
    /// How he signs in: 3 to 30 of A-Z, a-z, 0-9, _ and -, a letter first.
    #[arg(long)]
    pub username: String,
    /// Where he gets mail.
    #[arg(long)]
    pub email: String,
    /// How he is called; default: the username.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub server: AtServer,
}

impl Cli {
    /// Reads a command line; `None` when it asked for help or the version, which is printed.
    ///
    /// # Errors
    /// [`Misuse`], one line.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Option<Self>> {
        Self::read_by(Self::command(), args)
    }

    fn read_by(command: clap::Command, args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Option<Self>> {
        match command.try_get_matches_from(args).and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(cli) => Ok(Some(cli)),
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                error.print()?;
                Ok(None)
            }
            Err(error) => Err(misuse(&error).into()),
        }
    }

    /// How the process logs.
    pub const fn logging(&self) -> &Logging {
        match &self.command {
            None => &self.serve.logging,
            Some(Command::Serve(serve)) => &serve.logging,
            Some(Command::Api(api)) => &api.logging,
            Some(Command::Projector(projector)) => &projector.logging,
            Some(Command::Planner(planner)) => &planner.logging,
            Some(Command::Notifier(notifier)) => &notifier.logging,
            Some(
                Command::Topics(Topics::Create(server) | Topics::Check(server))
                | Command::Rebuild(Rebuild { server, .. })
                | Command::Views(server)
                | Command::Backup(Backup { server, .. })
                | Command::Restore(Restore { server, .. })
                | Command::Journal(JournalFile::Export(Carried { server, .. }) | JournalFile::Import(Carried { server, .. }))
                | Command::Admin(Admin::Create(AdminCreate { server, .. }))
                | Command::Demo(server),
            ) => &server.logging,
            Some(Command::Parked(parked)) => &parked.server().logging,
            Some(Command::Admin(Admin::Token(token))) => &token.server().logging,
            Some(Command::Webhooks(webhooks)) => &webhooks.at().server.logging,
            // It prints and ends.
            Some(Command::Schema(_)) => &self.serve.logging,
        }
    }

    /// How much the process gives way to others; none where somebody waits for it.
    pub const fn nice(&self) -> Option<u8> {
        match &self.command {
            Some(
                Command::Projector(Projector { priority, .. })
                | Command::Planner(Planner { priority, .. })
                | Command::Notifier(Notifier { priority, .. })
                | Command::Rebuild(Rebuild { priority, .. })
                | Command::Backup(Backup { priority, .. }),
            ) => Some(priority.nice),
            None
            | Some(
                Command::Serve(_)
                | Command::Api(_)
                | Command::Topics(_)
                | Command::Views(_)
                | Command::Restore(_)
                | Command::Journal(_)
                | Command::Parked(_)
                | Command::Admin(_)
                | Command::Webhooks(_)
                | Command::Schema(_)
                | Command::Demo(_),
            ) => None,
        }
    }

    /// The role of a process that answers and works, and where its traces go.
    pub const fn traces(&self) -> Option<(&'static str, &Traces)> {
        match &self.command {
            None => Some(("serve", &self.serve.traces)),
            Some(Command::Serve(serve)) => Some(("serve", &serve.traces)),
            Some(Command::Api(api)) => Some(("api", &api.traces)),
            Some(Command::Projector(projector)) => Some(("projector", &projector.traces)),
            Some(Command::Planner(planner)) => Some(("planner", &planner.traces)),
            Some(Command::Notifier(notifier)) => Some(("notifier", &notifier.traces)),
            Some(
                Command::Topics(_)
                | Command::Rebuild(_)
                | Command::Views(_)
                | Command::Backup(_)
                | Command::Restore(_)
                | Command::Journal(_)
                | Command::Parked(_)
                | Command::Admin(_)
                | Command::Webhooks(_)
                | Command::Schema(_)
                | Command::Demo(_),
            ) => None,
        }
    }
}

impl Serve {
    /// A server on the engines of a subcommand; all else as the environment says.
    ///
    /// # Errors
    /// [`Misuse`] when the environment cannot be read.
    pub fn on(server: &AtServer) -> anyhow::Result<Self> {
        let AtServer { engines, logging } = server.clone();
        let defaults = Cli::read([OsString::from("aredvi")])?.context("no settings")?;
        Ok(Self { engines, logging, ..defaults.serve })
    }
}

impl Parked {
    /// Where it is asked.
    pub const fn server(&self) -> &AtServer {
        match self {
            Self::List { server, .. } => server,
            Self::Show(parked) | Self::Retry(parked) | Self::Drop(parked) => &parked.server,
        }
    }

    /// The view that something is done to.
    pub fn view(&self) -> Option<&str> {
        match self {
            Self::Retry(parked) => Some(&parked.view),
            Self::List { .. } | Self::Show(_) | Self::Drop(_) => None,
        }
    }
}

/// One line; the value is left out, it may hold a password.
fn misuse(error: &clap::Error) -> Misuse {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => Some(argument),
        Some(_) | None => None,
    };
    if let (ErrorKind::ValueValidation, Some(argument), Some(source)) = (error.kind(), argument, std::error::Error::source(error))
    {
        return Misuse(format!("{argument}: {source}"));
    }
    let text = error.render().to_string();
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let said = said.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let line = said.collect::<Vec<_>>().join("; ");
    let line = line.strip_prefix("error: ").unwrap_or(&line).replace(":; ", ": ");
    Misuse(format!("{line} (see --help)"))
}

#[cfg(test)]
mod tests;
