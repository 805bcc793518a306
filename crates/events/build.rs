//! Puts the golden samples into the crate, so that schemas can show one of each event.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let golden = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("golden");
    println!("cargo::rerun-if-changed={}", golden.display());
    let mut files = fs::read_dir(&golden)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.file_stem().unwrap_or_default();
        let _ = writeln!(table, "    ({:?}, include_str!({:?})),", name.to_string_lossy(), file);
    }
    table.push(']');
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("golden.rs"), table)
}
