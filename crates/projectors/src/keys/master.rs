//! The master key: from the environment, or from a file that the first start makes.
//!
//! Whoever loses it has lost every sealed text; it belongs in a backup apart from the databases.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aredvi_events::{MasterKey, Mint};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

/// The file's name in the data directory.
pub const FILE: &str = "master.key";
/// The setting that names a key instead.
pub const ENV: &str = "AREDVI_MASTER_KEY";
const KEY_BYTES: usize = 32;
/// No text of a key is longer; a longer file is something else.
const TEXT_BYTES: u64 = 256;

/// A master key that cannot be used. No message holds the key.
#[derive(Debug, thiserror::Error)]
pub enum BadMasterKey {
    /// Neither base64 nor hexadecimal of 32 bytes.
    #[error("{0} must hold 32 bytes in base64 or 64 hexadecimal digits")]
    Form(String),
    /// Others may read the file.
    #[error("{path} must be readable by its owner alone (chmod 600); its mode is {mode:o}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no key.
    #[error("there is no master key: set {ENV} to 32 random bytes in base64")]
    None,
    /// The file cannot be read or made.
    #[error("cannot use the master key's file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The key of `setting`, else that of the file in `dir`, which is made when it is missing.
///
/// # Errors
/// [`BadMasterKey`], one clear line each.
pub fn master_key(setting: Option<&str>, dir: Option<&Path>, mint: &Mint) -> Result<MasterKey, BadMasterKey> {
    match (setting, dir) {
        (Some(text), _) => parse(text, ENV),
        (None, Some(dir)) => from_file(dir, mint),
        (None, None) => Err(BadMasterKey::None),
    }
}

fn parse(text: &str, whence: &str) -> Result<MasterKey, BadMasterKey> {
    let text = text.trim();
    let bytes = if text.len() == 2 * KEY_BYTES { hexadecimal(text) } else { base64(text) };
    match bytes.as_deref().map(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice())) {
        Some(Ok(key)) => Ok(MasterKey::new(key)),
        Some(Err(_)) | None => Err(BadMasterKey::Form(whence.to_owned())),
    }
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = Zeroizing::new(digits?);
    let bytes = digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect::<Option<_>>();
    bytes.map(Zeroizing::new)
}

/// Of either alphabet, padded or not.
fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
        .map(Zeroizing::new)
}

fn from_file(dir: &Path, mint: &Mint) -> Result<MasterKey, BadMasterKey> {
    let path = dir.join(FILE);
    match read(&path) {
        Err(BadMasterKey::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(dir, &path, mint).map_err(|source| BadMasterKey::File { path: path.clone(), source })?;
            // What stands there now, which another process may have made first.
            read(&path)
        }
        other => other,
    }
}

fn read(path: &Path) -> Result<MasterKey, BadMasterKey> {
    let unusable = |source| BadMasterKey::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(unusable)?;
    let mode = file.metadata().map_err(unusable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(BadMasterKey::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(TEXT_BYTES).read_to_string(&mut text).map_err(unusable)?;
    parse(&text, &path.display().to_string())
}

/// Writes a new key beside, and links it in place: the file is whole or not there, and the first of two processes wins.
fn make(dir: &Path, path: &Path, mint: &Mint) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let beside = dir.join(format!("{FILE}.{}", mint.event_id().simple()));
    let mut text = Zeroizing::new(STANDARD.encode(*Zeroizing::new(mint.random::<KEY_BYTES>())));
    text.push('\n');
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    let removed = fs::remove_file(&beside);
    written.and(removed)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use aredvi_events::{ActorId, Clock, DataKey, Id};

    use super::*;

    const HEX: &str = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00fF";

    fn same(a: &MasterKey, b: &MasterKey) -> bool {
        let actor = ActorId::from(Id::new(1).expect("an id"));
        b.unwrap_data_key(actor, &a.wrap_data_key(actor, [0; 24], &DataKey::new([1; 32]))).is_ok()
    }

    fn mint() -> Mint {
        Mint::new(Clock::default())
    }

    #[test]
    fn a_key_is_read_in_base64_and_hexadecimal() {
        let hex = parse(HEX, ENV).expect("a key");
        for text in [
            "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=",
            "AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8",
            "  AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8\n",
        ] {
            assert!(same(&hex, &parse(text, ENV).expect(text)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for text in ["", "secret", &HEX[2..], &format!("{HEX}00"), &HEX.replace('0', "g"), "AP8="] {
            let error = parse(text, ENV).map(drop).expect_err(text);
            assert_eq!(error.to_string(), "AREDVI_MASTER_KEY must hold 32 bytes in base64 or 64 hexadecimal digits");
        }
        assert!(master_key(None, None, &mint()).is_err());
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = master_key(None, Some(dir.path()), &mint()).expect("made");
        let again = master_key(None, Some(dir.path()), &mint()).expect("read");
        assert!(same(&first, &again));
        let names: Vec<_> = fs::read_dir(dir.path()).expect("listed").map(|entry| entry.expect("entry").file_name()).collect();
        assert_eq!(names, [FILE]);
        let path = dir.path().join(FILE);
        assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().expect("a directory");
        assert!(!same(&first, &master_key(None, Some(other.path()), &mint()).expect("made")));
    }

    #[test]
    fn racing_processes_get_one_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys: Vec<MasterKey> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| master_key(None, Some(dir.path()), &mint()))).collect();
            racers.into_iter().map(|racer| racer.join().expect("no panic").expect("a key")).collect()
        });
        assert!(keys.iter().all(|key| same(&keys[0], key)));
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_cut_short_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        master_key(None, Some(dir.path()), &mint()).expect("made");
        let path = dir.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        let error = master_key(None, Some(dir.path()), &mint()).map(drop).expect_err("readable by others");
        assert!(error.to_string().ends_with("must be readable by its owner alone (chmod 600); its mode is 640"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        fs::write(&path, "").expect("emptied");
        assert!(matches!(master_key(None, Some(dir.path()), &mint()).map(drop), Err(BadMasterKey::Form(_))));
    }
}
