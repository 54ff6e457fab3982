//! `registry htpasswd`: makes, replaces and removes the user_lines of `auth.htpasswd`'s file.

use crate::auth::htpasswd::{BCRYPT_COST_MAX, BCRYPT_COST_MIN, FILE_BYTES_MAX};
use crate::auth::user_lines;
use crate::sys;
use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// bcrypt looks no further into a password, in bytes.
const PASSWORD_BYTES_MAX: usize = 72;
/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// What is to be done.
pub struct Order {
    user: String,
    file: Option<PathBuf>,
    action: Action,
}

enum Action {
    /// Make an entry of this cost.
    Put(u32),
    Delete,
}

impl Order {
    /// An order of the command's words. The error says which of them is wrong.
    pub fn new(
        user: String,
        file: Option<PathBuf>,
        delete: bool,
        cost: u32,
    ) -> Result<Order, String> {
        user_lines::check_name(&user)?;
        if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
            return Err(format!(
                "found --cost {cost}; allowed: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}"
            ));
        }
        if delete && file.is_none() {
            return Err("--delete needs --file: the file to take the user out of".to_owned());
        }
        let action = match delete {
            true => Action::Delete,
            false => Action::Put(cost),
        };
        Ok(Order { user, file, action })
    }
}

/// Does it. Prints the entry to `out` when there is no file. The error says what could not be done.
pub fn run(order: &Order, out: &mut dyn Write) -> Result<(), String> {
    let user = order.user.as_str();
    let line = match order.action {
        Action::Put(cost) => Some(user_lines::line(user, password(user)?.as_bytes(), cost)?),
        Action::Delete => None,
    };
    let Some(path) = &order.file else {
        let line = line.unwrap_or_default();
        let printed = writeln!(out, "{line}").and_then(|()| out.flush());
        return printed.map_err(|error| format!("the entry could not be printed: {error}"));
    };
    edit(path, user, line.as_deref()).map_err(|why| format!("{}: {why}", path.display()))
}

/// The password, from the terminal twice and unseen, or from standard input.
fn password(user: &str) -> Result<String, String> {
    let password = if io::stdin().is_terminal() {
        typed(user)?
    } else {
        line().map_err(|error| format!("the password could not be read: {error}"))?
    };
    let wrong = match password.len() {
        0 => "is empty",
        _ if password.contains('\0') => "has a NUL",
        PASSWORD_BYTES_MAX.. if password.len() > PASSWORD_BYTES_MAX => {
            "has more than 72 bytes, of which bcrypt looks at no more"
        }
        _ => return Ok(password),
    };
    Err(format!("the password {wrong}; allowed: 1 to 72 bytes"))
}

fn typed(user: &str) -> Result<String, String> {
    let ask = |question: &str| -> io::Result<String> {
        let _ = write!(io::stderr(), "{question}");
        let answer = line();
        let _ = writeln!(io::stderr());
        answer
    };
    let failed = |error: io::Error| format!("the password could not be read: {error}");
    let shown = sys::hide_typing().map_err(failed)?;
    // Ctrl-C must not leave a terminal behind that shows nothing.
    let again = shown.clone();
    let _ = sys::on_shutdown_signal(Box::new(move |_| {
        let _ = sys::show_typing(&again);
        std::process::exit(1);
    }));
    let answers = ask(&format!("Password of {user}: "))
        .and_then(|first| Ok((first, ask("The same again: ")?)));
    sys::show_typing(&shown).map_err(failed)?;
    match answers.map_err(failed)? {
        (first, second) if first == second => Ok(first),
        _ => Err("the two passwords differ".to_owned()),
    }
}

/// The next line of standard input without its end.
fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(LINE_BYTES_MAX)
        .read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(line.strip_prefix('\u{feff}').unwrap_or(line).to_owned())
}

/// Replaces a user's line in a file, or removes it, in one step: a registry that reads the file at
/// any time sees the old one or the new one.
fn edit(path: &Path, user: &str, line: Option<&str>) -> Result<(), String> {
    // A link stays a link: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (bytes, old) = match read(&path) {
        Ok((bytes, metadata)) => (bytes, Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && line.is_some() => {
            (Vec::new(), None)
        }
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("has more than {FILE_BYTES_MAX} bytes"));
    }
    let text = user_lines::edited(&bytes, user, line)?;
    let text = text.ok_or(format!("has no user {user}"))?;
    replace(&path, text.as_bytes(), old.as_ref())
        .map_err(|error| format!("cannot be written: {error}"))
}

fn read(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = sys::open_regular(path, File::options().read(true))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes, metadata))
}

/// Writes beside the file and renames, so that no power loss leaves half of it.
fn replace(path: &Path, bytes: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", hex::encode(random)));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = sys::create_private(&temporary)?;
        if let Some(old) = old {
            sys::copy_owner(&file, old)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    sys::sync_directory(folder.unwrap_or(Path::new(".")))
}
