//! Content digests: `algorithm:hex` (OCI image spec, descriptor.md "Digests").

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;
use std::str::FromStr;

/// The registered algorithms that this registry verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, 64 hex digits.
    Sha256,
    /// SHA-512, 128 hex digits.
    Sha512,
}

impl Algorithm {
    /// Every algorithm, in the order in which they are searched.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// The name before the colon, also a directory name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The number of hex digits after the colon.
    pub fn hex_length(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }

    /// The digest of some bytes.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.digest()
    }
}

impl FromStr for Algorithm {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Algorithm, InvalidDigest> {
        let same = |algorithm: &Algorithm| algorithm.name() == text;
        Algorithm::ALL
            .into_iter()
            .find(same)
            .ok_or(InvalidDigest::Algorithm)
    }
}

/// A digest: an algorithm and as many lower-case hex digits as it has.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    /// The whole text; the hex digits are what follows the colon.
    text: Box<str>,
}

impl Digest {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hex digits.
    pub fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The whole text, `sha256:...`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        let (algorithm, hex) = text.split_once(':').ok_or(InvalidDigest::Form)?;
        let algorithm: Algorithm = algorithm.parse()?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != algorithm.hex_length() || !hex.bytes().all(lower_hex) {
            return Err(InvalidDigest::Hex(algorithm));
        }
        Ok(Digest {
            algorithm,
            text: text.into(),
        })
    }
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidDigest {
    /// No colon.
    Form,
    /// Not one of [`Algorithm::ALL`].
    Algorithm,
    /// The wrong number of digits, or something that is not a lower-case hex digit.
    Hex(Algorithm),
}

impl fmt::Display for InvalidDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidDigest::Form => out.write_str("a digest is written algorithm:hex"),
            InvalidDigest::Algorithm => {
                out.write_str("unsupported digest algorithm; supported: sha256, sha512")
            }
            InvalidDigest::Hex(algorithm) => write!(
                out,
                "a {} digest has exactly {} lower-case hex digits",
                algorithm.name(),
                algorithm.hex_length()
            ),
        }
    }
}

impl std::error::Error for InvalidDigest {}

/// A running digest.
#[derive(Clone)]
pub enum Hasher {
    /// Running SHA-256.
    Sha256(Sha256),
    /// Running SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Hasher::Sha256(_) => Algorithm::Sha256,
            Hasher::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of all bytes so far; more can be added after that.
    pub fn digest(&self) -> Digest {
        let (algorithm, hex) = match self.clone() {
            Hasher::Sha256(hash) => (Algorithm::Sha256, hex::encode(hash.finalize())),
            Hasher::Sha512(hash) => (Algorithm::Sha512, hex::encode(hash.finalize())),
        };
        Digest {
            algorithm,
            text: format!("{}:{hex}", algorithm.name()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_256: &str =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_of_nothing_are_the_published_ones() {
        assert_eq!(Algorithm::Sha256.digest(b"").as_str(), EMPTY_256);
        let sha512 = Algorithm::Sha512.digest(b"");
        assert!(
            sha512
                .hex()
                .starts_with("cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4")
        );
        assert_eq!(sha512.as_str().parse(), Ok(sha512));
    }

    #[test]
    fn only_well_formed_digests_parse() {
        assert!(EMPTY_256.parse::<Digest>().is_ok());
        let upper = EMPTY_256.replace('e', "E");
        let long = format!("{EMPTY_256}0");
        let short = &EMPTY_256[..70];
        for (text, why) in [
            ("", InvalidDigest::Form),
            ("latest", InvalidDigest::Form),
            (
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                InvalidDigest::Algorithm,
            ),
            ("sha256:", InvalidDigest::Hex(Algorithm::Sha256)),
            (
                "sha256:../../etc/passwd",
                InvalidDigest::Hex(Algorithm::Sha256),
            ),
            (&upper, InvalidDigest::Hex(Algorithm::Sha256)),
            (&long, InvalidDigest::Hex(Algorithm::Sha256)),
            (short, InvalidDigest::Hex(Algorithm::Sha256)),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_hasher_goes_on_after_it_was_asked() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"ab");
        let _ = hasher.digest();
        hasher.update(b"c");
        assert_eq!(hasher.digest(), Algorithm::Sha256.digest(b"abc"));
    }
}
