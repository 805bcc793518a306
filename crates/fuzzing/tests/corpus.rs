//! Every file of the corpus, through its target: what the fuzzer once found stays found, without a fuzzer.

use std::fs;
use std::path::Path;

use aredvi_fuzzing::TARGETS;

#[test]
fn every_decoder_keeps_to_its_promise_on_the_whole_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let files = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("the corpus of {name}: {error}"));
        let mut tried = 0;
        for file in files {
            let path = file.expect("a file").path();
            eprintln!("{}", path.display());
            target(&fs::read(&path).expect("its bytes"));
            tried += 1;
        }
        assert!(tried > 0, "{name} has no corpus");
    }
    let directories = fs::read_dir(&corpus).expect("the corpus").count();
    assert_eq!(directories, TARGETS.len(), "a corpus without a target, or a target without one");
}
