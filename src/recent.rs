//! A bounded cache of recently used values.
//!
//! It has two generations: values that were used since the newer began are in the newer. When that is half full, the older is
//! dropped and the newer becomes the older. So what is in use stays, and nothing has to be sorted.

use std::collections::HashMap;
use std::hash::Hash;

/// Recently used values.
pub struct Recent<K, V> {
    newer: HashMap<K, (V, usize)>,
    older: HashMap<K, (V, usize)>,
    /// The weight of the newer ones.
    weight: usize,
    weight_max: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// An empty cache. All values together weigh at most `weight_max`.
    pub fn new(weight_max: usize) -> Recent<K, V> {
        Recent {
            newer: HashMap::new(),
            older: HashMap::new(),
            weight: 0,
            weight_max,
        }
    }

    /// The value of a key.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.newer.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.older.remove_entry(key)?;
        self.insert(key, value.clone(), weight);
        Some(value)
    }

    /// Keeps a value with its weight. One that is heavier than half of the maximum is not kept.
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
