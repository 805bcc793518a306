//! What cannot be is told in one line, with an exit code, and leaves nothing behind.

use super::server::{Server, complained, program, run};

#[test]
fn a_mistake_is_one_line_and_exit_code_2() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    for (args, told) in [
        (&["--listen", "nowhere"][..], "aredvi: --listen <ADDRESS>: invalid socket address syntax\n"),
        (&["frobnicate"], "aredvi: unrecognized subcommand 'frobnicate' (see --help)\n"),
        (&["rebuild"], "aredvi: the following required arguments were not provided: <VIEW> (see --help)\n"),
        (&["--cache", "mysql://x"], "aredvi: --cache <URL>: not a cache URL: unknown scheme; expected"),
        (&["projector", "all"], "aredvi: the role `projector` needs engines that processes can share: set --journal kafka://"),
        (&["--mail-from", "nobody"], "aredvi: --mail-from: `nobody` is no address of a sender\n"),
    ] {
        let output = run(&data, args);
        let complaint = complained(&output);
        let last = complaint.lines().last().map(|line| format!("{line}\n")).unwrap_or_default();
        assert!(last.starts_with(told), "{args:?}: {complaint}");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {complaint}");
        assert!(!complaint.contains("backtrace"), "{complaint}");
    }
    let shared = ["--journal", "kafka://127.0.0.1:9", "--db", "mysql://a:b@127.0.0.1:9/x", "--cache", "redis://127.0.0.1:9/0"];
    let output = run(&data, &[&["projector", "feed"], &shared[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).starts_with("aredvi: no view is called `feed`: there are accounts,"), "{output:?}");
}

#[test]
fn settings_of_the_environment_are_checked_as_well() {
    let temp = tempfile::tempdir().expect("a directory");
    for (name, value, told) in [
        ("AREDVI_TEST_CLOCK_OFFSET_MS", "soon", "aredvi: AREDVI_TEST_CLOCK_OFFSET_MS: `soon` is no number of milliseconds\n"),
        ("AREDVI_WORKERS", "99", "aredvi: --workers <N>: 99 is not in 1..=24\n"),
        ("AREDVI_DB_MEDIA", "elsewhere", "aredvi: AREDVI_DB_<VIEW>: a database is `sqlite:DIR` or"),
        ("RUST_LOG", "=loud=", "aredvi: RUST_LOG: "),
    ] {
        let output = program(&temp.path().join("data"), &[]).env(name, value).output().expect("it runs");
        assert!(complained(&output).starts_with(told), "{name}: {output:?}");
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
    let output = program(&temp.path().join("data"), &[]).env("AREDVI_MASTER_KEY", "secret").output().expect("it runs");
    assert_eq!(complained(&output), "aredvi: AREDVI_MASTER_KEY must hold 32 bytes in base64 or 64 hexadecimal digits\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_second_server_is_refused_with_the_directorys_name() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    let server = Server::start(&data);
    let output = run(&data, &["--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let told = format!("aredvi: {} is in use by another process; stop it, or choose another", data.display());
    assert!(complained(&output).starts_with(&told), "{output:?}");
    let port = server.url.strip_prefix("http://").expect("an address");
    let other = temp.path().join("other");
    let output = run(&other, &["--listen", port]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = complained(&output);
    let last = complaint.lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("aredvi: cannot listen on {port}: ")), "{complaint}");
}

#[test]
fn help_and_version_are_no_mistakes() {
    let temp = tempfile::tempdir().expect("a directory");
    for (args, says) in [(["--help"], "aredvi rebuild story_feed"), (["--version"], env!("CARGO_PKG_VERSION"))] {
        let output = run(temp.path(), &args);
        assert!(output.status.success());
        assert!(super::server::said(&output).contains(says), "{output:?}");
    }
}
