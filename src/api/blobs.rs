//! `GET`, `HEAD` and `DELETE /v2/<name>/blobs/<digest>` (end-2, end-10), with ranges (RFC 9110, 14).

use super::content::{self, BodyPiece};
use super::{Api, Result};
use crate::driver::Object;
use crate::http::range::{self, Selection};
use crate::http::{Method, Request, Response};
use crate::spec::media_type::OCTET_STREAM;
use crate::spec::{Code, Digest, Error, Name};
use serde_json::json;

/// Content under a digest never changes: it may be cached for a year, as distribution says.
const CACHE_CONTROL: &str = "max-age=31536000";

impl Api {
    pub(super) fn get_blob(&self, request: &Request<'_>, name: &Name, digest: &Digest) -> Result {
        let content = self
            .storage
            .blob(name, digest)
            .map_err(|error| name_blob(error, digest))?;
        let tag = format!("\"{digest}\"");
        if request
            .header("If-None-Match")
            .is_some_and(|list| range::if_none_match(list, &tag))
        {
            return Ok(describe(Response::new(304), digest, tag));
        }
        let asked = match request.method() {
            Method::Get => request.header("Range"),
            _ => None,
        };
        let asked = asked.filter(|_| range::if_range(request.header("If-Range"), &tag));
        let response = serve(&content, range::select(asked, content.length()), digest)?;
        Ok(describe(response, digest, tag))
    }

    pub(super) fn delete_blob(&self, name: &Name, digest: &Digest) -> Result {
        self.storage
            .delete_blob(name, digest)
            .map_err(|error| name_blob(error, digest))?;
        Ok(Response::new(202))
    }
}

/// Adds to an error which blob it is about.
fn name_blob(error: crate::storage::Error, digest: &Digest) -> Error {
    match Error::from(error) {
        error if error.code == Code::BlobUnknown => error.detail(json!(digest)),
        error => error,
    }
}

fn describe(response: Response, digest: &Digest, tag: String) -> Response {
    response
        .header("Accept-Ranges", "bytes")
        .header("Cache-Control", CACHE_CONTROL)
        .header("Docker-Content-Digest", digest.as_str())
        .header("ETag", tag)
}

/// The asked part of a blob.
fn serve(content: &Object, selection: Selection, digest: &Digest) -> Result {
    let length = content.length();
    match selection {
        Selection::Whole => {
            let body = content::range(content, 0, length);
            Ok(Response::new(200)
                .header("Content-Type", OCTET_STREAM)
                .body(body))
        }
        Selection::Unsatisfiable => {
            let text = format!("the blob has {length} bytes");
            let error = Error::new(Code::RangeInvalid).message(text);
            Err(error
                .detail(json!(digest))
                .header("Content-Range", format!("bytes */{length}")))
        }
        Selection::Partial(ranges) => Ok(match ranges.as_slice() {
            [(offset, count)] => Response::new(206)
                .header("Content-Type", OCTET_STREAM)
                .header("Content-Range", content_range(*offset, *count, length))
                .body(content::range(content, *offset, *count)),
            ranges => multipart(content, ranges, digest),
        }),
    }
}

/// `multipart/byteranges` (RFC 9110, 14.6).
fn multipart(content: &Object, ranges: &[(u64, u64)], digest: &Digest) -> Response {
    // No part can contain the blob's own digest, or its author has broken the hash.
    let boundary = digest.hex();
    let mut pieces = Vec::with_capacity(ranges.len() * 2 + 1);
    for (offset, count) in ranges {
        let range = content_range(*offset, *count, content.length());
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {OCTET_STREAM}\r\nContent-Range: {range}\r\n\r\n"
        );
        pieces.push(BodyPiece::Text(head.into_bytes()));
        pieces.push(BodyPiece::Range(*offset, *count));
    }
    pieces.push(BodyPiece::Text(
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ));
    Response::new(206)
        .header(
            "Content-Type",
            format!("multipart/byteranges; boundary={boundary}"),
        )
        .body(content::pieces(content, pieces))
}

fn content_range(offset: u64, count: u64, length: u64) -> String {
    format!(
        "bytes {offset}-{}/{length}",
        (offset + count).saturating_sub(1)
    )
}
