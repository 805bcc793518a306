//! What the documents say is there is there.

use std::collections::BTreeSet;
use std::path::Path;

/// A name in backticks with at least so many words is a test's.
const WORDS_OF_A_TEST: usize = 4;

#[test]
fn every_test_that_a_document_names_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for dir in ["crates", "examples", "src", "tests"] {
        read_rust(&root.join(dir), &mut sources);
    }
    // A test's function, or its name in the macro that makes it for several columns.
    let words: BTreeSet<&str> = sources.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    for document in ["docs/guarantees.md", "docs/architecture.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("a document");
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|word| is_a_tests_name(word)).collect();
        assert!(named.len() > 10, "{document} names {} tests", named.len());
        let missing: Vec<&&str> = named.iter().filter(|name| !words.contains(**name)).collect();
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:?}");
    }
}

fn is_a_tests_name(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain && word.split('_').count() >= WORDS_OF_A_TEST && !word.starts_with("aredvi_")
}

fn read_rust(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_rust(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}
