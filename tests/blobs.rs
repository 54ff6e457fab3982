//! Blobs: pushed in every way the spec has, pulled whole and in ranges, mounted, deleted.

use crate::util::image::{bytes, sha256, sha512};
use crate::util::raw::Raw;
use crate::util::registry::{RawResponse, TestRegistry};

#[test]
fn a_blob_comes_back_as_it_was_pushed() {
    let registry = TestRegistry::start();
    let content = bytes(1, 3_000_000);
    let digest = registry.push_blob("a/b", &content);
    let path = format!("/v2/a/b/blobs/{digest}");
    let response = registry.get(&path).expect(200);
    assert!(response.body == content);
    assert_eq!(response.header("Docker-Content-Digest"), digest);
    assert_eq!(response.header("Content-Type"), "application/octet-stream");
    let head = registry.head(&path).expect(200);
    assert_eq!(head.header("Content-Length"), "3000000");
    assert_eq!(head.header("Accept-Ranges"), "bytes");
    let tag = head.header("ETag");
    let known = registry
        .call("GET", &path, &[("If-None-Match", tag)], None)
        .expect(304);
    assert!(known.body.is_empty());
}

#[test]
fn a_blob_is_pushed_again_while_it_is_being_pulled() {
    let registry = TestRegistry::start();
    // More than the sockets hold, so that the file is still open when the push comes.
    let content = bytes(1, 16_000_000);
    let digest = registry.push_blob("a", &content);
    let mut slow = Raw::connect(registry.address);
    slow.request(&format!("/v2/a/blobs/{digest}"));
    let first = slow.take(1000);
    registry.push_blob("b", &content);
    let response = first
        .iter()
        .chain(&slow.take(content.len() - 1000))
        .copied()
        .collect::<Vec<_>>();
    let head = response
        .windows(4)
        .position(|at| at == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert!(content.starts_with(&response[head..]));
    let pulled = registry.get(&format!("/v2/b/blobs/{digest}")).expect(200);
    assert!(pulled.body == content);
    assert!(registry.files("repositories/b/_uploads").is_empty());
}

#[test]
fn a_blob_is_pushed_by_one_post() {
    let registry = TestRegistry::start();
    let content = bytes(2, 100_000);
    for digest in [sha256(&content), sha512(&content)] {
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        let created = registry
            .call("POST", &path, &[], Some(&content))
            .expect(201);
        assert_eq!(created.header("Docker-Content-Digest"), digest);
        assert!(registry.get(created.header("Location")).expect(200).body == content);
    }
    let empty = sha256(b"");
    let path = format!("/v2/a/blobs/uploads/?digest={empty}");
    registry.post(&path).expect(201);
    assert!(
        registry
            .get(&format!("/v2/a/blobs/{empty}"))
            .expect(200)
            .body
            .is_empty()
    );
}

#[test]
fn a_blob_is_pushed_in_chunks_and_as_a_stream() {
    let registry = TestRegistry::start();
    let content = bytes(3, 700_001);
    let started = registry.post("/v2/a/blobs/uploads/").expect(202);
    assert_eq!(started.header("Range"), "0-0");
    assert!(
        started
            .header("Location")
            .contains(started.header("Docker-Upload-UUID"))
    );
    let mut location = started.header("Location").to_owned();
    for (first, last) in [(0, 99_999), (100_000, 100_000), (100_001, 499_999)] {
        let range = format!("{first}-{last}");
        let part = registry.patch(
            &location,
            &[("Content-Range", &range)],
            &content[first..=last],
        );
        let part = part.expect(202);
        assert_eq!(part.header("Range"), format!("0-{last}"));
        location = part.header("Location").to_owned();
    }
    registry
        .stream("PATCH", &location, &mut &content[500_000..])
        .expect(202);
    let digest = sha256(&content);
    registry
        .put(&format!("{location}&digest={digest}"), &[], b"")
        .expect(201);
    assert!(
        registry
            .get(&format!("/v2/a/blobs/{digest}"))
            .expect(200)
            .body
            == content
    );
}

/// The parts of a `multipart/byteranges` body, each with its `Content-Range`.
fn parts(response: &RawResponse) -> Vec<(String, Vec<u8>)> {
    let boundary = response
        .header("Content-Type")
        .split_once("boundary=")
        .unwrap()
        .1;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut rest = response.body.strip_prefix(&delimiter[..]).unwrap();
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let end = find(rest, &delimiter);
        let part = rest[..end].strip_prefix(b"\r\n").unwrap();
        let head = std::str::from_utf8(&part[..find(part, b"\r\n\r\n")]).unwrap();
        let mut headers = head
            .split("\r\n")
            .map(|line| line.split_once(": ").unwrap());
        assert_eq!(
            headers.next(),
            Some(("Content-Type", "application/octet-stream"))
        );
        let (name, range) = headers.next().unwrap();
        assert_eq!(name, "Content-Range");
        parts.push((range.to_owned(), part[head.len() + 4..].to_vec()));
        rest = &rest[end + delimiter.len()..];
    }
    parts
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes
        .windows(wanted.len())
        .position(|at| at == wanted)
        .unwrap()
}

