//! The count of all links, made while pushes and deletions go on: one repository at a time, which is not changed
//! meanwhile.

use super::{Quota, QuotaCounts, Recount, counts::short};
use crate::spec::{Algorithm, Digest, Name};
use crate::storage::catalog::NameRange;
use crate::storage::{Result, Storage, layout};
use std::collections::HashSet;

/// Repositories, or links of one, that are looked at in one step.
const STEP: usize = 500;

impl Quota {
    fn begin_recount(&self) {
        self.state.lock().recount = Some(Recount {
            counts: QuotaCounts::new(self.rules.len()),
            cursor: String::new(),
            late: HashSet::new(),
        });
    }

    /// The counts that were being made take effect, unless repositories are left that were changed before they were
    /// counted: some of these.
    fn finish_recount(&self) -> Vec<Name> {
        let mut state = self.state.lock();
        let late = state.recount.as_ref().map(|recount| &recount.late);
        let late: Vec<Name> = late.into_iter().flatten().take(STEP).cloned().collect();
        if late.is_empty()
            && let Some(recount) = state.recount.take()
        {
            state.counts = Some(recount.counts);
            drop(state);
            self.counted.notify_all();
        }
        late
    }

    fn give_up_recount(&self) {
        self.state.lock().recount = None;
    }

    /// A repository has been counted as a whole.
    fn counted_repository(&self, name: &Name) {
        if let Some(recount) = &mut self.state.lock().recount {
            recount.late.remove(name);
            if *name.as_str() > *recount.cursor {
                recount.cursor = name.to_string();
            }
        }
    }

    fn recount_link(&self, name: &Name, blob: &Digest, bytes: u64) {
        let limits = self.limits(name);
        if let Some(recount) = &mut self.state.lock().recount {
            recount.counts.count(&limits, &short(blob), (bytes, true));
        }
    }

    /// The bytes of a blob that has been counted.
    fn known_bytes(&self, name: &Name, blob: &Digest) -> Option<u64> {
        let limits = self.limits(name);
        let state = self.state.lock();
        let counts = &state.recount.as_ref()?.counts;
        counts.bytes(&limits, &short(blob))
    }
}

impl Storage {
    /// Counts what is used of the quotas, and replaces what was known of it. `false` if it ended early, because
    /// `may_continue` said so; then, and after an error, everything is as it was before.
    pub fn recount_quota(&self, may_continue: &dyn Fn() -> bool) -> Result<bool> {
        let Some(quota) = &self.quota else {
            return Ok(true);
        };
        quota.begin_recount();
        let outcome = self.recount(quota, may_continue);
        if !matches!(outcome, Ok(true)) {
            quota.give_up_recount();
        }
        outcome
    }

    fn recount(&self, quota: &Quota, may_continue: &dyn Fn() -> bool) -> Result<bool> {
        let mut after = String::new();
        loop {
            let range = NameRange {
                prefix: "",
                after: &after,
            };
            let marks = &[layout::MANIFESTS, layout::LAYERS];
            let (names, more) = self.directories_with(marks, range, STEP, may_continue)?;
            for name in &names {
                self.recount_repository(quota, name, may_continue)?;
            }
            if !may_continue() {
                return Ok(false);
            }
            match names.last() {
                Some(last) if more => after = last.to_string(),
                _ => break,
            }
        }
        loop {
            let late = quota.finish_recount();
            if late.is_empty() {
                return Ok(true);
            }
            for name in &late {
                self.recount_repository(quota, name, may_continue)?;
            }
            if !may_continue() {
                return Ok(false);
            }
        }
    }

    fn recount_repository(
        &self,
        quota: &Quota,
        name: &Name,
        may_continue: &dyn Fn() -> bool,
    ) -> Result<()> {
        let _held = quota.own_repositories(Some(std::slice::from_ref(name)));
        for algorithm in Algorithm::ALL {
            for directory in [
                layout::layers(name, algorithm),
                layout::revisions(name, algorithm),
            ] {
                for page in self.pages(directory.clone(), "", STEP) {
                    let Some(page) = self.unless_odd(&directory, page)? else {
                        break;
                    };
                    for hex in page {
                        if !may_continue() {
                            return Ok(());
                        }
                        let link = directory.child(&hex).child("link");
                        let counted = self.recount_one(quota, name, &link);
                        self.unless_odd(&link, counted)?;
                    }
                }
            }
        }
        quota.counted_repository(name);
        Ok(())
    }

    fn recount_one(&self, quota: &Quota, name: &Name, link: &crate::driver::Key) -> Result<()> {
        let is_link = matches!(
            layout::parse(link),
            Some(layout::Kept::Layer(..) | layout::Kept::Revision(..))
        );
        let Some(blob) = is_link.then(|| self.link(link)).transpose()?.flatten() else {
            return Ok(());
        };
        let bytes = match quota.known_bytes(name, &blob) {
            Some(bytes) => bytes,
            None => {
                let stat = self.driver.stat(&layout::blob_data(&blob))?;
                stat.map_or(0, |stat| stat.length)
            }
        };
        quota.recount_link(name, &blob, bytes);
        Ok(())
    }
}
