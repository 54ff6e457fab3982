//! The built program, run as a user would run it: by a configuration file and variables.
//!
//! Which program that is can be chosen: `REGISTRY_TEST_PROGRAM` is the path of one, and
//! `REGISTRY_TEST_RUNNER` what runs it, for example Wine for a `registry.exe` on Linux. Then the tests
//! that otherwise start a registry in their own process start that program as well.

use super::pace::breathe;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// A line of the log that does not come within this time will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program that was chosen; `None` when none was.
fn chosen() -> Option<OsString> {
    std::env::var_os("REGISTRY_TEST_PROGRAM").filter(|path| !path.is_empty())
}

/// Whether the tests are pointed at a program, so that nothing is to be served by this process.
pub fn is_chosen() -> bool {
    chosen().is_some()
}

/// Whether the program is one for Windows, wherever it runs.
pub fn is_for_windows() -> bool {
    match chosen() {
        Some(path) => path.to_string_lossy().ends_with(".exe"),
        None => cfg!(windows),
    }
}

/// The signals that ask it to stop, by which the tests of a unix system do. Wine passes Ctrl-C on, and ends the program at the others.
#[cfg(unix)]
pub fn stop_signals() -> &'static [&'static str] {
    match is_for_windows() {
        true => &["INT"],
        false => &["TERM", "INT"],
    }
}

/// A text with slashes in its paths, whichever way the program writes them, plain or quoted.
pub fn slashed(text: &str) -> String {
    text.replace(r"\\", "/").replace('\\', "/")
}

/// Starts a program, or runs it to its end. On a busy machine Wine 8 fails at that now and then, with an error of its own that says
/// nothing of the program.
#[track_caller]
pub fn started<T>(mut start: impl FnMut() -> std::io::Result<T>) -> T {
    const WINE_FAILED: i32 = 1359;
    let mut tries = 0;
    loop {
        match start() {
            Err(error)
                if cfg!(windows) && error.raw_os_error() == Some(WINE_FAILED) && tries < 20 =>
            {
                tries += 1;
                breathe();
            }
            other => return other.unwrap(),
        }
    }
}

/// Runs a program to its end. Under Wine 8 one ends now and then before it began, as if it had failed, and says nothing: ours says why
/// it fails, so such a one is run again.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let is_wine = cfg!(windows) || std::env::var_os("REGISTRY_TEST_RUNNER").is_some();
    let mut tries = 0;
    loop {
        let output = started(|| command.output());
        let has_begun =
            output.status.success() || !output.stdout.is_empty() || !output.stderr.is_empty();
        if has_begun || !is_wine || tries == 5 {
            return output;
        }
        tries += 1;
        breathe();
    }
}

/// The program, with nothing of this environment that it would read.
pub fn command() -> Command {
    let program = chosen().unwrap_or_else(|| env!("CARGO_BIN_EXE_registry").into());
    let mut command = match std::env::var_os("REGISTRY_TEST_RUNNER") {
        Some(runner) if !runner.is_empty() => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        _ => Command::new(program),
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("REGISTRY_") {
            command.env_remove(name);
        }
    }
    command
}

/// The program while it serves; killed when dropped.
pub struct Program {
    child: Child,
    log: Receiver<String>,
    /// Lines that were read while another was waited for.
    pub lines: Vec<String>,
}

impl Program {
    /// Starts `registry serve` with a file of that text and these `REGISTRY_*` variables.
    pub fn start(directory: &Path, text: &str, variables: &[(&str, &str)]) -> Program {
        let path = directory.join("config.yml");
        std::fs::write(&path, text).unwrap();
        let mut command = command();
        command
            .arg("serve")
            .arg(path)
            .envs(variables.iter().copied());
        Program::of(&mut command)
    }

    /// Starts what serves.
    pub fn of(command: &mut Command) -> Program {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = started(|| command.spawn());
        let (sender, log) = mpsc::channel();
        read(child.stdout.take().unwrap(), &sender);
        read(child.stderr.take().unwrap(), &sender);
        Program {
            child,
            log,
            lines: Vec::new(),
        }
    }