#[test]
fn a_range_is_served_as_asked() {
    let registry = TestRegistry::start();
    let content = bytes(4, 100_000);
    let path = format!("/v2/a/blobs/{}", registry.push_blob("a", &content));
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99999", 0, 99_999),
        ("bytes=10-19", 10, 19),
        ("bytes=99999-", 99_999, 99_999),
        ("bytes=50000-", 50_000, 99_999),
        ("bytes=-1", 99_999, 99_999),
        ("bytes=-70000", 30_000, 99_999),
        ("bytes=-200000", 0, 99_999),
        ("bytes=99990-18446744073709551615", 99_990, 99_999),
        ("bytes=200000-,5-6", 5, 6),
    ] {
        let response = registry
            .call("GET", &path, &[("Range", range)], None)
            .expect(206);
        assert!(response.body == content[first..=last], "{range}");
        assert_eq!(
            response.header("Content-Range"),
            format!("bytes {first}-{last}/100000")
        );
        assert_eq!(response.header("Content-Type"), "application/octet-stream");
    }
}

#[test]
fn what_is_no_range_is_answered_with_all_of_it() {
    let registry = TestRegistry::start();
    let content = bytes(5, 1000);
    let path = format!("/v2/a/blobs/{}", registry.push_blob("a", &content));
    let many = format!("bytes={}", vec!["0-0"; 17].join(","));
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=x-y",
        "lines=0-1",
        "bytes=0-999,0-999",
        &many,
    ] {
        let response = registry
            .call("GET", &path, &[("Range", range)], None)
            .expect(200);
        assert!(response.body == content, "{range}");
        assert_eq!(response.find("Content-Range"), None);
    }
    let head = registry
        .call("HEAD", &path, &[("Range", "bytes=0-0")], None)
        .expect(200);
    assert_eq!(
        head.header("Content-Length"),
        "1000",
        "RFC 9110 has ranges for GET alone"
    );
}

#[test]
fn several_ranges_come_in_parts() {
    let registry = TestRegistry::start();
    let content = bytes(6, 100_000);
    let digest = registry.push_blob("a", &content);
    let path = format!("/v2/a/blobs/{digest}");
    let range = "bytes=10-19, -5,0-0,50000-59999,300000-";
    let response = registry
        .call("GET", &path, &[("Range", range)], None)
        .expect(206);
    assert!(
        response
            .header("Content-Type")
            .starts_with("multipart/byteranges; boundary=")
    );
    assert_eq!(response.find("Content-Range"), None);
    assert_eq!(response.header("Docker-Content-Digest"), digest);
    let length = response.header("Content-Length").parse::<usize>().unwrap();
    assert_eq!(response.body.len(), length);
    let expected = [(10, 19), (99_995, 99_999), (0, 0), (50_000, 59_999)];
    let expected = expected.map(|(first, last)| {
        (
            format!("bytes {first}-{last}/100000"),
            content[first..=last].to_vec(),
        )
    });
    assert!(parts(&response) == expected);
}

#[test]
fn a_range_that_does_not_exist_is_refused_with_the_length() {
    let registry = TestRegistry::start();
    let path = format!("/v2/a/blobs/{}", registry.push_blob("a", b"0123456789"));
    let empty = format!("/v2/a/blobs/{}", registry.push_blob("a", b""));
    for (path, range, length) in [
        (&path, "bytes=10-", 10),
        (&path, "bytes=10-20", 10),
        (&path, "bytes=-0", 10),
        (&path, "bytes=5-4", 10),
        (&path, "bytes=99999999999999999999-", 10),
        (&empty, "bytes=0-0", 0),
        (&empty, "bytes=-1", 0),
    ] {
        let response = registry.call("GET", path, &[("Range", range)], None);
        let response = response.expect_error(416, "RANGE_INVALID");
        assert_eq!(
            response.header("Content-Range"),
            format!("bytes */{length}"),
            "{range}"
        );
    }
}

#[test]
fn a_range_counts_only_for_the_content_that_the_client_has() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", b"0123456789");
    let path = format!("/v2/a/blobs/{digest}");
    let get = |condition: &str, value: &str| {
        let headers = [("Range", "bytes=2-3"), (condition, value)];
        registry.call("GET", &path, &headers, None)
    };
    let tag = format!("\"{digest}\"");
    assert_eq!(get("If-Range", &tag).expect(206).body, b"23");
    for other in [
        "\"other\"",
        &format!("W/{tag}"),
        "Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(
            get("If-Range", other).expect(200).body,
            b"0123456789",
            "{other}"
        );
    }
    for known in [&tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
        let response = get("If-None-Match", known).expect(304);
        assert_eq!(
            (response.header("ETag"), response.body.len()),
            (&tag[..], 0),
            "{known}"
        );
        let head = registry.call("HEAD", &path, &[("If-None-Match", known)], None);
        head.expect(304);
    }
    assert_eq!(get("If-None-Match", "\"other\"").expect(206).body, b"23");
}

