//! The files of exports and backups. The first byte chooses: a whole file, its lines, one line, a manifest.

use std::path::Path;

use aredvi_archive::line::{Line, RecordLine, named, positions};
use aredvi_archive::{Manifest, Reader};

/// A file is read to its end or refused; a record survives its line byte by byte.
pub fn target(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    match first % 4 {
        0 => file(rest),
        1 => file(&zstd::encode_all(rest, 1).expect("compressed")),
        2 => line(rest),
        _ => manifest(rest),
    }
}

fn file(bytes: &[u8]) {
    let Ok(mut reader) = Reader::open(Path::new("x"), bytes) else { return };
    let _ = positions(&reader.begin().from);
    while let Ok(Some(read)) = reader.next_line() {
        check(read);
    }
}

fn line(bytes: &[u8]) {
    if let Ok(line) = serde_json::from_slice::<Line>(bytes) {
        check(line);
    }
}

fn check(line: Line) {
    let Line::Record(record) = line else { return };
    let Some(stored) = record.into_stored() else { return };
    let text = serde_json::to_vec(&Line::Record(RecordLine::of(stored.clone()))).expect("written");
    assert!(!text.contains(&b'\n'), "a record is one line");
    let Ok(Line::Record(again)) = serde_json::from_slice::<Line>(&text) else { panic!("a line that we wrote is not read") };
    assert_eq!(again.into_stored(), Some(stored));
}

fn manifest(bytes: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    if let Some(positions) = positions(&manifest.to) {
        assert_eq!(named(&positions), manifest.to);
    }
    let written = serde_json::to_vec(&manifest).expect("written");
    assert_eq!(serde_json::from_slice::<Manifest>(&written).ok(), Some(manifest));
}
