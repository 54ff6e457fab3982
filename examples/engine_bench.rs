//! The bare engine behind two answers, to measure it: `{}` for `/v2/`, files for other paths.
//!
//! `cargo run --release --example engine_bench -- 127.0.0.1:5001 FOLDER` serves `FOLDER`'s files by
//! their names; uploads to any path are read and counted.

use registry::http::{Body, Handler, Limits, Listen, Method, Request, Response, Segment, Server};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

struct Bench(PathBuf);

impl Handler for Bench {
    fn handle(&self, request: &mut Request<'_>) -> Response {
        if request.path() == "/v2/" {
            let json = Response::new(200).header("Content-Type", "application/json");
            return json.body(Body::Bytes(b"{}".to_vec()));
        }
        if *request.method() != Method::Get {
            return upload(request);
        }
        let name = request.path().trim_start_matches('/');
        match File::open(self.0.join(name)).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Err(_) => Response::new(404),
            Ok((length, file)) => Response::new(200).body(Body::Segments(vec![Segment::File {
                file: Arc::new(file),
                offset: 0,
                length,
            }])),
        }
    }
}

fn upload(request: &mut Request<'_>) -> Response {
    let mut buffer = vec![0; 256 * 1024];
    let mut count = 0;
    loop {
        match request.body().read(&mut buffer) {
            Ok(0) => {
                return Response::new(200).body(Body::Bytes(format!("{count}\n").into_bytes()));
            }
            Ok(read) => count += read,
            Err(error) => {
                return Response::new(400).body(Body::Bytes(error.to_string().into_bytes()));
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:5001".to_owned());
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let handler = Arc::new(Bench(PathBuf::from(folder)));
    let server = Server::bind(&Listen::Tcp(listen), Limits::default(), handler)?;
    println!("listening on {}", server.address());
    server.run();
    Ok(())
}
