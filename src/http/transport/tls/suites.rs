//! The names of versions, cipher suites and ways to ask for client certificates: distribution's, which
//! are Go's, and what they are in rustls.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as ring;

/// Every cipher suite there is here, by the name that Go and the TLS registry of IANA give it; those of
/// TLS 1.3 first, the stronger before the faster.
pub(super) const SUITES: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_AES_256_GCM_SHA384", ring::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", ring::TLS13_AES_128_GCM_SHA256),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        ring::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ring::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ring::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ring::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ring::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// A cipher suite that is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite(&'static str);

/// Why a name is none of a [`CipherSuite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSuite {
    /// distribution has it; it encrypts in CBC mode or agrees on keys without forward secrecy.
    Weak,
    /// Nobody has it.
    Unknown,
}

impl CipherSuite {
    /// By its name, upper and lower case alike.
    pub fn parse(name: &str) -> Result<CipherSuite, NoSuite> {
        let named = |known: &&str| known.eq_ignore_ascii_case(name);
        if let Some(known) = CipherSuite::names().find(|known| named(known)) {
            return Ok(CipherSuite(known));
        }
        match WEAK.iter().any(named) {
            true => Err(NoSuite::Weak),
            false => Err(NoSuite::Unknown),
        }
    }

    /// The names of all that are supported.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SUITES.iter().map(|(name, _)| *name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// What distribution's `http.tls.ciphersuites` may name and rustls, for good reasons, does not have.
const WEAK: &[&str] = &[
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `tls1.2`
    Tls12,
    /// `tls1.3`
    Tls13,
}

impl Version {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Version::Tls12 => "tls1.2",
            Version::Tls13 => "tls1.3",
        }
    }
}

/// Whether and how clients show certificates of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// Asked; none is needed and none is checked.
    Request,
    /// Needed, whoever signed it.
    RequireAny,
    /// Not needed, but checked when there is one.
    VerifyIfGiven,
    /// Needed and checked.
    RequireAndVerify,
}

impl ClientAuth {
    /// Its name in the configuration; empty for none.
    pub fn name(self) -> &'static str {
        match self {
            ClientAuth::None => "",
            ClientAuth::Request => "request-client-cert",
            ClientAuth::RequireAny => "require-any-client-cert",
            ClientAuth::VerifyIfGiven => "verify-client-cert-if-given",
            ClientAuth::RequireAndVerify => "require-and-verify-client-cert",
        }
    }

    /// Whether a client may come without a certificate.
    pub(super) fn is_optional(self) -> bool {
        !matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }

    /// Whether what clients show is checked against `http.tls.clientcas`.
    pub fn verifies(self) -> bool {
        matches!(
            self,
            ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_suite_of_the_library_has_its_name_and_no_other() {
        let all = rustls::crypto::ring::ALL_CIPHER_SUITES;
        assert_eq!(SUITES.len(), all.len());
        for (name, suite) in SUITES {
            assert_eq!(
                format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"),
                *name
            );
            assert!(all.contains(suite));
        }
        let names: BTreeSet<_> = CipherSuite::names().collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_name_is_supported_weak_or_unknown() {
        let name = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        assert_eq!(
            CipherSuite::parse(&name.to_lowercase()),
            Ok(CipherSuite(name))
        );
        for weak in WEAK {
            assert_eq!(CipherSuite::parse(weak), Err(NoSuite::Weak));
        }
        for unknown in ["", "TLS_", "ECDHE-RSA-AES128-GCM-SHA256"] {
            assert_eq!(CipherSuite::parse(unknown), Err(NoSuite::Unknown));
        }
    }
}
