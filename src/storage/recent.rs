//! What is kept in memory because it was asked for lately, up to a bound.
//!
//! Two generations: what was asked for since the newer began is in it. When it is half of what may be kept, the older
//! one goes and the newer takes its place. So what is in use stays, and nothing has to be put in order.

use std::collections::HashMap;
use std::hash::Hash;

/// Values that were asked for lately.
pub struct Recent<K, V> {
    newer: HashMap<K, (V, usize)>,
    older: HashMap<K, (V, usize)>,
    /// What the newer ones weigh.
    weight: usize,
    weight_max: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// Nothing yet. All together weigh no more than `weight_max`.
    pub fn new(weight_max: usize) -> Recent<K, V> {
        Recent {
            newer: HashMap::new(),
            older: HashMap::new(),
            weight: 0,
            weight_max,
        }
    }

    /// What is kept under a key.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.newer.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.older.remove_entry(key)?;
        self.insert(key, value.clone(), weight);
        Some(value)
    }

    /// Keeps a value of some weight. One that is heavier than half of all is not kept.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        let half = self.weight_max / 2;
        if weight > half {
            return;
        }
        if self.weight + weight > half {
            self.older = std::mem::take(&mut self.newer);
            self.weight = 0;
        }
        self.weight += weight;
        if let Some((_, before)) = self.newer.insert(key, (value, weight)) {
            self.weight -= before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_the_rest_goes() {
        let mut recent = Recent::new(20);
        for number in 0..1000 {
            recent.insert(number, number, 1);
            assert_eq!(recent.get(&0), Some(0), "asked for all the time");
            assert!(recent.newer.len() + recent.older.len() <= 20);
        }
        assert_eq!(recent.get(&999), Some(999));
        assert_eq!(recent.get(&500), None);
    }

    #[test]
    fn weights_are_bounded() {
        let mut recent = Recent::new(20);
        recent.insert("heavy", (), 11);
        assert_eq!(recent.get(&"heavy"), None);
        for _ in 0..100 {
            recent.insert("same", (), 9);
        }
        recent.insert("other", (), 9);
        assert_eq!(recent.get(&"same"), Some(()));
        assert!(recent.weight <= 10);
    }
}
