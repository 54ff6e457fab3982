//! The tags of a repository and the catalog: order, pages, and what is no entry.

use crate::util::effort::effort;
use crate::util::image::image;
use crate::util::program::is_for_windows;
use crate::util::registry::{RawResponse, Settings, TestRegistry};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Numbers of entries that are none.
const NOT_NUMBERS: [&str; 6] = ["-1", "x", "1.5", "0x10", "%2B1", "1e3"];

/// Numbers that are more than any page has, or than a machine word holds.
const HUGE: [&str; 4] = [
    "1001",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999",
];

/// The entries of a page of tags or repositories.
fn entries(response: &RawResponse) -> Vec<String> {
    let (body, name) = (
        response.json(),
        if response.json()["tags"].is_null() {
            "repositories"
        } else {
            "tags"
        },
    );
    let list = body[name]
        .as_array()
        .unwrap_or_else(|| panic!("no list in {body}"));
    list.iter()
        .map(|entry| entry.as_str().unwrap().to_owned())
        .collect()
}

/// Follows `Link` to the end; gives the pages.
fn pages(registry: &TestRegistry, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), first.to_owned());
    loop {
        let response = registry.get(&path).expect(200);
        pages.push(entries(&response));
        assert!(pages.len() < 100, "the links do not end");
        match response.find("Link") {
            Some(link) => {
                let (url, relation) = link.split_once(">; ").unwrap();
                assert_eq!(relation, "rel=\"next\"");
                path = url.strip_prefix('<').unwrap().to_owned();
            }
            None => return pages,
        }
    }
}

/// A registry whose repository `a` has these tags, all of one image.
fn with_tags(tags: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", tags[0], 1);
    let query: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    let reference = format!("{digest}?{}", query.join("&"));
    registry
        .put_manifest("a", &reference, &image(1))
        .expect(201);
    registry
}

/// A registry with these repositories.
fn with_repositories(names: &[&str]) -> TestRegistry {
    let registry = TestRegistry::start();
    for name in names {
        registry.push_image(name, "v1", 1);
    }
    registry
}

#[test]
fn tags_are_in_the_order_of_their_bytes() {
    let registry = with_tags(&[
        "b", "a", "D", "C", "_", "1", "10", "2", "a.b", "a-b", "a_b", "aB",
    ]);
    let response = registry.get("/v2/a/tags/list").expect(200);
    let sorted = [
        "1", "10", "2", "C", "D", "_", "a", "a-b", "a.b", "aB", "a_b", "b",
    ];
    assert_eq!(entries(&response), sorted);
    assert_eq!(response.json()["name"], "a");
    assert_eq!(response.find("Link"), None);
}

#[test]
fn links_lead_through_all_tags_once() {
    let tags = ["D", "E", "a", "a-b", "a.b", "b", "c"];
    let registry = with_tags(&tags);
    for n in 1..=8 {
        let pages = pages(&registry, &format!("/v2/a/tags/list?n={n}"));
        assert!(
            pages.iter().rev().skip(1).all(|page| page.len() == n),
            "{pages:?}"
        );
        assert_eq!(pages.concat(), tags, "{n} at a time");
        assert_eq!(
            pages.len(),
            tags.len().div_ceil(n),
            "an empty page at the end"
        );
    }
}

#[test]
fn tags_start_after_the_last_one_known_or_not() {
    let registry = with_tags(&["a", "b", "c"]);
    for (query, expected) in [
        ("last=a", vec!["b", "c"]),
        ("last=aa", vec!["b", "c"]),
        ("last=0", vec!["a", "b", "c"]),
        ("last=Z", vec!["a", "b", "c"]),
        ("last=c", vec![]),
        ("last=zz", vec![]),
        ("last=..", vec!["a", "b", "c"]),
        ("last=%00", vec!["a", "b", "c"]),
        ("last=%C3%A9", vec![]),
        ("last=&n=2", vec!["a", "b"]),
        ("last=a&n=1", vec!["b"]),
        ("last=b&n=1", vec!["c"]),
        ("last=c&n=1", vec![]),
    ] {
        let response = registry
            .get(&format!("/v2/a/tags/list?{query}"))
            .expect(200);
        assert_eq!(entries(&response), expected, "{query}");
        let is_last = !["last=&n=2", "last=a&n=1"].contains(&query);
        assert_eq!(response.find("Link").is_none(), is_last, "{query}");
    }
}

