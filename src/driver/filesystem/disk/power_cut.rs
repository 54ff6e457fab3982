//! What may be found on a disk after a power cut: the states that POSIX allows, of which each file system has a part.
//!
//! - The bytes and the length of a file are as they were at its last sync. Of what was written since, each write is there, or is
//!   not, or is there in part, or is nothing but zeros; in any order.
//! - The entries of a directory are as they were at its last sync. Of what was created, renamed or removed in it since, each may have
//!   happened or not, in any order. The two halves of a rename from one directory to another are separate: both
//!   names may be there, or none.
//!
//! One sync goes beyond that: of all names up to a directory's last change, as the journals of ext4 and xfs have it
//! (`sys::keeps_names_in_order`). It is tried on a disk that otherwise keeps no order.
//!
//! ext4, xfs and btrfs keep names in the order of their journal, and so does NTFS, whose journal of names is flushed with a directory
//! that is: what they leave behind is among these states. The model is that of ALICE (Pillai et al., OSDI 2014) without the
//! properties of a particular file system; the states for each operation are tried as CrashMonkey does (Mohan et al.,
//! OSDI 2018): all at a bounded distance from "all" and "nothing", then samples.

use super::recording::Operation;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Of the changes that are not durable, so many of the newest are lost, and kept, one by one.
const NEWEST: usize = 8;

/// Of so many files the bytes are lost, one by one.
const NEWEST_FILES: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Directory(usize),
    File(usize),
}

/// A change that has to be synced.
enum Change {
    /// An entry of a directory now names that, or nothing.
    Entry {
        directory: usize,
        name: OsString,
        node: Option<Node>,
    },
    Bytes {
        file: usize,
        offset: usize,
        bytes: Arc<[u8]>,
    },
    Length {
        file: usize,
        length: usize,
    },
}

/// What becomes of a change that was not synced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    /// Of bytes the first half.
    Half,
    /// Of bytes only the length: zeros.
    Zeros,
}

/// Directories and files by their numbers.
#[derive(Clone)]
struct Nodes {
    directories: Vec<BTreeMap<OsString, Node>>,
    files: Vec<Arc<Vec<u8>>>,
}

impl Nodes {
    fn apply(&mut self, change: &Change, fate: Fate) {
        if fate == Fate::Lost {
            return;
        }
        match change {
            Change::Entry {
                directory,
                name,
                node,
            } => {
                let entries = &mut self.directories[*directory];
                match node {
                    Some(node) => entries.insert(name.clone(), *node),
                    None => entries.remove(name),
                };
            }
            Change::Bytes {
                file,
                offset,
                bytes,
            } => {
                let content = Arc::make_mut(&mut self.files[*file]);
                let count = match fate {
                    Fate::Half => bytes.len() / 2,
                    _ => bytes.len(),
                };
                if content.len() < offset + count {
                    content.resize(offset + count, 0);
                }
                let place = &mut content[*offset..offset + count];
                match fate {
                    Fate::Zeros => place.fill(0),
                    _ => place.copy_from_slice(&bytes[..count]),
                }
            }
            Change::Length { file, length } => {
                Arc::make_mut(&mut self.files[*file]).resize(*length, 0);
            }
        }
    }
}

/// A disk to which recorded operations happen.
pub(crate) struct Disk {
    /// What everyone sees as long as the power is there.
    directories: Vec<BTreeMap<OsString, Node>>,
    /// What a power cut leaves behind for certain.
    durable: Nodes,
    /// What it may take away, the oldest first, each with its number.
    pending: Vec<(usize, Change)>,
    /// The number of the last change of each directory.
    changed: Vec<usize>,
    /// How many changes there were, and how many when states were given last.
    count: usize,
    given: usize,
}

/// A state that a power cut leaves behind.
pub(crate) struct State {
    nodes: Nodes,
}

impl Disk {
    /// An empty directory.
    pub(crate) fn new() -> Disk {
        let directories = vec![BTreeMap::new()];
        Disk {
            directories: directories.clone(),
            durable: Nodes {
                directories,
                files: Vec::new(),
            },
            pending: Vec::new(),
            changed: vec![0],
            count: 0,
            given: 0,
        }
    }

