//! Chains that openssl made (`tests/data/clients/make.sh`), each judged as Go judges it for distribution.

use super::*;
use rustls::pki_types::pem::PemObject;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// 2027, when all of them are valid but what has ten days.
const NOW: u64 = 1_800_000_000;

fn certificate(name: &str) -> CertificateDer<'static> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap()
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// When a certificate begins to be valid.
fn beginning(name: &str) -> u64 {
    let der = certificate(name);
    let details = CertificateDetails::parse(&der).unwrap();
    let since = details.summary.not_before.duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn verify(listed: &[&str], shown: &[&str], now: u64) -> Result<(), CertificateError> {
    let listed = listed.iter().map(|name| certificate(name)).collect();
    let shown: Vec<_> = shown.iter().map(|name| certificate(name)).collect();
    let [client, others @ ..] = &*shown else {
        panic!("nothing shown");
    };
    Authorities::new(listed)
        .unwrap()
        .verify(client, others, at(now))
}

/// Who is let in: the list, what the client shows.
const TAKEN: &[(&[&str], &[&str])] = &[
    (&["ca"], &["client"]),
    (&["ca"], &["client-silent"]),
    (&["ca"], &["client-any"]),
    (&["other-ca", "ca"], &["client"]),
    (&["ca"], &["client-v1"]),
    (&["other-ca", "ca"], &["client-v1"]),
    (&["ca"], &["client-ca"]),
    (&["ca"], &["client-p521"]),
    (&["p521-ca"], &["p521-256"]),
    (&["p521-ca"], &["p521-384"]),
    (&["p521-ca"], &["p521-512"]),
    (&["p521-ca"], &["p521-v1"]),
    (&["ca"], &["middle-client", "middle"]),
    (&["ca"], &["middle-client", "client", "middle", "ca"]),
    (&["middle"], &["middle-client"]),
    (&["middle"], &["middle-v1"]),
    // In the list themselves.
    (&["self-ca"], &["self-ca"]),
    (&["self-leaf"], &["self-leaf"]),
    (&["self-plain"], &["self-plain"]),
    (&["self-p521"], &["self-p521"]),
    (&["client"], &["client"]),
    (&["client-v1"], &["client-v1"]),
    (&["middle-client"], &["middle-client"]),
    // As in Go: what is of version 1 may sign.
    (&["client-v1"], &["by-client-v1"]),
    (&["path-ca"], &["path-client"]),
    (&["path-ca"], &["path-v1"]),
];

#[test]
fn each_certificate_that_distribution_takes_is_taken() {
    for (listed, shown) in TAKEN {
        assert_eq!(verify(listed, shown, NOW), Ok(()), "{listed:?} {shown:?}");
    }
}

#[test]
fn what_another_signed_or_nobody_who_may_is_refused() {
    use CertificateError::{BadSignature, UnknownIssuer};
    for (listed, shown, expected) in [
        (&["other-ca"][..], &["client"][..], Some(BadSignature)),
        (&["ca"], &["forged"], Some(BadSignature)),
        (&["ca"], &["forged-v1"], Some(BadSignature)),
        (&["ca"], &["forged-ca"], Some(BadSignature)),
        (&["other-ca"], &["client-v1"], Some(BadSignature)),
        (&["self-ca"], &["client"], Some(UnknownIssuer)),
        (&["self-ca"], &["client-v1"], Some(UnknownIssuer)),
        (&["self-ca"], &["self-leaf"], Some(UnknownIssuer)),
        (&["ca"], &["self-ca"], Some(UnknownIssuer)),
        (&[], &["client"], Some(UnknownIssuer)),
        (&[], &["self-ca"], Some(UnknownIssuer)),
        // Whoever is let in is no authority.
        (&["self-leaf"], &["by-self-leaf"], Some(UnknownIssuer)),
        (&["self-leaf"], &["by-self-leaf-v1"], Some(UnknownIssuer)),
        (&["self-plain"], &["by-self-plain"], Some(UnknownIssuer)),
        (&["self-plain"], &["by-self-plain-v1"], Some(UnknownIssuer)),
        (&["client"], &["by-client"], Some(UnknownIssuer)),
        (&["ca"], &["by-client", "client"], None),
        (&["ca"], &["by-client-v1", "client-v1"], None),
        (&["mute-ca"], &["mute-client"], Some(UnknownIssuer)),
        (&["mute-ca"], &["mute-v1"], Some(UnknownIssuer)),
        // The one in between is missing, is wrong, or there is one too many.
        (&["ca"], &["middle-client"], Some(UnknownIssuer)),
        (
            &["ca"],
            &["middle-client", "path-middle"],
            Some(UnknownIssuer),
        ),
        (&["other-ca"], &["middle-client", "middle"], None),
        (&["ca"], &["middle-v1", "middle"], Some(UnknownIssuer)),
        (&["path-ca"], &["path-middle-client", "path-middle"], None),
        // Which names are allowed is not compared for what has none.
        (&["named-ca"], &["named-v1"], Some(UnknownIssuer)),
    ] {
        let found = verify(listed, shown, NOW).unwrap_err();
        if let Some(expected) = expected {
            assert_eq!(found, expected, "{listed:?} {shown:?}");
        }
    }
}

#[test]
fn what_is_meant_for_another_use_is_refused() {
    use CertificateError::{InvalidPurpose, UnhandledCriticalExtension, UnknownIssuer};
    for (listed, shown, expected) in [
        ("ca", "client-server", InvalidPurpose),
        ("ca", "client-ca-server", InvalidPurpose),
        ("client-server", "client-server", InvalidPurpose),
        ("self-server", "self-server", InvalidPurpose),
        ("server-ca", "server-client", UnknownIssuer),
        ("server-ca", "server-v1", InvalidPurpose),
        ("ca", "client-odd", UnhandledCriticalExtension),
        ("ca", "client-ca-odd", UnhandledCriticalExtension),
        ("self-odd", "self-odd", UnhandledCriticalExtension),
    ] {
        let found = verify(&[listed], &[shown], NOW);
        assert_eq!(found, Err(expected), "{listed} {shown}");
    }
}

#[test]
fn time_is_looked_at_of_the_client_and_of_who_signed() {
    for (listed, shown) in TAKEN {
        let early = verify(listed, shown, beginning(shown[0]) - 1).unwrap_err();
        let is_early = matches!(early, CertificateError::NotValidYetContext { .. });
        assert!(is_early, "{shown:?}: {early:?}");
        let late = verify(listed, shown, 10_000_000_000).unwrap_err();
        let is_late = matches!(late, CertificateError::ExpiredContext { .. });
        assert!(is_late, "{shown:?}: {late:?}");
    }
    for client in ["short-client", "short-v1"] {
        let start = beginning(client);
        assert_eq!(verify(&["short-ca"], &[client], start + 60), Ok(()));
        verify(&["short-ca"], &[client], start + 11 * 24 * 3600).unwrap_err();
    }
}

/// One in so many bytes of a certificate is changed in a run, others in each; more of them where tests are thorough.
const EVERY: usize = 61;

#[test]
fn a_certificate_with_any_bit_changed_is_refused() {
    let every = match std::env::var_os("REGISTRY_TEST_THOROUGH") {
        Some(_) => 7,
        None => EVERY,
    };
    let first = RandomState::new().hash_one(0) as usize % every;
    for (listed, shown) in TAKEN {
        let listed = listed.iter().map(|name| certificate(name)).collect();
        let authorities = Authorities::new(listed).unwrap();
        let others: Vec<_> = shown[1..].iter().map(|name| certificate(name)).collect();
        let good = certificate(shown[0]);
        assert_eq!(authorities.verify(&good, &others, at(NOW)), Ok(()));
        for place in (first..good.len()).step_by(every).chain([good.len() - 1]) {
            let mut bytes = good.to_vec();
            bytes[place] ^= 1;
            let changed = CertificateDer::from(bytes);
            let judged = authorities.verify(&changed, &others, at(NOW));
            assert!(judged.is_err(), "{shown:?} at {place}");
        }
    }
}

#[test]
fn a_list_with_something_else_in_it_cannot_be_used() {
    let broken = CertificateDer::from(certificate("ca")[..200].to_vec());
    assert!(Authorities::new(vec![certificate("ca"), broken]).is_err());
}

#[test]
fn clients_are_told_every_name_of_the_list() {
    let listed = ["ca", "self-leaf", "client-v1"].map(certificate);
    let names = Authorities::new(listed.to_vec()).unwrap().names();
    let common = |name: &DistinguishedName| String::from_utf8_lossy(name.as_ref()).into_owned();
    let names: Vec<String> = names.iter().map(common).collect();
    assert!(
        names[0].ends_with("ca") && names[1].ends_with("self-leaf") && names[2].ends_with("v1")
    );
}
