//! The command itself is stopped and goes on while it waits, as the container that it runs in is by `docker pause`.

use super::url;
use crate::util::pace::breathe;
use crate::util::program::{Program, command};
use crate::util::tree::quick_directory;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Reads the head of each request, and answers when that is allowed. Tells of each head.
fn answering<S: Read + Write + Send + 'static>(
    connections: impl Iterator<Item = S> + Send + 'static,
    may_answer: &Arc<AtomicBool>,
) -> Receiver<()> {
    let (sender, asked) = channel();
    let may_answer = Arc::clone(may_answer);
    thread::spawn(move || {
        for mut stream in connections {
            let (sender, may_answer) = (sender.clone(), Arc::clone(&may_answer));
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                let _ = sender.send(());
                while !may_answer.load(Ordering::Relaxed) {
                    breathe();
                }
                // A connection that was given up is no failure.
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            });
        }
    });
    asked
}

fn pause_while_it_waits(words: &[&str], may_answer: &AtomicBool, asked: &Receiver<()>) {
    let mut program = Program::of(command().args(words));
    asked.recv().unwrap();
    for _ in 0..20 {
        program.pause(|| {});
        breathe();
    }
    may_answer.store(true, Ordering::Relaxed);
    let status = program.end();
    program.read_all();
    assert!(status.success(), "{:?}", program.lines);
}

#[test]
fn who_is_stopped_while_it_waits_hears_the_answer_when_it_goes_on() {
    let may_answer = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url("http", listener.local_addr().unwrap());
    let connections = std::iter::from_fn(move || Some(listener.accept().unwrap().0));
    let asked = answering(connections, &may_answer);
    pause_while_it_waits(&["health", &url], &may_answer, &asked);
}

#[test]
fn the_same_over_a_unix_socket() {
    let may_answer = Arc::default();
    let directory = quick_directory();
    let socket = directory.path().join("registry.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let connections = std::iter::from_fn(move || Some(listener.accept().unwrap().0));
    let asked = answering(connections, &may_answer);
    let http = format!("{{net: unix, addr: {}}}", socket.display());
    let path = super::config(directory.path(), &http);
    pause_while_it_waits(&["health", "--config", &path], &may_answer, &asked);
}
