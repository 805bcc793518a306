//! What the tutorial quotes stands in the files that it names.

use std::fs;
use std::path::Path;

/// Written above each quoted block; the path is the workspace's.
const MARK: &str = "<!-- quoted from ";

#[test]
fn the_tutorial_says_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tutorial = fs::read_to_string(root.join("docs/adding-a-consumer.md")).expect("the tutorial");
    let mut quotes = 0;
    let mut marked: Option<&str> = None;
    let mut lines = tutorial.lines();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix(MARK) {
            marked = Some(path.strip_suffix(" -->").expect("the end of the mark"));
            continue;
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let Some(path) = marked.take() else {
            assert!(!["rust", "python"].contains(&language), "a block of code that names no file: {block:?}");
            continue;
        };
        let file = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let file: Vec<&str> = file.lines().collect();
        assert!(file.windows(block.len()).any(|lines| lines == block), "{path} does not say:\n{}", block.join("\n"));
        quotes += 1;
    }
    assert!(quotes >= 14, "{quotes} quotes");
}
