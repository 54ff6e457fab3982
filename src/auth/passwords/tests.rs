//! Passwords that are right, wrong, remembered and forgotten; files of users that change.

use super::*;
use std::fs;
use tempfile::TempDir;

fn line(user: &str, password: &str, cost: u32) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, cost).unwrap())
}

/// Passwords of a file of that text, looked at on every check.
fn passwords(text: &str) -> (Passwords, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, text).unwrap();
    let checks = FairSemaphore::new(SemaphoreLimits {
        permits: 1,
        waiting_max: 8,
        waiting_per_client_max: 1,
        patience: Duration::from_secs(60),
    });
    let users = Watched::open(source(path), Duration::ZERO, Users::from_files).unwrap();
    (Passwords::with(users, checks).unwrap(), folder)
}

/// Lets a change of the file count: looks at it until that is certain.
fn settle(passwords: &Passwords) {
    (0..4).for_each(|_| drop(passwords.users.current()));
}

fn is_right(passwords: &Passwords, user: &str, password: &str) -> bool {
    passwords.verify(user, password.as_bytes(), None) == PasswordCheck::Right(user.into())
}

#[test]
fn the_right_password_is_right_and_no_other() {
    let (passwords, _folder) = passwords(&line("anna", "pass:word", 4));
    for _ in 0..2 {
        assert!(is_right(&passwords, "anna", "pass:word"));
        for wrong in ["", "pass", "pass:word ", "Pass:word"] {
            assert!(!is_right(&passwords, "anna", wrong), "{wrong}");
        }
        assert!(!is_right(&passwords, "ben", "pass:word"));
        assert!(!is_right(&passwords, "Anna", "pass:word"));
    }
    let PasswordCheck::Wrong(why) = passwords.verify("x\n\"y", b"secret", None) else {
        panic!();
    };
    assert_eq!(why, r#"there is no user "x\n\"y""#);
}

#[test]
fn who_is_remembered_needs_no_place_in_the_line() {
    let text = [line("anna", "a", 4), line("ben", "b", 4)].concat();
    let (passwords, _folder) = passwords(&text);
    assert!(is_right(&passwords, "anna", "a"));
    let flood = passwords.checks.acquire(None).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| passwords.verify("ben", b"b", None));
        // One waits, so the line is full: whoever needs bcrypt is sent away.
        while passwords.checks.waiting() == 0 {
            std::thread::yield_now();
        }
        let busy = PasswordCheck::Busy {
            retry_seconds: RETRY_SECONDS,
        };
        assert_eq!(passwords.verify("nobody", b"x", None), busy);
        assert_eq!(passwords.verify("anna", b"wrong", None), busy);
        assert!(is_right(&passwords, "anna", "a"));
        drop(flood);
        assert_eq!(waits.join().unwrap(), PasswordCheck::Right("ben".into()));
    });
}

#[test]
fn a_flood_of_one_address_is_sent_away_and_a_user_of_another_is_let_in() {
    let (passwords, _folder) = passwords(&line("anna", "a", 4));
    let [attacker, other] = [1, 2].map(|last| Some([192, 0, 2, last].into()));
    let running = passwords.checks.acquire(attacker).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| passwords.verify("anna", b"wrong", attacker));
        while passwords.checks.waiting() == 0 {
            std::thread::yield_now();
        }
        for _ in 0..15 {
            let verdict = passwords.verify("anna", b"guess", attacker);
            assert!(matches!(verdict, PasswordCheck::Busy { .. }), "{verdict:?}");
        }
        let anna = scope.spawn(|| passwords.verify("anna", b"a", other));
        while passwords.checks.waiting() == 1 {
            std::thread::yield_now();
        }
        drop(running);
        assert_eq!(anna.join().unwrap(), PasswordCheck::Right("anna".into()));
        assert!(matches!(waits.join().unwrap(), PasswordCheck::Wrong(_)));
    });
}

