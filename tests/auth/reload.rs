//! A file of users that is changed in every way there is, while clients ask all the time.

use super::{basic, line, settings};
use crate::util::pace::{breathe, rest, wait_until};
use crate::util::raw::Raw;
use crate::util::registry::{TestRegistry, check_pause};
use crate::util::stop::Stop;
use crate::util::tree::quick_directory;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A change of the file that is not seen within this time will not be.
const PATIENCE: Duration = Duration::from_secs(30);
/// Those who may come in all the time.
const STAYING: [(&str, &str); 2] = [("anna", "a"), ("ben", "b")];

/// A way to put texts in the place of a file, one after the other.
type Way = (&'static str, fn(&Path, &mut dyn Iterator<Item = String>));

const WAYS: &[Way] = &[
    ("renamed into place", rename),
    ("rewritten in place", rewrite),
    #[cfg(unix)]
    ("behind a link that is moved", relink),
];

fn rename(place: &Path, texts: &mut dyn Iterator<Item = String>) {
    let next = place.with_file_name("next");
    for text in texts {
        fs::write(&next, text).unwrap();
        let started = Instant::now();
        // Older systems than Windows 10, and Wine, refuse this while somebody reads.
        while let Err(error) = fs::rename(&next, place) {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(started.elapsed() < PATIENCE, "{error}");
            breathe();
        }
    }
}

/// Empty, then half of it, then all of it: so a reader may find it.
fn rewrite(place: &Path, texts: &mut dyn Iterator<Item = String>) {
    let mut file = File::options().write(true).open(place).unwrap();
    for text in texts {
        let (start, end) = text.split_at(text.len() / 2);
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(start.as_bytes()).unwrap();
        file.write_all(end.as_bytes()).unwrap();
    }
}

#[cfg(unix)]
fn relink(place: &Path, texts: &mut dyn Iterator<Item = String>) {
    let directory = place.parent().unwrap();
    let link = directory.join("link");
    for (text, name) in texts.zip(["one", "other"].into_iter().cycle()) {
        fs::write(directory.join(name), text).unwrap();
        std::os::unix::fs::symlink(name, &link).unwrap();
        fs::rename(&link, place).unwrap();
    }
}

fn request(user: &str, password: &str) -> String {
    let credentials = basic(user, password);
    format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: {credentials}\r\n\r\n")
}

fn is_let_in(registry: &TestRegistry, user: &str, password: &str) -> bool {
    let mut connection = Raw::connect(registry.address);
    match connection.send(request(user, password)).response().status {
        200 => true,
        401 => false,
        status => panic!("{user}: {status}"),
    }
}

/// Asks again and again on one connection; who stays is let in every time.
fn ask(
    registry: &TestRegistry,
    (user, password): (&str, &str),
    stop: &AtomicBool,
    responses: &AtomicUsize,
) {
    let request = request(user, password);
    let mut connection = Raw::connect(registry.address);
    while !stop.load(Ordering::Relaxed) {
        let status = connection.send(&request).response().status;
        assert_eq!(status, 200, "{user}, who was never taken out of the file");
        responses.fetch_add(1, Ordering::Relaxed);
        rest();
    }
}

#[test]
fn the_users_change_under_load_and_no_request_of_those_who_stay_fails() {
    // In memory where that can be had: a disk that stalls between two writes looks like a writer who
    // has finished.
    let directory = quick_directory();
    let path = directory.path().join("users");
    let staying: String = STAYING
        .iter()
        .map(|(user, password)| line(user, password))
        .collect();
    fs::write(&path, format!("{staying}{}", line("carl", "0"))).unwrap();
    let registry = settings(&path).start();
    let (stop, responses) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for client in STAYING.iter().cycle().take(2) {
            scope.spawn(|| ask(&registry, *client, &stop, &responses));
        }
        for (number, (way, replace)) in (1..).zip(WAYS) {
            // The server looks at the file while it changes all the time.
            let (started, mut count) = (Instant::now(), 0);
            replace(
                &path,
                &mut std::iter::from_fn(|| {
                    count += 1;
                    let text = format!("# {count}\n{staying}");
                    breathe();
                    (count < 20 || started.elapsed() < 4 * check_pause()).then_some(text)
                }),
            );
            // One comes, one goes, one has another password.
            let (newcomer, former) = (format!("new{number}"), format!("new{}", number - 1));
            let (password, old) = (number.to_string(), (number - 1).to_string());
            let changed = [line("carl", &password), line(&newcomer, "n")].concat();
            replace(&path, &mut std::iter::once(format!("{staying}{changed}")));
            wait_until(&format!("{way}: {newcomer} is let in"), || {
                is_let_in(&registry, &newcomer, "n")
            });
            assert!(is_let_in(&registry, "carl", &password), "{way}");
            assert!(!is_let_in(&registry, "carl", &old), "{way}");
            assert!(!is_let_in(&registry, &former, "n"), "{way}");
        }
    });
    assert!(responses.load(Ordering::Relaxed) > 100);
}