    /// Does what was recorded.
    pub(crate) fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Create { path, file } => {
                assert_eq!(*file, self.durable.files.len());
                self.durable.files.push(Arc::default());
                self.enter(path, Some(Node::File(*file)));
            }
            Operation::CreateDirectory(path) => {
                let number = self.directories.len();
                self.directories.push(BTreeMap::new());
                self.changed.push(0);
                self.durable.directories.push(BTreeMap::new());
                self.enter(path, Some(Node::Directory(number)));
            }
            Operation::Rename { from, to } => {
                let node = self.find(from);
                assert!(node.is_some(), "{from:?}");
                self.enter(to, node);
                self.enter(from, None);
            }
            Operation::Remove(path) => self.remove(path),
            Operation::Write {
                file,
                offset,
                bytes,
            } => self.change(Change::Bytes {
                file: *file,
                offset: usize::try_from(*offset).unwrap(),
                bytes: Arc::clone(bytes),
            }),
            Operation::Truncate { file, length } => self.change(Change::Length {
                file: *file,
                length: usize::try_from(*length).unwrap(),
            }),
            Operation::Sync { file } => self.settle(|_, change| match change {
                Change::Entry { .. } => false,
                Change::Bytes { file: of, .. } | Change::Length { file: of, .. } => of == file,
            }),
            Operation::SyncDirectory(path) => {
                let Some(Node::Directory(number)) = self.find(path) else {
                    panic!("{path:?} is no directory");
                };
                self.settle(|_, change| {
                    matches!(change, Change::Entry { directory, .. } if *directory == number)
                });
            }
            Operation::SyncNames(path) => {
                let Some(Node::Directory(number)) = self.find(path) else {
                    panic!("{path:?} is no directory");
                };
                let last = self.changed[number];
                self.settle(|at, change| matches!(change, Change::Entry { .. }) && at <= last);
            }
        }
    }

    fn find(&self, path: &Path) -> Option<Node> {
        let mut node = Node::Directory(0);
        for component in path.components() {
            let (Node::Directory(number), Component::Normal(name)) = (node, component) else {
                return None;
            };
            node = *self.directories[number].get(name)?;
        }
        Some(node)
    }

    fn enter(&mut self, path: &Path, node: Option<Node>) {
        let Some(Node::Directory(directory)) = self.find(path.parent().unwrap()) else {
            panic!("{path:?} is in no directory");
        };
        let name = path.file_name().unwrap().to_owned();
        match node {
            Some(node) => self.directories[directory].insert(name.clone(), node),
            None => self.directories[directory].remove(&name),
        };
        self.change(Change::Entry {
            directory,
            name,
            node,
        });
    }

    fn change(&mut self, change: Change) {
        self.count += 1;
        if let Change::Entry { directory, .. } = &change {
            self.changed[*directory] = self.count;
        }
        self.pending.push((self.count, change));
    }

    fn remove(&mut self, path: &Path) {
        if let Some(Node::Directory(number)) = self.find(path) {
            let names: Vec<OsString> = self.directories[number].keys().cloned().collect();
            names.iter().for_each(|name| self.remove(&path.join(name)));
        }
        self.enter(path, None);
    }

    /// Makes changes durable.
    fn settle(&mut self, is_synced: impl Fn(usize, &Change) -> bool) {
        let (synced, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(at, change)| is_synced(*at, change));
        self.pending = pending;
        let synced: Vec<(usize, Change)> = synced;
        for (_, change) in &synced {
            self.durable.apply(change, Fate::Kept);
        }
    }

    /// States that a power cut may leave behind now: those that are near to everything and to nothing, those of a disk that
    /// keeps the order, and so many samples of all others. Those that earlier calls gave already are left out as far as that is
    /// easily known.
    pub(crate) fn after_power_cut(&mut self, samples: usize, random: &mut Random) -> Vec<State> {
        let count = self.pending.len();
        let mut all = vec![vec![Fate::Kept; count], vec![Fate::Lost; count]];
        for index in count.saturating_sub(NEWEST)..count {
            let is_bytes = matches!(self.pending[index].1, Change::Bytes { .. });
            let fates: &[Fate] = match is_bytes {
                true => &[Fate::Lost, Fate::Half, Fate::Zeros],
                false => &[Fate::Lost],
            };
            for fate in fates {
                let mut but_one = vec![Fate::Kept; count];
                but_one[index] = *fate;
                all.push(but_one);
            }
            let [names, with_bytes, without_bytes, with_lengths] = self.in_order_until(index);
            all.push(with_bytes);
            // The others have been given already where nothing has happened since.
            if self.pending[index].0 > self.given {
                let mut only_one = vec![Fate::Lost; count];
                only_one[index] = Fate::Kept;
                all.extend([only_one, names, without_bytes, with_lengths]);
            }
        }
        all.extend(self.without_bytes_of_one_file());
        if count > 0 {
            for _ in 0..samples {
                all.push(self.pending.iter().map(|_| random.fate()).collect());
            }
        }
        self.given = self.count;
        all.iter().map(|fates| self.state(fates)).collect()
    }

    /// Names in the order in which they were changed, up to that change, as a journal keeps them; with the bytes that had been
    /// written by then, with all, with none, and with their lengths only, since bytes reach the disk by themselves.
    fn in_order_until(&self, index: usize) -> [Vec<Fate>; 4] {
        let before = |at: usize| if at < index { Fate::Kept } else { Fate::Lost };
        let of_bytes = [None, Some(Fate::Kept), Some(Fate::Lost), Some(Fate::Zeros)];
        of_bytes.map(|of_bytes| {
            let pending = self.pending.iter().enumerate();
            let fates = pending.map(|(at, (_, change))| match (change, of_bytes) {
                (Change::Bytes { .. } | Change::Length { .. }, Some(fate)) => fate,
                _ => before(at),
            });
            fates.collect()
        })
    }

    /// Everything but the bytes of one file, which are missing, or zeros; for each of the files written last.
    fn without_bytes_of_one_file(&self) -> Vec<Vec<Fate>> {
        let of = |change: &Change| match change {
            Change::Bytes { file, .. } => Some(*file),
            _ => None,
        };
        let newest = self
            .pending
            .iter()
            .rev()
            .filter_map(|(_, change)| of(change));
        let mut files: Vec<usize> = newest.collect();
        files.dedup();
        files.truncate(NEWEST_FILES);
        let mut all = Vec::new();
        for file in files {
            for fate in [Fate::Lost, Fate::Zeros] {
                let pending = self.pending.iter();
                let fates = pending.map(|(_, change)| match of(change) == Some(file) {
                    true => fate,
                    false => Fate::Kept,
                });
                all.push(fates.collect());
            }
        }
        all
    }

    fn state(&self, fates: &[Fate]) -> State {
        let mut nodes = self.durable.clone();
        for ((_, change), fate) in self.pending.iter().zip(fates) {
            nodes.apply(change, *fate);
        }
        State { nodes }
    }
}

