//! Values that are true until a function changes: as many as a session may keep, least recently used out.

use std::borrow::Borrow;
use std::hash::Hash;

use lru::LruCache;

use super::inval;
use crate::settings;

/// Values by key, under the generation of functions that they were found in.
pub struct Current<K: Hash + Eq, V> {
    generation: u64,
    values: LruCache<K, V>,
}

/// What is not kept any more: to be dropped when nothing is borrowed, since an instance may hang on each value.
pub struct Displaced<K: Hash + Eq, V> {
    _outdated: Option<LruCache<K, V>>,
    _one: Option<(K, V)>,
}

impl<K: Hash + Eq, V: Clone> Current<K, V> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { generation: 0, values: LruCache::new(settings::max_cached_functions()) }
    }

    /// The value of a key, if it is known and nothing has changed.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if self.generation == inval::functions() { self.values.get(key).cloned() } else { None }
    }

    /// Keeps a value that was looked for in `generation`. What has changed meanwhile makes it outdated: then it is not kept.
    #[must_use]
    pub fn keep(&mut self, generation: u64, key: K, value: V) -> Displaced<K, V> {
        if generation != inval::functions() {
            return Displaced { _outdated: None, _one: Some((key, value)) };
        }
        let is_outdated = self.generation != generation;
        let outdated = is_outdated.then(|| std::mem::replace(self, Self::new()).values);
        self.generation = generation;
        Displaced { _outdated: outdated, _one: self.values.push(key, value) }
    }
}
