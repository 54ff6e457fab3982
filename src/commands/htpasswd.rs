//! `registry htpasswd`: creates, replaces and deletes the entries in the file of `auth.htpasswd`.

use super::CommandError;
use crate::auth::htpasswd::{BCRYPT_COST_MAX, BCRYPT_COST_MIN, FILE_BYTES_MAX};
use crate::auth::user_lines;
use crate::{small_file, sys};
use argh::FromArgs;
use std::fs::{self, Metadata};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// bcrypt ignores what follows in a password, in bytes.
const PASSWORD_BYTES_MAX: usize = 72;
/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// Create, replace or delete the entry of a user in the file of auth.htpasswd. The password is asked for twice on a
/// terminal; otherwise it is the first line of standard input.
#[derive(FromArgs)]
#[argh(subcommand, name = "htpasswd")]
#[argh(
    example = "{command_name} --file users anna",
    example = "{command_name} --file users --delete anna"
)]
pub struct HtpasswdOptions {
    /// the file to put the entry in, replacing the user's old one; created if it does not exist. Without it the
    /// entry is printed
    #[argh(option)]
    file: Option<PathBuf>,
    /// delete the user from the file instead
    #[argh(switch)]
    delete: bool,
    /// the bcrypt cost, 4 to 17: each step doubles the time of a login; default: 10
    #[argh(option, default = "10", from_str_fn(cost))]
    cost: u32,
    /// the user's name
    #[argh(positional, from_str_fn(user_name))]
    user: String,
}

fn cost(text: &str) -> Result<u32, String> {
    let cost = text.parse().ok();
    let cost = cost.filter(|cost| (BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(cost));
    cost.ok_or_else(|| format!("allowed: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}"))
}

fn user_name(text: &str) -> Result<String, String> {
    user_lines::check_name(text).map(|()| text.to_owned())
}

/// Changes the file, or prints the entry to `out` when there is none.
pub fn execute(options: &HtpasswdOptions, out: &mut dyn Write) -> Result<(), CommandError> {
    let user = options.user.as_str();
    if options.delete && options.file.is_none() {
        let message = "--delete needs --file, the file to delete the user from";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let line = match options.delete {
        false => Some(user_lines::line(
            user,
            password(user)?.as_bytes(),
            options.cost,
        )?),
        true => None,
    };
    let Some(path) = &options.file else {
        let line = line.unwrap_or_default();
        let printed = writeln!(out, "{line}").and_then(|()| out.flush());
        return printed.map_err(CommandError::system("cannot print the entry"));
    };
    edit(path, user, line.as_deref())
}

/// The password, from the terminal twice and unseen, or from standard input.
fn password(user: &str) -> Result<String, CommandError> {
    let password = match io::stdin().is_terminal() {
        true => typed(user)?,
        false => line().map_err(unread())?,
    };
    let problem = match password.len() {
        0 => "is empty",
        _ if password.contains('\0') => "has a NUL",
        length if length > PASSWORD_BYTES_MAX => "has more than 72 bytes; bcrypt ignores the rest",
        _ => return Ok(password),
    };
    Err(format!("the password {problem}; allowed: 1 to 72 bytes").into())
}

fn unread() -> impl FnOnce(io::Error) -> CommandError {
    CommandError::system("cannot read the password")
}

fn typed(user: &str) -> Result<String, CommandError> {
    let ask = |question: &str| -> io::Result<String> {
        let _ = write!(io::stderr(), "{question}");
        let answer = line();
        let _ = writeln!(io::stderr());
        answer
    };
    let shown = sys::hide_typing().map_err(unread())?;
    // Ctrl-C must not leave a terminal behind that shows nothing.
    let again = shown.clone();
    let _ = sys::on_shutdown_signal(Box::new(move |_| {
        let _ = sys::show_typing(&again);
        std::process::exit(1);
    }));
    let answers = ask(&format!("Password for {user}: "))
        .and_then(|first| Ok((first, ask("Repeat the password: ")?)));
    sys::show_typing(&shown).map_err(unread())?;
    match answers.map_err(unread())? {
        (first, second) if first == second => Ok(first),
        _ => Err("the two passwords differ".to_owned().into()),
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
fn edit(path: &Path, user: &str, line: Option<&str>) -> Result<(), CommandError> {
    let name = path.display().to_string();
    let problem = |what: &str| CommandError::from(format!("{name}: {what}"));
    // A link stays a link: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (bytes, old) = match small_file::read_with_metadata(&path, FILE_BYTES_MAX) {
        Ok((bytes, metadata)) => (bytes, Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && line.is_some() => {
            (Vec::new(), None)
        }
        Err(error) => {
            return Err(CommandError::system(format!("{name}: cannot be read"))(
                error,
            ));
        }
    };
    let text = user_lines::edited(&bytes, user, line).map_err(|why| problem(&why.to_string()))?;
    let text = text.ok_or_else(|| problem(&format!("has no user {user}")))?;
    let replaced = replace(&path, text.as_bytes(), old.as_ref());
    replaced.map_err(CommandError::system(format!("{name}: cannot be written")))
}

/// Writes a temporary file next to it and renames it, so that no power loss leaves half of it.
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
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
    sys::sync_directory(directory.unwrap_or(Path::new(".")))
}