#[test]
fn any_number_of_entries_is_taken_and_nothing_else() {
    let registry = with_tags(&["a", "b"]);
    for list in ["a/tags/list", "_catalog"] {
        let whole = entries(&registry.get(&format!("/v2/{list}")).expect(200));
        for n in NOT_NUMBERS {
            let response = registry.get(&format!("/v2/{list}?n={n}"));
            let response = response.expect_error(400, "PAGINATION_NUMBER_INVALID");
            assert!(response.json()["errors"][0]["detail"]["n"].is_string());
        }
        for n in HUGE {
            let response = registry.get(&format!("/v2/{list}?n={n}")).expect(200);
            assert_eq!(entries(&response), whole);
            assert_eq!(response.find("Link"), None);
        }
        for n in ["0", "000"] {
            let none = registry.get(&format!("/v2/{list}?n={n}")).expect(200);
            assert_eq!(entries(&none), [""; 0]);
            assert_eq!(none.find("Link"), None, "a link from nowhere");
        }
    }
}

#[test]
fn a_page_is_no_longer_than_configured() {
    let settings = Settings::default()
        .set("TAGS_MAXTAGS", "2")
        .set("CATALOG_MAXENTRIES", "2");
    let registry = settings.start();
    let digest = registry.push_image("a", "t1", 1);
    for tag in ["t2", "t3", "t4", "t5"] {
        registry.plant_tag("a", tag, &digest);
    }
    for name in ["b", "c", "d", "e"] {
        registry.plant_tag(name, "v1", &digest);
    }
    for list in ["a/tags/list", "_catalog"] {
        for query in ["", "?n=1000", "?n=99999999999999999999"] {
            let pages = pages(&registry, &format!("/v2/{list}{query}"));
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        }
    }
}

#[test]
fn all_tags_come_at_once_to_a_client_that_names_no_number() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "t", 1);
    // Around the 1000 that are looked at in one step, and several of these.
    let (mut tags, mut number) = (vec!["t".to_owned()], 1000);
    for &count in effort(
        &[999, 1000, 1001, 2001][..],
        &[999, 1000, 1001, 2000, 2001, 3500],
    ) {
        while tags.len() < count {
            let tag = format!("t{number}");
            registry.plant_tag("a", &tag, &digest);
            tags.push(tag);
            number += 1;
        }
        let all = registry.get("/v2/a/tags/list").expect(200);
        assert_eq!(all.json(), json!({"name": "a", "tags": tags}), "{count}");
        assert_eq!(all.find("Link"), None);
        let head = registry.head("/v2/a/tags/list").expect(200);
        assert_eq!(head.header("Content-Type"), all.header("Content-Type"));
        let last = registry.get("/v2/a/tags/list?last=t1004&n=").expect(200);
        assert_eq!(entries(&last), tags[6..], "{count}");
    }
    // Whoever names a number gets no more than that, and no more than a page.
    for (n, length) in [(999, 999), (1000, 1000), (1001, 1000), (100_000, 1000)] {
        let page = registry.get(&format!("/v2/a/tags/list?n={n}")).expect(200);
        assert_eq!(entries(&page), tags[..length]);
        assert!(page.find("Link").is_some());
        let pages = pages(&registry, &format!("/v2/a/tags/list?n={n}"));
        assert_eq!(pages.concat(), tags, "{n} at a time");
    }
}

#[test]
fn a_tag_that_cannot_be_read_hides_no_other() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("a", "t", 1);
    for number in 1000..3500 {
        registry.plant_tag("a", &format!("t{number}"), &digest);
    }
    // What cannot be read: no directory where the link's directory is meant to be, but a loop.
    let broken = registry.file("repositories/a/_manifests/tags/t3000/current");
    fs::remove_dir_all(&broken).unwrap();
    if !make_loop(&broken) {
        eprintln!("SKIPPED: links cannot be made here without a right of their own");
        return;
    }
    let list = registry.get("/v2/a/tags/list").expect(200);
    let tags = entries(&list);
    assert_eq!(tags.len(), 2500);
    assert!(!tags.iter().any(|tag| tag == "t3000"));
}