impl State {
    /// Everything that can be reached: directories before what is in them.
    fn tree(&self) -> Vec<(PathBuf, Node)> {
        let mut tree = vec![(PathBuf::new(), Node::Directory(0))];
        let mut at = 0;
        while let Some((path, node)) = tree.get(at).cloned() {
            at += 1;
            if let Node::Directory(number) = node {
                let entries = &self.nodes.directories[number];
                tree.extend(entries.iter().map(|(name, node)| (path.join(name), *node)));
            }
        }
        tree
    }

    /// The same for states that nobody can tell apart.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_directory(0, &mut hasher);
        hasher.finish()
    }

    fn hash_directory(&self, number: usize, hasher: &mut DefaultHasher) {
        for (name, node) in &self.nodes.directories[number] {
            name.hash(hasher);
            match node {
                Node::Directory(number) => self.hash_directory(*number, hasher),
                Node::File(number) => (number, &**self.nodes.files[*number]).hash(hasher),
            }
        }
        usize::MAX.hash(hasher);
    }

    /// Builds it in an empty directory. Its files have other identities than those that they stand for (`ids`), so where one of
    /// those is written down (`hash_states`) it is replaced.
    pub(crate) fn build(&self, base: &Path, ids: &[[u64; 3]]) {
        let mut built: BTreeMap<usize, PathBuf> = BTreeMap::new();
        for (path, node) in self.tree().into_iter().skip(1) {
            let place = base.join(&path);
            match node {
                Node::Directory(_) => fs::create_dir(place).unwrap(),
                Node::File(number) => match built.get(&number) {
                    Some(other) => fs::hard_link(other, place).unwrap(),
                    None => {
                        fs::write(&place, &**self.nodes.files[number]).unwrap();
                        built.insert(number, place);
                    }
                },
            }
        }
        let vouchers = built.values().filter(|path| path.ends_with("checkpoint"));
        for voucher in vouchers.cloned().collect::<Vec<PathBuf>>() {
            let mut text = String::from_utf8_lossy(&fs::read(&voucher).unwrap()).into_owned();
            for (number, path) in &built {
                let id = crate::sys::look_at(path, |id, _| id).unwrap();
                text = text.replace(&words(ids[*number]), &words(id));
            }
            fs::write(voucher, text).unwrap();
        }
    }
}

fn words([device, number, born]: [u64; 3]) -> String {
    format!(" {device:x} {number:x} {born:x} ")
}

/// Numbers that look random, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 32
    }

    fn fate(&mut self) -> Fate {
        match self.next() % 8 {
            0..4 => Fate::Kept,
            4 => Fate::Half,
            5 => Fate::Zeros,
            _ => Fate::Lost,
        }
    }
}