    /// Starts what serves, of which one output is read no further than to the line that tells where it listens, and
    /// the other not at all. Gives the address and what reads on.
    #[cfg(unix)]
    pub fn unread(command: &mut Command) -> (Program, SocketAddr, Box<dyn FnOnce()>) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on ") {
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0);
        }
        let (sender, log) = mpsc::channel();
        let read_on = Box::new(move || {
            read(output, &sender);
            read(errors, &sender);
        });
        let program = Program {
            child,
            log,
            lines: Vec::new(),
        };
        (program, address_in(line.trim_end()), read_on)
    }

    /// Waits for a line of its output that holds a text; slashes in it stand for backslashes as well.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let holds = |line: &str| slashed(line).contains(&slashed(text));
        if let Some(line) = self.lines.iter().find(|line| holds(line)) {
            return line.clone();
        }
        loop {
            let line = match self.log.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(why) => panic!("no {text:?}: {} in {:#?}", self.told(why), self.lines),
            };
            self.lines.push(line.clone());
            if holds(&line) {
                return line;
            }
        }
    }

    /// Why no line came.
    fn told(&mut self, why: RecvTimeoutError) -> String {
        if why == RecvTimeoutError::Disconnected {
            // It has closed its outputs, so it is ending.
            let started = Instant::now();
            while started.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
                breathe();
            }
        }
        match self.child.try_wait() {
            Ok(Some(status)) => format!("the program has ended with {status},"),
            Ok(None) => format!("the program runs, and said nothing for {PATIENCE:?},"),
            Err(error) => format!("what became of the program is unknown ({error}),"),
        }
    }

    /// Reads what it wrote to the end; it must have ended.
    pub fn read_all(&mut self) {
        while let Ok(line) = self.log.recv() {
            self.lines.push(line);
        }
    }

    /// Waits until it listens on TCP and gives the address.
    pub fn address(&mut self) -> SocketAddr {
        address_in(&self.wait_for("listening on "))
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = match name {
            "CONT" => Signal::CONT,
            "INT" => Signal::INT,
            "KILL" => Signal::KILL,
            "STOP" => Signal::STOP,
            "TERM" => Signal::TERM,
            other => panic!("{other} is sent by no test"),
        };
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends a signal that asks it to stop, and waits until its connections know.
    #[cfg(unix)]
    pub fn ask_to_stop(&mut self, signal: &str, address: SocketAddr) {
        self.signal(signal);
        self.wait_for("asked to stop");
        // The line comes first; when nobody else is let in the connections know.
        super::pace::wait_until("nobody else is let in", || {
            std::net::TcpStream::connect(address).is_err()
        });
    }

    /// Stops it where it is, as Ctrl-Z and `docker pause` do, and waits for that; then lets it go on.
    #[cfg(unix)]
    pub fn pause(&self, while_stopped: impl FnOnce()) {
        use rustix::process::{Pid, WaitOptions, waitpid};
        let id = Pid::from_child(&self.child);
        let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
        loop {
            self.signal("STOP");
            if let Some((_, status)) = waitpid(Some(id), options).unwrap() {
                assert!(status.stopped(), "{status:?}");
                break;
            }
            // Not yet; or somebody else has let it go on before this process was told.
            breathe();
        }
        while_stopped();
        self.signal("CONT");
    }

    /// Asks it to stop and waits for its end, after which all that it logged is written.
    #[cfg(unix)]
    pub fn end_orderly(&mut self) {
        self.signal(stop_signals()[0]);
        self.end();
    }

    /// Ends it: no test can ask it to stop here. What it logged was written when the last line was, or soon after.
    #[cfg(not(unix))]
    pub fn end_orderly(&mut self) {
        self.kill();
    }

    /// Ends it at once, and waits for that.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Resident memory in KiB.
    #[cfg(target_os = "linux")]
    pub fn resident_kib(&self) -> u64 {
        resident_kib(self.child.id())
    }

    /// The most resident memory that it ever had, in KiB.
    #[cfg(target_os = "linux")]
    pub fn highest_resident_kib(&self) -> u64 {
        memory_kib(self.child.id(), "VmHWM:")
    }
}

/// Sends on what an output says.
fn read(output: impl std::io::Read + Send + 'static, sender: &Sender<String>) {
    let sender = sender.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            eprintln!("    program: {line:.2000}");
            let _ = sender.send(line);
        }
    });
}

/// The address in the line that tells where it listens.
fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("listening on ").unwrap();
    rest.trim_end_matches(['"', '}'])
        .split(['"', ','])
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Resident memory of a process in KiB, as the system counts it.
#[cfg(target_os = "linux")]
pub fn resident_kib(process: u32) -> u64 {
    memory_kib(process, "VmRSS:")
}

#[cfg(target_os = "linux")]
fn memory_kib(process: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}