/// A link to itself, which no system follows; `false` on Windows.
fn make_loop(path: &Path) -> bool {
    #[cfg(unix)]
    std::os::unix::fs::symlink(path, path).unwrap();
    #[cfg(windows)]
    let _ = path;
    cfg!(unix) && !is_for_windows()
}

#[test]
fn any_text_is_a_place_to_start_at() {
    let registry = TestRegistry::start();
    let longest = "b".repeat(255);
    for name in ["a", &longest, "c/d"] {
        registry.push_image(name, "v1", 1);
        registry.push_image(name, "v2", 1);
    }
    let all = ["a", &longest, "c/d"];
    for (last, left) in [
        ("a".repeat(256), &all[1..]),
        ("b".repeat(8000), &all[2..]),
        ("b".repeat(256), &all[2..]),
        ("b/".repeat(4000), &all[1..]),
        ("../".repeat(2000), &all[..]),
        ("%C3%A9".repeat(1000), &[]),
        (format!("b%C3%A9{}", "b".repeat(3000)), &all[2..]),
        ("c/".to_owned() + &"a".repeat(3000), &all[2..]),
        ("%00".repeat(300), &all[..]),
    ] {
        let path = format!("/v2/_catalog?last={last}");
        let list = registry.get(&path).expect(200).json();
        assert_eq!(list["repositories"], json!(left), "{last}");
        let path = format!("/v2/a/tags/list?last={last}");
        registry.get(&path).expect(200);
        let path = format!("/v2/a/referrers/sha256:{}?last={last}", "0".repeat(64));
        registry.get(&path).expect_error(400, "DIGEST_INVALID");
    }
    let list = registry
        .get(&format!("/v2/a/tags/list?last=v1{}", "a".repeat(3000)))
        .expect(200);
    assert_eq!(list.json()["tags"], json!(["v2"]));
}

#[test]
fn an_empty_list_is_a_list() {
    let registry = TestRegistry::start();
    let catalog = registry.get("/v2/_catalog").expect(200);
    assert_eq!(catalog.json(), json!({"repositories": []}));
    registry
        .get("/v2/a/tags/list")
        .expect_error(404, "NAME_UNKNOWN");
    registry.push_blob("a", b"only a blob");
    let unknown = registry
        .get("/v2/a/tags/list")
        .expect_error(404, "NAME_UNKNOWN");
    assert_eq!(unknown.json()["errors"][0]["detail"]["name"], "a");
    let digest = registry.push_image("a", "v1", 1);
    registry.delete("/v2/a/manifests/v1").expect(202);
    let list = registry.get("/v2/a/tags/list").expect(200);
    assert_eq!(list.json(), json!({"name": "a", "tags": []}));
    registry
        .delete(&format!("/v2/a/manifests/{digest}"))
        .expect(202);
    let list = registry.get("/v2/a/tags/list").expect(200);
    assert_eq!(list.json(), json!({"name": "a", "tags": []}));
}

#[test]
fn the_catalog_is_in_the_order_of_whole_names() {
    let names = ["a", "a-b", "a.b", "a/b", "a/b/c", "a0", "b/c"];
    let registry = with_repositories(&["b/c", "a/b/c", "a0", "a/b", "a.b", "a-b", "a"]);
    assert_eq!(entries(&registry.get("/v2/_catalog").expect(200)), names);
    for n in 1..=8 {
        let pages = pages(&registry, &format!("/v2/_catalog?n={n}"));
        assert_eq!(pages.concat(), names, "{n} at a time");
        assert_eq!(
            pages.len(),
            names.len().div_ceil(n),
            "an empty page at the end"
        );
    }
    for (at, last) in names.iter().enumerate() {
        let encoded = last.replace('/', "%2F");
        let rest = registry
            .get(&format!("/v2/_catalog?last={encoded}"))
            .expect(200);
        assert_eq!(entries(&rest), names[at + 1..], "after {last}");
    }
    let rest = registry.get("/v2/_catalog?last=a/a&n=2").expect(200);
    assert_eq!(entries(&rest), ["a/b", "a/b/c"]);
    assert_eq!(
        rest.header("Link"),
        "</v2/_catalog?n=2&last=a%2Fb%2Fc>; rel=\"next\""
    );
}

