//! Every call of the driver fails once, in every operation and in every way: the client gets a clear answer, nothing that was
//! acknowledged is lost, and the operation works when it is repeated, in this process and in the next.
//!
//! A run tries some of the calls, others each time; with `REGISTRY_TEST_THOROUGH` set it tries all of them in every way.
//!
//! A call fails before it does anything or, where it changes something, after it has done it: a disk may report either.

mod disk;
mod jobs;
mod operations;
mod served;

use crate::util::driver::Watched;
use crate::util::raw::RawResponse;
use disk::{EVERY, Failure, Fault, OneFault, failures, first_turn};
use operations::{Operation, deleting, pushing, reading, uploading};
use serde_json::Value;
use served::{SENT, Served, check_kept, prepare, session_length};
use std::sync::Arc;

/// Lists are shorter by what cannot be read, unless everything fails at the moment.
fn may_hide_entries(operation: &Operation) -> bool {
    operation.name.starts_with("list")
}

/// One failure in one operation, or none. Gives how many calls there were of each moment.
fn try_one(
    operation: &Operation,
    failure: Option<Failure>,
    (is_restarted, has_policies): (bool, bool),
) -> [usize; 2] {
    let watch = Arc::new(OneFault::default());
    let driver = Watched::new(watch.clone());
    let mut served = Served::over(&driver, has_policies);
    let prepared = prepare(&served);
    if is_restarted {
        served = Served::over(&driver, has_policies);
    }
    let (path, body) = ((operation.path)(&prepared), (operation.body)());
    let whole = match may_hide_entries(operation) {
        true => served.call(operation.method, &path, &body).body,
        false => Vec::new(),
    };
    watch.arm(failure);
    let response = served.call(operation.method, &path, &body);
    let (counts, hit) = watch.disarm();
    let Some((Failure { fault, moment, .. }, hit)) = failure.zip(hit) else {
        assert_eq!(response.status, operation.success, "{}", operation.name);
        return counts;
    };
    let what = format!(
        "{}: {} {moment:?} {hit} (restarted: {is_restarted}): {}",
        operation.name, fault.name, response.status
    );
    eprintln!("{what}");
    if response.status == operation.success {
        match may_hide_entries(operation) && response.body != whole {
            true => assert_ne!(fault.name, "EMFILE", "{what}"),
            false => (operation.effect)(&served, &prepared, &response),
        }
    } else {
        check_answer(operation, fault, &response, &what);
    }
    check_kept(&served, &prepared, operation.touches);
    if operation.name == "add a chunk" {
        let length = session_length(&served, &prepared);
        assert!(
            [Some(SENT), Some(SENT + 10)].contains(&length),
            "{what}: {length:?}"
        );
    }
    // It works when it is repeated, and the next process finds everything as well.
    let again = served.call(operation.method, &path, &body);
    let is_fine = again.status == operation.success || operation.repeated.contains(&again.status);
    assert!(
        is_fine,
        "{what}: then {} {}",
        again.status,
        String::from_utf8_lossy(&again.body)
    );
    if operation.method != "GET" && operation.name != "begin an upload" {
        (operation.effect)(&served, &prepared, &again);
    }
    // The next process finds the same.
    served = Served::over(&driver, has_policies);
    check_kept(&served, &prepared, operation.touches);
    if operation.method != "GET" && operation.name != "begin an upload" {
        (operation.effect)(&served, &prepared, &again);
    }
    counts
}

/// The status, the code and the words of an answer to a failure.
fn check_answer(operation: &Operation, fault: &Fault, response: &RawResponse, what: &str) {
    let (status, code) = fault.answer;
    assert_eq!(response.status, status, "{what}");
    if operation.method == "HEAD" {
        return;
    }
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let error = &body["errors"][0];
    assert_eq!(error["code"], code, "{what}: {body}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    if fault.name == "EMFILE" {
        assert_eq!(response.header("Retry-After"), Some("1"), "{what}");
    }
}

/// The faults in these operations; how many there were.
fn try_all(operations: &[Operation]) -> usize {
    let mut turn = first_turn();
    let mut faults = 0;
    for operation in operations {
        for variant in [(false, false), (true, true)] {
            let counts = try_one(operation, None, variant);
            for failure in failures(counts, EVERY, &mut turn) {
                try_one(operation, Some(failure), variant);
                faults += 1;
            }
        }
    }
    faults
}

#[test]
fn whatever_fails_while_something_is_read_the_answer_is_clear() {
    let faults = try_all(&reading());
    println!("faults while something is read: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_something_is_uploaded_nothing_else_is_lost() {
    let faults = try_all(&uploading());
    println!("faults while something is uploaded: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_a_manifest_is_pushed_nothing_else_is_lost() {
    let faults = try_all(&pushing());
    println!("faults while a manifest is pushed: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}

#[test]
fn whatever_fails_while_something_is_deleted_nothing_else_is_lost() {
    let faults = try_all(&deleting());
    println!("faults while something is deleted: {faults}");
    assert!(faults > 40 / EVERY, "{faults}");
}
