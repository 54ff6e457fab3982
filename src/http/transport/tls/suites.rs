//! The names of versions, cipher suites and modes of client authentication in distribution, which
//! are those of Go, and what they are in rustls.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as ring;

/// Every supported cipher suite by its name in Go and in the TLS registry of IANA; those of
/// TLS 1.3 first, stronger ones before faster ones.
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

/// Why a name is not that of a [`CipherSuite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuiteError {
    /// distribution supports it; it uses CBC mode or a key exchange without forward secrecy.
    Weak,
    /// There is no such suite.
    Unknown,
}

impl CipherSuite {
    /// Finds one by its name, in upper or lower case.
    pub fn parse(name: &str) -> Result<CipherSuite, CipherSuiteError> {
        let named = |known: &&str| known.eq_ignore_ascii_case(name);
        if let Some(known) = CipherSuite::names().find(|known| named(known)) {
            return Ok(CipherSuite(known));
        }
        match WEAK.iter().any(named) {
            true => Err(CipherSuiteError::Weak),
            false => Err(CipherSuiteError::Unknown),
        }
    }

    /// The names of all supported ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SUITES.iter().map(|(name, _)| *name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// Suites that distribution accepts in `http.tls.ciphersuites` and rustls, for good reasons, does not support.
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

/// A minimum version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// `tls1.2`
    #[default]
    Tls12,
    /// `tls1.3`
    Tls13,
}

impl TlsVersion {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            TlsVersion::Tls12 => "tls1.2",
            TlsVersion::Tls13 => "tls1.3",
        }
    }
}

/// Whether and how clients present certificates of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// Asked for, neither required nor verified.
    Request,
    /// Required, whoever signed it.
    RequireAny,
    /// Not required, but verified if there is one.
    VerifyIfGiven,
    /// Required and verified.
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

    /// Whether a client may have no certificate.
    pub(super) fn is_optional(self) -> bool {
        !matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }

    /// Whether client certificates are verified against `http.tls.clientcas`.
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
            assert_eq!(CipherSuite::parse(weak), Err(CipherSuiteError::Weak));
        }
        for unknown in ["", "TLS_", "ECDHE-RSA-AES128-GCM-SHA256"] {
            assert_eq!(CipherSuite::parse(unknown), Err(CipherSuiteError::Unknown));
        }
    }
}
