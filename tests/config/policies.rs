//! The rules below `storage.maintenance`: what is read of them, and what of them is wrong.

use super::*;

fn maintenance(rules: &str) -> String {
    format!("{BASE}  maintenance:\n    {rules}\n")
}

#[test]
fn rules_are_read_and_shown() {
    let text = maintenance(
        "immutable: [{repositories: ['team/**', one], tags: 'v*'}, {repositories: ['**'], tags: [stable]}]
    retention:
      enabled: true
      interval: 6h
      rules:
        - {repositories: ['team/**'], keep: {last: 10, tags: ['v*', latest], youngerthan: 720h}}
        - {repositories: ['**'], keep: {last: '3'}}",
    );
    let config = clean(&text, &[]);
    let storage = &config.storage;
    assert!(
        storage.immutable[0].covers("team/a/b", "v1") && storage.immutable[0].covers("one", "v")
    );
    assert!(!storage.immutable[0].covers("team", "v1") && !storage.immutable[0].covers("one", "x"));
    assert!(storage.immutable[1].covers("two", "stable"));
    let retention = &storage.retention;
    assert_eq!((retention.enabled, retention.dry_run), (true, false));
    assert_eq!(retention.interval, Duration::from_secs(6 * 3600));
    let keep = &retention.rules[0].keep;
    assert_eq!((keep.last, keep.tags.len()), (Some(10), 2));
    assert_eq!(keep.younger_than, Some(Duration::from_secs(720 * 3600)));
    assert!(retention.rules[0].covers("team/a") && !retention.rules[0].covers("a"));
    assert_eq!(retention.rules[1].keep.last, Some(3));
    // What is rendered can be loaded again.
    let again = clean(&config.render(), &[]).storage;
    assert_eq!(again.immutable, storage.immutable);
    assert_eq!(again.retention, *retention);
    // Variables set whole lists, and elements of them.
    let variables = [(
        "REGISTRY_STORAGE_MAINTENANCE_IMMUTABLE",
        "[{repositories: [a], tags: [b]}]",
    )];
    let config = clean(BASE, &variables);
    assert!(config.storage.immutable[0].covers("a", "b"));
    assert!(config.storage.retention.rules.is_empty() && !config.storage.retention.enabled);
}

#[test]
fn rules_without_a_switch_are_warned_of() {
    let text = maintenance("retention: {rules: [{repositories: [a], keep: {last: 1}}]}");
    let found = notices(&text, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("retention.enabled: true"), "{found:?}");
}

#[test]
fn rules_that_are_half_or_wrong_stop_the_start() {
    let keep = |keep: &str| {
        format!("retention: {{enabled: true, rules: [{{repositories: [a], keep: {keep}}}]}}")
    };
    for (rules, expected) in [
        (
            "immutable: {}".to_owned(),
            "immutable: found a mapping; allowed: a list",
        ),
        (
            "immutable: [{tags: [a]}]".to_owned(),
            "immutable.0.repositories: found nothing; allowed: at least one pattern",
        ),
        (
            "immutable: [{repositories: [a]}]".to_owned(),
            "immutable.0.tags: found nothing; allowed: at least one pattern",
        ),
        (
            "immutable: [{repositories: [a], tags: []}]".to_owned(),
            "immutable.0.tags: found nothing; allowed",
        ),
        (
            "immutable: [{repositories: [a], tags: ['']}]".to_owned(),
            "immutable.0.tags.0: found nothing; allowed: at least one pattern",
        ),
        (
            "immutable: [{repositories: [a, ~], tags: [a]}]".to_owned(),
            "immutable.0.repositories.1: found nothing; allowed",
        ),
        (
            "immutable: [{repositories: [a], tags: ''}]".to_owned(),
            "immutable.0.tags: found nothing; allowed",
        ),
        (
            "immutable: [{repositories: [A], tags: [a]}]".to_owned(),
            "immutable.0.repositories.0: found `A`; allowed: a repository name with *",
        ),
        (
            "immutable: [{repositories: [a], tags: [v1/x]}]".to_owned(),
            "immutable.0.tags.0: found `v1/x`; allowed: a tag with *",
        ),
        (
            "immutable: [{repositories: [a], tags: [a], tag: [b]}]".to_owned(),
            "immutable.0.tag: unknown key",
        ),
        (
            "retention: {enabled: true}".to_owned(),
            "retention.rules: found nothing; allowed: a list of at least one rule",
        ),
        (
            "retention: {enabled: true, rules: a}".to_owned(),
            "retention.rules: found",
        ),
        (
            "retention: {interval: 0s}".to_owned(),
            "retention.interval: found `0s`; allowed: a duration from 1s",
        ),
        (
            keep("{}"),
            "rules.0.keep: found nothing; allowed: at least one of last, tags and youngerthan",
        ),
        (
            keep("{tags: []}"),
            "rules.0.keep: found nothing; allowed: at least one of last, tags and youngerthan",
        ),
        (
            keep("{last: 0}"),
            "keep.last: found `0`; allowed: a whole number from 1 to 100000",
        ),
        (
            keep("{last: 1, youngerthan: 7}"),
            "keep.youngerthan: found `7`; allowed: a duration from 1s",
        ),
        (
            "quota: {bytes: 0}".to_owned(),
            "quota.bytes: found `0`; allowed: a number of bytes from 1 to",
        ),
        (
            "quota: {rules: [{repositories: [a]}]}".to_owned(),
            "quota.rules.0.bytes: found nothing; allowed: a number of bytes, such as",
        ),
        (
            "quota: {rules: [{repositories: [a], bytes: much}]}".to_owned(),
            "quota.rules.0.bytes: found `much`; allowed: a number",
        ),
        (
            "quota: {rules: [{bytes: 1}]}".to_owned(),
            "quota.rules.0.repositories: found nothing; allowed: at least one",
        ),
        (
            "quota: {byte: 1GiB}".to_owned(),
            "quota.byte: unknown key; did you mean storage.maintenance.quota.bytes",
        ),
        (keep("{last: 1, tag: [a]}"), "keep.tag: unknown key"),
        (
            keep("{last: 1, tags: ['***']}"),
            "keep.tags.0: found `***`; allowed: a tag with *",
        ),
    ] {
        let found = errors(&maintenance(&rules), &[]);
        let is_said = found.iter().any(|error| error.contains(expected));
        assert!(is_said && found.len() <= 2, "{rules}: {found:#?}");
    }
}