#[test]
fn a_deleted_blob_is_gone_at_once_and_can_come_back() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", b"content");
    registry.push_blob("b", b"content");
    let path = format!("/v2/a/blobs/{digest}");
    for _ in 0..2 {
        assert_eq!(registry.get(&path).expect(200).body, b"content");
        registry.delete(&path).expect(202);
        registry.get(&path).expect_error(404, "BLOB_UNKNOWN");
        registry.head(&path).expect(404);
        let again = registry.delete(&path).expect_error(404, "BLOB_UNKNOWN");
        assert_eq!(again.json()["errors"][0]["detail"], digest);
        let other = registry.get(&format!("/v2/b/blobs/{digest}")).expect(200);
        assert_eq!(other.body, b"content", "the other repository keeps it");
        registry.push_blob("a", b"content");
    }
    assert_eq!(
        registry.files("blobs").len(),
        1,
        "two repositories share the bytes"
    );
}

#[test]
fn a_blob_is_mounted_from_where_it_is() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", b"content");
    let mount = |to: &str, query: &str| registry.post(&format!("/v2/{to}/blobs/uploads/?{query}"));
    let queries = [
        ("b", format!("mount={digest}&from=a")),
        ("c/d", format!("mount={digest}")),
        ("a", format!("mount={digest}&from=a")),
        ("e", format!("mount={digest}&from=c%2Fd")),
    ];
    for (to, query) in &queries {
        let mounted = mount(to, query).expect(201);
        assert_eq!(
            mounted.header("Location"),
            format!("/v2/{to}/blobs/{digest}")
        );
        assert_eq!(mounted.header("Docker-Content-Digest"), digest);
        assert_eq!(mounted.find("Docker-Upload-UUID"), None);
        assert_eq!(
            registry.get(mounted.header("Location")).expect(200).body,
            b"content"
        );
    }
    registry
        .delete(&format!("/v2/a/blobs/{digest}"))
        .expect(202);
    registry.get(&format!("/v2/b/blobs/{digest}")).expect(200);
    assert_eq!(registry.files("blobs").len(), 1);
    assert_eq!(
        registry.files("repositories").len(),
        3,
        "links and nothing else"
    );
}

#[test]
fn what_cannot_be_mounted_is_uploaded() {
    let registry = TestRegistry::start();
    let digest = registry.push_blob("a", b"content");
    let unknown = sha256(b"other");
    for query in [
        format!("mount={digest}&from=b"),
        format!("mount={digest}&from=no/such"),
        format!("mount={unknown}&from=a"),
        format!("mount={unknown}"),
    ] {
        let path = format!("/v2/b/blobs/uploads/?{query}");
        let started = registry.post(&path).expect(202);
        registry.get(&format!("/v2/b/blobs/{digest}")).expect(404);
        let location = started.header("Location");
        let put = registry.put(&format!("{location}&digest={unknown}"), &[], b"other");
        put.expect(201);
        registry
            .delete(&format!("/v2/b/blobs/{unknown}"))
            .expect(202);
        std::fs::remove_file(registry.blob_file(&unknown)).unwrap();
    }
    // A link whose bytes are gone is nothing to mount.
    std::fs::remove_file(registry.blob_file(&digest)).unwrap();
    let mount = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
    registry.post(&mount).expect(202);
    registry
        .get(&format!("/v2/a/blobs/{digest}"))
        .expect_error(404, "BLOB_UNKNOWN");
}

#[test]
fn a_blob_has_the_digest_that_it_was_pushed_under() {
    let registry = TestRegistry::start();
    let content = bytes(7, 5000);
    let (short, long) = (sha256(&content), sha512(&content));
    registry
        .post(&format!("/v2/a/blobs/uploads/?digest={long}"))
        .expect_error(400, "DIGEST_INVALID");
    let path = format!("/v2/a/blobs/uploads/?digest={long}");
    registry
        .call("POST", &path, &[], Some(&content))
        .expect(201);
    registry
        .get(&format!("/v2/a/blobs/{short}"))
        .expect_error(404, "BLOB_UNKNOWN");
    let response = registry.get(&format!("/v2/a/blobs/{long}")).expect(200);
    assert!(response.body == content);
    assert_eq!(response.header("Docker-Content-Digest"), long);
    registry
        .post(&format!("/v2/b/blobs/uploads/?mount={long}&from=a"))
        .expect(201);
    registry.delete(&format!("/v2/a/blobs/{long}")).expect(202);
    registry.get(&format!("/v2/b/blobs/{long}")).expect(200);
}
