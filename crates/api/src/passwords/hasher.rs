//! Argon2 in memory that its thread keeps.

use std::cell::RefCell;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

thread_local! {
    /// What hashes are made in. A thread keeps it as long as it lives: asking the system for 19 MiB at each hash, and giving
    /// them back, holds up all other threads that ask for memory.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Hashes and, with [`argon2::PasswordVerifier`], compares.
pub(super) struct Hasher;

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let salt = Salt::new(salt)?;
        let mut out = [0; Output::MAX_LENGTH];
        let out = out.get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)).ok_or(Error::OutputSize)?;
        let described = ParamsString::try_from(&params)?;
        MEMORY.with_borrow_mut(|memory| {
            let blocks = params.block_count();
            if memory.len() < blocks {
                *memory = vec![Block::default(); blocks];
            }
            Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, &salt, out, &mut memory[..blocks])
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: described,
            salt: Some(salt),
            hash: Some(Output::new(out)?),
        })
    }
}