#[test]
fn what_is_remembered_is_renewed_by_use_and_forgotten_without_it() {
    let (passwords, _folder) = passwords(&line("anna", "a", 4));
    let users = passwords.users.current();
    let anna = &users.by_name["anna"];
    let login = |password: &'static [u8]| (&passwords.key, [&b"anna"[..], password]);
    let (right, wrong) = (login(b"a"), login(b"b"));
    let start = Instant::now();
    anna.remember(&right);
    let second = Duration::from_secs(1);
    let mut now = start;
    for _ in 0..10 {
        now += REMEMBERED_FOR - second;
        assert!(anna.remembers_at(&right, now));
        assert!(!anna.remembers_at(&wrong, now));
    }
    assert!(!anna.remembers_at(&right, now + REMEMBERED_FOR));
}

#[test]
fn a_new_file_counts_and_forgets_the_old_passwords() {
    let (passwords, folder) = passwords(&line("anna", "old", 4));
    let path = folder.path().join("users");
    assert!(is_right(&passwords, "anna", "old"));
    fs::write(&path, line("anna", "new", 4)).unwrap();
    settle(&passwords);
    assert!(!is_right(&passwords, "anna", "old"));
    assert!(is_right(&passwords, "anna", "new"));
    fs::write(&path, line("ben", "b", 4)).unwrap();
    settle(&passwords);
    assert!(!is_right(&passwords, "anna", "new"));
    assert!(is_right(&passwords, "ben", "b"));
}

#[test]
fn a_broken_new_file_leaves_the_users_as_they_were() {
    let (passwords, folder) = passwords(&line("anna", "a", 4));
    let path = folder.path().join("users");
    fs::write(&path, "no line of users\n").unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "a"));
    fs::remove_file(&path).unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "a"));
    fs::create_dir(&path).unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "a"));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, line("anna", "b", 4)).unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "b"));
    assert!(!is_right(&passwords, "anna", "a"));
}

#[test]
fn a_file_that_is_being_written_locks_nobody_out() {
    let anna = line("anna", "a", 4);
    let (passwords, folder) = passwords(&anna);
    let path = folder.path().join("users");
    let new = [line("ben", "b", 4), anna].concat();
    for end in [0, 20, 64, 68, 90] {
        fs::write(&path, &new[..end]).unwrap();
        assert!(is_right(&passwords, "anna", "a"), "{end}");
    }
    fs::write(&path, &new).unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "a"));
    assert!(is_right(&passwords, "ben", "b"));
    // Half of it and left alone: that is what the file says now, until it is made whole.
    fs::write(&path, &new[..90]).unwrap();
    settle(&passwords);
    assert!(!is_right(&passwords, "anna", "a"));
    fs::write(&path, &new).unwrap();
    settle(&passwords);
    assert!(is_right(&passwords, "anna", "a"));
}

#[test]
fn an_unknown_user_takes_the_time_of_a_known_one() {
    let text = [
        line("anna", "a", 4),
        line("ben", "b", 5),
        line("cleo", "c", 5),
    ]
    .concat();
    let (passwords, _folder) = passwords(&text);
    let users = passwords.users.current();
    let mut costs = Vec::new();
    for n in 0..200 {
        let name = format!("stranger{n}");
        let cost = passwords.cost_of_unknown(&users, &name);
        assert_eq!(cost, passwords.cost_of_unknown(&users, &name));
        costs.push(cost);
    }
    costs.sort_unstable();
    costs.dedup();
    assert_eq!(costs, [4, 5]);
    let none = Users::read(b"").unwrap();
    assert_eq!(passwords.cost_of_unknown(&none, "x"), COST);
}

#[test]
fn a_missing_file_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| {
        let error = Passwords::open(path.to_owned(), Duration::ZERO)
            .err()
            .unwrap();
        error.to_string()
    };
    let start = |path: &Path| {
        let path = path.display();
        format!("cannot use {path} (auth.htpasswd.path): ")
    };
    let path = folder.path().join("users");
    let missing = format!(
        "it does not exist; create it with `registry htpasswd --file {} USER`",
        path.display()
    );
    assert_eq!(open(&path), start(&path) + &missing);
    assert_eq!(
        open(folder.path()),
        start(folder.path()) + "it is a directory"
    );
}
