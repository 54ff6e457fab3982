//! New certificates while the registry serves.

use crate::util::pace::{breathe, rest, wait_until};
use crate::util::registry::{Settings, check_pause};
use crate::util::secure::{Client, Identity};
use crate::util::stop::Stop;
use crate::util::tree::quick_directory;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Connects again and again until that certificate is shown.
#[track_caller]
fn wait_for(address: SocketAddr, client: &Client, expected: &Identity) {
    let expected = expected.der();
    wait_until("the new certificate is shown", || {
        rest();
        let mut connection = client.connect(address);
        assert_eq!(connection.request("/v2/").response().status, 200);
        let chain = connection.stream.conn.peer_certificates().unwrap();
        chain[0] == expected
    });
}

/// Puts the files of one identity in the place of another's, one after the other.
fn replace(place: &Identity, new: &Identity) {
    std::fs::copy(&new.certificate, &place.certificate).unwrap();
    std::fs::copy(&new.key, &place.key).unwrap();
}

#[test]
fn the_certificate_changes_under_load_and_no_request_fails() {
    let directory = quick_directory();
    let make = |name| Identity::new(directory.path(), name);
    let (first, second, third) = (make("first"), make("second"), make("third"));
    let place = make("place");
    replace(&place, &first);
    let registry = Settings::default().secure(&place).start();
    let address = registry.address;
    let trusted = [&first, &second, &third];
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut open = Client::new(&trusted).connect(address);
    assert_eq!(open.request("/v2/").response().status, 200);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..2 {
            scope.spawn(|| {
                let client = Client::new(&trusted);
                while !stop.load(Ordering::Relaxed) {
                    let mut connection = client.connect(address);
                    for _ in 0..3 {
                        assert_eq!(connection.request("/v2/").response().status, 200);
                        requests.fetch_add(1, Ordering::Relaxed);
                    }
                    rest();
                }
            });
        }
        let client = Client::new(&trusted);
        wait_for(address, &client, &first);
        replace(&place, &second);
        wait_for(address, &client, &second);
        replace(&place, &third);
        wait_for(address, &client, &third);
        stop.store(true, Ordering::Relaxed);
    });
    assert!(requests.load(Ordering::Relaxed) > 100);
    assert_eq!(open.request("/v2/").response().status, 200);
}

#[test]
#[cfg(unix)]
fn a_symbolic_link_that_is_moved_is_followed() {
    // As kubernetes does it: files -> ..data/file, ..data -> directory, and ..data is swapped.
    let directory = quick_directory();
    let (first, second) = (
        Identity::new(directory.path(), "first"),
        Identity::new(directory.path(), "second"),
    );
    let link = |to: &str, at: &std::path::Path| std::os::unix::fs::symlink(to, at).unwrap();
    link("first", &directory.path().join("data"));
    link("data/localhost.crt", &directory.path().join("tls.crt"));
    link("data/localhost.key", &directory.path().join("tls.key"));
    let place = Identity {
        certificate: directory.path().join("tls.crt"),
        key: directory.path().join("tls.key"),
    };
    let registry = Settings::default().secure(&place).start();
    let client = Client::new(&[&first, &second]);
    wait_for(registry.address, &client, &first);
    link("second", &directory.path().join("new"));
    std::fs::rename(directory.path().join("new"), directory.path().join("data")).unwrap();
    wait_for(registry.address, &client, &second);
}

#[test]
fn what_is_broken_is_logged_once_and_the_old_certificate_stays() {
    let directory = quick_directory();
    let make = |name| Identity::new(directory.path(), name);
    let (first, second, place) = (make("first"), make("second"), make("place"));
    replace(&place, &first);
    let registry = Settings::default().secure(&place).start();
    let address = registry.address;
    let client = Client::new(&[&first, &second]);
    let path = place.certificate.to_str().unwrap();
    let empty = format!("{path} is empty; ");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        let load = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                wait_for(address, &client, &first);
            }
        });
        std::fs::write(&place.certificate, "").unwrap();
        let line = registry.wait_for_log(&empty);
        assert!(line.contains("keeping the old certificate"), "{line}");
        assert!(line.contains("http.tls.certificate: "), "{line}");
        // The files are looked at again in this time, and there is nothing new to say.
        let started = Instant::now();
        while started.elapsed() < 3 * check_pause() {
            breathe();
        }
        std::fs::copy(&first.certificate, &place.certificate).unwrap();
        registry.wait_for_log(&format!("reloaded the certificate in {path}"));
        std::fs::remove_file(&place.key).unwrap();
        let line = registry.wait_for_log(&format!("http.tls.key: {}", place.key.display()));
        assert!(line.contains("keeping the old certificate"), "{line}");
        stop.store(true, Ordering::Relaxed);
        load.join().unwrap();
    });
    replace(&place, &second);
    wait_for(address, &client, &second);
    assert_eq!(registry.count_log(&empty), 1);
}