#[test]
fn pushes_and_deletions_are_seen_at_once() {
    let registry = TestRegistry::start();
    let list = |path: &str| entries(&registry.get(path).expect(200));
    for (count, name) in ["m", "a", "z", "m/n", "a-b"].iter().enumerate() {
        registry.push_image(name, "v1", 1);
        let names = list("/v2/_catalog");
        assert!(
            names.len() == count + 1 && names.contains(&(*name).to_owned()),
            "{names:?}"
        );
    }
    let digest = registry.push_image("m", "v1", 1);
    let mut expected = vec!["v1".to_owned()];
    for number in 0..20 {
        let tag = format!("t{number:02}");
        registry.put_manifest("m", &tag, &image(1)).expect(201);
        expected.push(tag);
        expected.sort();
        assert_eq!(list("/v2/m/tags/list"), expected);
    }
    while let Some(tag) = expected.pop() {
        registry
            .delete(&format!("/v2/m/manifests/{tag}"))
            .expect(202);
        assert_eq!(list("/v2/m/tags/list"), expected);
    }
    registry.put_manifest("m", "again", &image(1)).expect(201);
    assert_eq!(list("/v2/m/tags/list"), ["again"]);
    registry
        .delete(&format!("/v2/m/manifests/{digest}"))
        .expect(202);
    assert_eq!(list("/v2/m/tags/list"), [""; 0]);
}

#[test]
fn what_a_crash_left_is_no_tag() {
    let registry = with_tags(&["b", "m", "y"]);
    let digest = registry
        .head("/v2/a/manifests/b")
        .header("Docker-Content-Digest")
        .to_owned();
    let hex = digest.replace(':', "/");
    let tags = "repositories/a/_manifests/tags";
    // Many of each kind in a row, so that whole steps of the walk hold nothing else.
    for number in 0..1100 {
        let directory = registry.file(&format!("{tags}/c{number}"));
        fs::create_dir_all(directory).unwrap();
    }
    for number in 0..100 {
        registry.plant(&format!("{tags}/d{number}/current/link"), "");
    }
    registry.plant(&format!("{tags}/n/index/{hex}/link"), &digest);
    registry.plant(&format!("{tags}/o/current/link.0123456789.tmp"), &digest);
    registry.plant(&format!("{tags}/-no-tag/current/link"), &digest);
    registry.plant(&format!("{tags}/stray"), "a file");
    fs::create_dir_all(registry.file(&format!("{tags}/z"))).unwrap();
    for n in [1, 2, 3, 1000] {
        let pages = pages(&registry, &format!("/v2/a/tags/list?n={n}"));
        assert_eq!(pages.concat(), ["b", "m", "y"], "{n} at a time");
        assert_eq!(pages.len(), 3_usize.div_ceil(n), "an empty page at the end");
    }
    registry
        .get("/v2/a/manifests/d1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    registry
        .delete("/v2/a/manifests/d1")
        .expect_error(404, "MANIFEST_UNKNOWN");
    registry.put_manifest("a", "d1", &image(1)).expect(201);
    assert_eq!(
        pages(&registry, "/v2/a/tags/list").concat(),
        ["b", "d1", "m", "y"]
    );
}

#[test]
fn what_is_no_repository_is_not_in_the_catalog() {
    let registry = with_repositories(&["m"]);
    registry.push_blob("blobs/only", b"a blob");
    let repositories = "repositories";
    for number in 0..600 {
        let directory = registry.file(&format!("{repositories}/empty{number}/below"));
        fs::create_dir_all(directory).unwrap();
    }
    registry.plant(&format!("{repositories}/file"), "a file");
    registry.plant(&format!("{repositories}/UPPER/_manifests/x"), "");
    registry.plant(&format!("{repositories}/m/_manifests/_manifests/x"), "");
    registry.plant(&format!("{repositories}/n/_manifests"), "a file");
    for n in [1, 1000] {
        let pages = pages(&registry, &format!("/v2/_catalog?n={n}"));
        assert_eq!(pages, [["m"]]);
    }
}
