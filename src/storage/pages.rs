//! The names in a directory, a page at a time, however many there are.

use super::{Result, Storage};
use crate::driver::{Driver, Key};

/// Pages of the names in a directory, in byte order. Ends after the last name, and after an error.
pub(super) struct Pages<'s> {
    driver: &'s dyn Driver,
    directory: Key,
    after: String,
    page_length: usize,
    is_done: bool,
}

impl Storage {
    /// The names in a directory that sort after `after`, in pages of `page_length` names, at least one.
    pub(super) fn pages(&self, directory: Key, after: &str, page_length: usize) -> Pages<'_> {
        Pages {
            driver: &*self.driver,
            directory,
            after: after.to_owned(),
            page_length: page_length.max(1),
            is_done: false,
        }
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Vec<String>>;

    fn next(&mut self) -> Option<Result<Vec<String>>> {
        if self.is_done {
            return None;
        }
        let page = self
            .driver
            .list(&self.directory, &self.after, self.page_length);
        match &page {
            Ok(names) if names.is_empty() => {
                self.is_done = true;
                return None;
            }
            // A page that is not full is the last.
            Ok(names) if names.len() < self.page_length => self.is_done = true,
            Ok(names) => self.after.clone_from(names.last()?),
            Err(_) => self.is_done = true,
        }
        Some(page.map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use crate::driver::{Driver, Key, Memory, Write};
    use crate::storage::Storage;
    use crate::storage::tests::options;
    use std::sync::Arc;

    #[test]
    fn pages_hold_every_name_once_and_end() {
        let driver = Memory::default();
        for name in ["a", "b", "c", "d"] {
            let write = Write::new(Key::new(format!("x/{name}")), b"");
            driver.write(&[write]).unwrap();
        }
        let storage = Storage::new(Arc::new(driver), options());
        for (after, length, expected) in [
            ("", 10, vec!["a b c d"]),
            ("", 4, vec!["a b c d"]),
            ("", 3, vec!["a b c", "d"]),
            ("b", 1, vec!["c", "d"]),
            ("b", 0, vec!["c", "d"]),
            ("d", 2, vec![]),
        ] {
            let pages = storage.pages(Key::new("x"), after, length);
            let pages: Vec<String> = pages.map(|page| page.unwrap().join(" ")).collect();
            assert_eq!(pages, expected, "{after:?} {length}");
        }
    }
}
