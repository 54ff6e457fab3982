//! The plainest server that can take the load: what the guard compares the registry with, in the same run on the same machine.
//!
//! A thread for each connection, one file for each name, every write synced with its directory, and nothing else: no check but the hash of
//! a blob, no limit, no list that is kept. It knows the targets that the load asks for, and no others.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Bytes that are read, hashed and written in one step.
const STEP_BYTES: usize = 256 * 1024;

/// Starts the server on a free port of the loopback; it ends with the program.
pub fn start(folder: &Path) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let folder = Arc::<Path>::from(folder);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = Arc::clone(&folder);
            // A client that goes away in the middle ends its own thread.
            thread::spawn(move || serve(stream, &folder));
        }
    });
    Ok(address)
}

/// The head of a request.
struct Head {
    method: String,
    target: String,
    length: usize,
}

fn serve(stream: TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::new(stream);
    while let Some(head) = read_head(&mut requests)? {
        answer(&head, &mut requests, &mut answers, folder)?;
    }
    Ok(())
}

/// `None` at the end of the connection.
fn read_head(requests: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if requests.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next(), words.next());
    let mut head = Head {
        method: method.unwrap_or_default(),
        target: target.unwrap_or_default(),
        length: 0,
    };
    loop {
        line.clear();
        requests.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                head.length = value.parse().unwrap_or(0);
            }
            Some(_) => {}
            None => return Ok(Some(head)),
        }
    }
}

fn answer(
    head: &Head,
    requests: &mut BufReader<TcpStream>,
    answers: &mut TcpStream,
    folder: &Path,
) -> io::Result<()> {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    match head.method.as_str() {
        "POST" => {
            let text = format!("202 Accepted\r\nLocation: {path}upload");
            respond(answers, &text, b"")
        }
        "PUT" => {
            let target = match query.split_once("digest=") {
                // A blob, by the repository that its upload began in.
                Some((_, digest)) => path.replace("uploads/upload", digest),
                None => path.to_owned(),
            };
            store(requests, head.length, &file(folder, &target))?;
            respond(answers, "201 Created", b"")
        }
        method => match path.strip_suffix("/tags/list") {
            _ if path == "/v2/" => respond(answers, "200 OK", b"{}"),
            Some(repository) => {
                let tags = file(folder, &format!("{repository}/manifests/"));
                respond(answers, "200 OK", page(&tags, query)?.as_bytes())
            }
            None => send(answers, &file(folder, path), method == "HEAD"),
        },
    }
}

/// The file of a name, whose last part is kept.
fn file(folder: &Path, target: &str) -> PathBuf {
    let (directory, name) = target.rsplit_once('/').unwrap_or(("", target));
    let directory = directory.replace('/', "_");
    folder.join(directory).join(name.replace(':', "_"))
}

fn respond(answers: &mut TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let mut whole = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    whole.push_str(std::str::from_utf8(body).unwrap_or_default());
    answers.write_all(whole.as_bytes())
}

fn send(answers: &mut TcpStream, path: &Path, is_head: bool) -> io::Result<()> {
    let Ok(mut file) = File::open(path) else {
        return respond(answers, "404 Not Found", b"");
    };
    let length = file.metadata()?.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    if length <= 16 * 1024 && !is_head {
        let mut whole = head.into_bytes();
        file.read_to_end(&mut whole)?;
        return answers.write_all(&whole);
    }
    answers.write_all(head.as_bytes())?;
    if !is_head {
        io::copy(&mut file, answers)?;
    }
    Ok(())
}

/// Takes in a body: hashed, synced, and in place by a rename that is synced as well.
fn store(requests: &mut BufReader<TcpStream>, length: usize, path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)?;
    let number = thread::current().id();
    let temporary = directory.join(format!(".{number:?}"));
    let mut file = File::create(&temporary)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; STEP_BYTES.min(length)];
    let mut left = length;
    while left > 0 {
        let most = left.min(buffer.len());
        let count = requests.read(buffer.split_at_mut(most).0)?;
        let (bytes, _) = buffer.split_at(count);
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(bytes);
        file.write_all(bytes)?;
        left -= count;
    }
    std::hint::black_box(hasher.finalize());
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}

/// Names of a directory behind the one that the query names, as many as it wants.
fn page(directory: &Path, query: &str) -> io::Result<String> {
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == key);
        values.next().map(|(_, value)| value).unwrap_or_default()
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let names = names.iter().filter(|name| name.as_str() > value("last"));
    let names: Vec<&String> = names.take(value("n").parse().unwrap_or(0)).collect();
    Ok(format!("{names:?}"))
}
