//! The log of the processes: a JSON object a line, which says in what request it was, and tells nothing of people.

use std::path::Path;

use serde_json::Value;

use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::telling::Telling;
use crate::world::{World, columns};

columns! {
    each alone:
    the_log_at_its_loudest_tells_nothing_of_people_and_says_in_which_request_it_was,
}

async fn the_log_at_its_loudest_tells_nothing_of_people_and_says_in_which_request_it_was(column: Column) {
    let env = vec![("RUST_LOG", "debug"), ("AREDVI_LOG_FORMAT", "json")];
    let site = Site::start(&Setting { env, ..Setting::usual(column) });
    let world = World::of(&site).await;
    let Telling { person, texts } = Telling::of(&world).await;
    let read = person.get("/v1/me").await.expect(200);
    let trace = read.header("x-request-id").expect("a trace");
    let page = person.get("/v1/notifications").await.expect(200);
    let traces = [trace, page.header("x-request-id").expect("a trace")];
    let lines: Vec<Value> = site.logs().iter().flat_map(|log| lines(log)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{field} is missing: {line}");
        }
    }
    assert!(lines.iter().any(|line| line["level"] == "DEBUG"), "it is not loud");
    let in_request = |trace: &&str| lines.iter().any(|line| in_span_of(line, trace));
    assert!(traces.iter().all(in_request), "no line of {traces:?}");
    let all = site.logs().iter().map(|log| std::fs::read_to_string(log).expect("a log")).collect::<String>();
    let all = all.to_ascii_lowercase();
    let told: Vec<_> = texts.iter().filter(|text| all.contains(&text.to_ascii_lowercase())).collect();
    let where_told = all.lines().filter(|line| told.iter().any(|text| line.contains(&text.to_ascii_lowercase())));
    assert!(told.is_empty(), "{told:?}: {:#?}", where_told.take(5).collect::<Vec<_>>());
}

fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).expect("a log");
    // The last one may be under way.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn in_span_of(line: &Value, trace: &str) -> bool {
    line["spans"].as_array().is_some_and(|spans| spans.iter().any(|span| span["name"] == "api" && span["trace_id"] == trace))
}
