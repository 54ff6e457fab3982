//! Outputs that hang, fail and come back.

use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

const LONG: Duration = Duration::from_secs(60);

/// An output that says what it is about to write, and does so when it is let.
struct Held {
    asked: Sender<Vec<u8>>,
    results: Receiver<io::Result<()>>,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.send(bytes.to_vec()).unwrap();
        // When the test is over everything is let through.
        self.results.recv().unwrap_or(Ok(()))?;
        self.text.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Fixture {
    queue: Queue,
    asked: Receiver<Vec<u8>>,
    results: Sender<io::Result<()>>,
    text: Arc<Mutex<Vec<u8>>>,
}

fn tell(lost: Lost, out: &mut dyn Write) -> io::Result<()> {
    let Lost { here, elsewhere } = lost;
    match elsewhere {
        0 => out.write_all(format!("lost {here}\n").as_bytes()),
        _ => out.write_all(format!("lost {here} and {elsewhere}\n").as_bytes()),
    }
}

fn held(bytes_max: usize) -> Fixture {
    let (asks, asked) = channel();
    let (results, received) = channel();
    let text = Arc::new(Mutex::new(Vec::new()));
    let output = Held {
        asked: asks,
        results: received,
        text: Arc::clone(&text),
    };
    Fixture {
        queue: Queue::new(Box::new(output), bytes_max, tell),
        asked,
        results,
        text,
    }
}

impl Fixture {
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().clone()).unwrap()
    }

    fn asked(&self) -> String {
        String::from_utf8(self.asked.recv().unwrap()).unwrap()
    }
}

#[test]
fn nobody_waits_for_an_output_that_hangs_and_what_was_lost_is_told() {
    let fixture = held(30);
    fixture.queue.push(b"first\n", true);
    assert_eq!(fixture.asked(), "first\n");
    // Nobody reads: 24 bytes are left.
    for number in 0..1000 {
        fixture
            .queue
            .push(format!("line {number}\n").as_bytes(), true);
    }
    assert!(!fixture.queue.flush(Duration::ZERO));
    assert_eq!(fixture.text(), "");
    // Now somebody does.
    fixture.results.send(Ok(())).unwrap();
    assert_eq!(fixture.asked(), "line 0\nline 1\nline 2\n");
    fixture.results.send(Ok(())).unwrap();
    assert_eq!(fixture.asked(), "lost 997\n");
    fixture.queue.push(b"next\n", true);
    drop(fixture.results);
    assert!(fixture.queue.flush(LONG));
    let text = String::from_utf8(fixture.text.lock().clone()).unwrap();
    assert_eq!(text, "first\nline 0\nline 1\nline 2\nlost 997\nnext\n");
}

#[test]
fn what_another_queue_has_lost_is_told_even_if_there_was_no_room_at_that_moment() {
    let fixture = held(6);
    fixture.queue.push(b"first\n", true);
    assert_eq!(fixture.asked(), "first\n");
    fixture.queue.push(b"no room\n", true);
    fixture.queue.note_lost_elsewhere(3);
    fixture.queue.note_lost_elsewhere(4);
    fixture.results.send(Ok(())).unwrap();
    assert_eq!(fixture.asked(), "lost 1 and 7\n");
    fixture.results.send(Ok(())).unwrap();
    // One that sleeps is woken up for it.
    assert!(fixture.queue.flush(LONG));
    fixture.queue.note_lost_elsewhere(2);
    assert_eq!(fixture.asked(), "lost 0 and 2\n");
    drop(fixture.results);
    assert!(fixture.queue.flush(LONG));
}

#[test]
fn lines_that_could_not_be_written_are_counted_until_one_can() {
    let fixture = held(1000);
    for failure in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
        fixture.queue.push(b"a\nb\n", true);
        fixture.asked();
        fixture.results.send(Err(failure.into())).unwrap();
        assert!(fixture.queue.flush(LONG));
    }
    fixture.queue.push(b"c\n", true);
    for expected in ["c\n", "lost 4\n"] {
        assert_eq!(fixture.asked(), expected);
        fixture.results.send(Ok(())).unwrap();
    }
    assert!(fixture.queue.flush(LONG));
    assert_eq!(fixture.text(), "c\nlost 4\n");
}

#[test]
fn an_output_that_must_not_wait_is_asked_again() {
    let fixture = held(1000);
    fixture.queue.push(b"a\n", true);
    for result in [
        Err(ErrorKind::WouldBlock.into()),
        Err(ErrorKind::Interrupted.into()),
        Ok(()),
    ] {
        assert_eq!(fixture.asked(), "a\n");
        fixture.results.send(result).unwrap();
    }
    assert!(fixture.queue.flush(LONG));
    assert_eq!(fixture.text(), "a\n");
}

#[test]
fn lines_of_many_threads_stay_whole_and_in_order_and_the_end_writes_them_all() {
    let fixture = held(10_000_000);
    let Fixture {
        queue,
        results,
        text,
        asked,
    } = fixture;
    drop(results);
    let drained = thread::spawn(move || asked.iter().count());
    thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for number in 0..20_000 {
                    let line = format!("{thread} {number}\n");
                    queue.push(line.as_bytes(), number % 1000 == 0);
                }
            });
        }
    });
    assert!(queue.flush(LONG));
    drop(queue);
    let writes = drained.join().unwrap();
    let text = String::from_utf8(text.lock().clone()).unwrap();
    assert_eq!(text.lines().count(), 80_000);
    for thread in 0..4 {
        let start = format!("{thread} ");
        let mut numbers = text.lines().filter_map(|line| line.strip_prefix(&start));
        assert!((0..20_000).all(|number| numbers.next() == Some(&number.to_string())));
    }
    assert!(writes < 8_000, "{writes} writes");
}

#[test]
fn a_queue_takes_no_more_memory_than_it_may_have() {
    let fixture = held(100_000);
    fixture.queue.push(b"first\n", true);
    fixture.asked();
    // The first is still in hand.
    for _ in 0..10_000 {
        fixture.queue.push(&[b'x'; 999], false);
    }
    let state = fixture.queue.shared.state();
    assert_eq!((state.waiting.len(), state.lost.here), (99_900, 9_900));
    assert!(state.waiting.capacity() <= 100_000);
}
