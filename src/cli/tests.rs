//! What the command line takes and refuses.

use super::*;

/// Reads a command line as if nothing were set in the environment.
fn read(line: &str) -> anyhow::Result<Option<Cli>> {
    let args = std::iter::once("aredvi").chain(line.split_whitespace()).map(OsString::from);
    Cli::read_by(without_environment(Cli::command()), args)
}

fn without_environment(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
    command.mut_subcommands(without_environment)
}

fn refused(line: &str) -> String {
    let error = read(line).expect_err(line);
    assert!(error.is::<Misuse>(), "{line}");
    let said = crate::failure::line(&error);
    assert_eq!(said, error.to_string(), "{line}");
    said
}

#[test]
fn the_command_line_contradicts_itself_nowhere() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_subcommand_it_serves() {
    let cli = read("--listen 127.0.0.1:0 --data elsewhere").expect("a command line").expect("no help");
    assert!(cli.command.is_none());
    assert_eq!(cli.serve.http.listen.port(), 0);
    assert_eq!(cli.serve.engines.journal().to_string(), "sqlite:elsewhere/journal.db");
    assert_eq!(cli.serve.engines.cache().to_string(), "sqlite:elsewhere/cache.db");
    assert_eq!(cli.serve.engines.db().to_string(), "sqlite:elsewhere");
    assert!(cli.serve.engines.embedded());
}

#[test]
fn what_nobody_waits_for_gives_way() {
    let nice = |line: &str| read(line).expect("a command line").expect("no help").nice();
    for line in ["projector all", "planner", "notifier --public-url http://club.example", "rebuild graph", "backup there"] {
        let with_another = format!("{line} --nice 3");
        assert_eq!((nice(line), nice(&with_another)), (Some(10), Some(3)), "{line}");
    }
    for line in ["", "serve", "api", "views"] {
        assert_eq!(nice(line), None, "{line}");
    }
}

#[test]
fn a_mistake_is_told_in_one_line() {
    for (line, told) in [
        ("--listen nowhere", "--listen <ADDRESS>: invalid socket address syntax"),
        ("serve --journal redis://x", "--journal <URL>: `redis://x` is not a journal: write sqlite:PATH or kafka://HOST:PORT"),
        ("planner --nice 20", "--nice <N>: 20 is not in 0..=19"),
        ("serve --workers 0", "--workers <N>: 0 is not in 1..=24"),
        ("serve --trusted-proxies proxy", "--trusted-proxies <NETWORKS>: `proxy` is neither an address nor a network"),
        ("serve --public-url club.example", "--public-url <URL>: expected http://HOST[:PORT] or https://HOST[:PORT]"),
        ("serve --rate-limits some", "--rate-limits <LIMITS>: `some` is no rate limit: expected off, on"),
        ("serve --lisen x", "unexpected argument '--lisen' found; tip: a similar argument exists: '--listen'"),
        ("rebuild", "the following required arguments were not provided: <VIEW>"),
        ("rebuild graph --rollback --cancel", "the argument '--rollback' cannot be used with '--cancel'"),
        ("parked show graph 7", "<EVENT>: invalid length"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
    ] {
        let said = refused(line);
        assert!(said.starts_with(told), "{line}: {said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_mistake_does_not_repeat_a_password() {
    for line in ["--db postgres://ana:s3cret@db/x", "--db mysql://ana:s3cret@db/a-b", "--cache redis://:s3cret@x:y"] {
        let said = refused(line);
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_role_alone_needs_engines_that_can_be_shared() {
    let cli = read("api --journal kafka://k:9092 --db mysql://u:p@db/x").expect("a command line").expect("no help");
    let Some(Command::Api(api)) = cli.command else { panic!("api") };
    let said = api.engines.check_shared("api").expect_err("the cache is embedded").to_string();
    assert!(said.starts_with("the role `api` needs engines that processes can share: set --journal kafka://"), "{said}");
}

#[test]
fn help_teaches_every_command_and_setting() {
    let help = Cli::command().render_long_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Without a subcommand all",
        "aredvi rebuild story_feed",
        "AREDVI_MASTER_KEY",
        "AREDVI_TEST_CLOCK_OFFSET_MS",
        "Exit codes: 0 done, 1 failed, 2 misused.",
        "serve",
        "api",
        "projector",
        "planner",
        "notifier",
        "topics",
        "rebuild",
        "views",
        "parked",
        "webhooks",
        "admin",
        "demo",
    ] {
        assert!(help.contains(said), "{said} is missing in\n{help}");
    }
    for setting in [
        "journal",
        "db",
        "cache",
        "mail",
        "webhooks-allow-network",
        "webhooks-allow-http",
        "data",
        "listen",
        "admin-listen",
        "public-url",
        "trusted-proxies",
        "rate-limits",
        "cors-origins",
        "workers",
        "single-broker",
        "log-format",
    ] {
        let env = format!("AREDVI_{}", setting.to_ascii_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("--{setting}")) && help.contains(&format!("[env: {env}")), "{setting}");
    }
}

#[test]
fn every_setting_says_its_default() {
    for command in Cli::command().get_subcommands() {
        for setting in command.get_arguments().filter(|argument| argument.get_env().is_some()) {
            let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
            let default = !setting.get_default_values().is_empty() && !setting.is_hide_default_value_set();
            let given = default || setting.is_required_set();
            assert!(given || help.contains("default: "), "{} {}", command.get_name(), setting.get_id());
        }
    }
}
