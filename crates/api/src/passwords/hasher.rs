//! Argon2 that gives its memory back to the system after every hash.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// What is reserved for a hash, of which only what it uses is touched: more than glibc's greatest threshold (32 MiB, see
/// mallopt(3), M_MMAP_THRESHOLD). Below that, freeing once raises the threshold, and every thread that hashes later keeps
/// its 19 MiB.
const RESERVED_BYTES: usize = 33 << 20;

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
        let mut memory = Vec::with_capacity(RESERVED_BYTES / size_of::<Block>());
        memory.resize(params.block_count(), Block::default());
        let described = ParamsString::try_from(&params)?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, &salt, out, memory)?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: described,
            salt: Some(salt),
            hash: Some(Output::new(out)?),
        })
    }
}
