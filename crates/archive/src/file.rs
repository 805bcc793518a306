//! A file of lines, compressed: written whole, and read only as far as it is whole.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use aredvi_events::Stored;
use sha2::{Digest as _, Sha256};

use crate::ArchiveError;
use crate::line::{Begin, End, FORMAT, Line, RecordLine};

/// How hard the compressor tries: zstd's own default.
const LEVEL: i32 = 3;
/// The most bytes of one line: a record of 4 MiB in base64, with its headers.
const MAX_LINE_BYTES: u64 = 8 * 1024 * 1024;

/// Writes a file.
pub struct Writer<W: Write> {
    path: PathBuf,
    out: zstd::Encoder<'static, Hashed<W>>,
    records: u64,
}

/// What a finished file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The records in it.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

impl<W: Write> Writer<W> {
    /// Begins a file; `path` is what errors name it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn begin(path: &Path, out: W, begin: Begin) -> Result<Self, ArchiveError> {
        let hashed = Hashed { out, sha256: Sha256::new(), bytes: 0 };
        let out = zstd::Encoder::new(hashed, LEVEL).map_err(ArchiveError::io(path))?;
        let mut writer = Self { path: path.to_owned(), out, records: 0 };
        writer.line(&Line::Begin(begin))?;
        Ok(writer)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn record(&mut self, stored: Stored) -> Result<(), ArchiveError> {
        self.records += 1;
        self.line(&Line::Record(RecordLine::of(stored)))
    }

    /// Writes any other line.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn line(&mut self, line: &Line) -> Result<(), ArchiveError> {
        let mut text = serde_json::to_vec(line).map_err(|error| ArchiveError::unreadable(&self.path, error.to_string()))?;
        text.push(b'\n');
        self.out.write_all(&text).map_err(ArchiveError::io(&self.path))
    }

    /// Ends the file, and gives back what it was written to, to be synced.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn end(mut self, to: std::collections::BTreeMap<String, u64>) -> Result<(Written, W), ArchiveError> {
        let records = self.records;
        self.line(&Line::End(End { records, to }))?;
        let mut hashed = self.out.finish().map_err(ArchiveError::io(&self.path))?;
        hashed.flush().map_err(ArchiveError::io(&self.path))?;
        let Hashed { out, sha256, bytes } = hashed;
        Ok((Written { records, bytes, sha256: hexadecimal(&sha256.finalize()) }, out))
    }
}

/// Reads a file.
pub struct Reader<'a> {
    path: PathBuf,
    lines: BufReader<Box<dyn Read + 'a>>,
    begin: Begin,
    records: u64,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Opens a file; `path` is what errors name it.
    ///
    /// # Errors
    /// [`ArchiveError::Unreadable`] when it is none of ours, or of a newer format.
    pub fn open(path: &Path, file: impl Read + 'a) -> Result<Self, ArchiveError> {
        let decoder = zstd::Decoder::new(file).map_err(ArchiveError::io(path))?;
        let begin = Begin { aredvi: 0, journal: uuid::Uuid::nil(), made_ms: 0, from: std::collections::BTreeMap::new() };
        let lines = BufReader::new(Box::new(decoder) as Box<dyn Read>);
        let mut reader = Self { path: path.to_owned(), lines, begin, records: 0, ended: false };
        match reader.read() {
            Ok(Some(Line::Begin(begin))) if begin.aredvi <= FORMAT => reader.begin = begin,
            Ok(Some(Line::Begin(begin))) => {
                let what = format!("its format is {}, this program knows {FORMAT}: use a newer one", begin.aredvi);
                return Err(ArchiveError::unreadable(path, what));
            }
            Ok(_) | Err(_) => return Err(ArchiveError::unreadable(path, "it is no file of `aredvi journal export`")),
        }
        Ok(reader)
    }

    /// What it is.
    pub const fn begin(&self) -> &Begin {
        &self.begin
    }

    /// The next line but for the first and the last; `None` at its end.
    ///
    /// # Errors
    /// [`ArchiveError::Unreadable`] when it is torn or was changed.
    pub fn next_line(&mut self) -> Result<Option<Line>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        match self.read()? {
            Some(Line::End(end)) if end.records == self.records => {
                self.ended = true;
                Ok(None)
            }
            Some(Line::End(end)) => {
                let what = format!("it should hold {} records, and holds {}", end.records, self.records);
                Err(ArchiveError::unreadable(&self.path, what))
            }
            Some(Line::Begin(_)) => Err(ArchiveError::unreadable(&self.path, "it begins twice")),
            None => Err(ArchiveError::unreadable(&self.path, "it ends in the middle: it was not written to its end")),
            Some(line) => {
                self.records += u64::from(matches!(line, Line::Record(_)));
                Ok(Some(line))
            }
        }
    }

    /// A line that does not say what it should.
    pub(crate) fn malformed(&self) -> ArchiveError {
        ArchiveError::unreadable(&self.path, format!("a line after record {} is malformed", self.records))
    }

    fn read(&mut self) -> Result<Option<Line>, ArchiveError> {
        let mut text = Vec::new();
        let read = (&mut self.lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut text);
        // The decompressor says what is wrong with it; a disk that fails says so by the same way.
        read.map_err(|error| ArchiveError::unreadable(&self.path, format!("it cannot be read on: {error}")))?;
        match text.last() {
            None => Ok(None),
            Some(b'\n') => serde_json::from_slice(&text).map(Some).map_err(|_| self.malformed()),
            Some(_) => Err(self.malformed()),
        }
    }
}

/// The SHA-256 of what a reader gives, hexadecimal, and how many bytes that is.
pub(crate) fn checksum(mut file: impl Read) -> io::Result<(String, u64)> {
    let mut sink = Hashed { out: io::sink(), sha256: Sha256::new(), bytes: 0 };
    io::copy(&mut file, &mut sink)?;
    Ok((hexadecimal(&sink.sha256.finalize()), sink.bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts and hashes what goes through it.
struct Hashed<W> {
    out: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
