//! How large the caches are, and which of them holds what an operation works on.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// One level of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 1 is the nearest to the arithmetic.
    pub level: usize,
    /// Bytes of one of them.
    pub bytes: usize,
    /// How many processors share one.
    pub shared_by: usize,
}

impl Cache {
    /// Bytes that all caches of this level hold together, when so many threads compute.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::Cache;
    /// let second = Cache { level: 2, bytes: 1 << 20, shared_by: 1 };
    /// let third = Cache { level: 3, bytes: 32 << 20, shared_by: 8 };
    /// assert_eq!([second, third].map(|cache| cache.reach(2)), [2 << 20, 32 << 20]);
    /// ```
    pub fn reach(&self, threads: usize) -> usize {
        self.bytes * threads.div_ceil(self.shared_by.max(1)).max(1)
    }
}

/// This machine's caches for data, the nearest first. Where the system doesn't say, what a core has had at least for ten
/// years.
///
/// ```
/// let caches = glassbox_tensor::ceiling::caches();
/// assert!(caches.windows(2).all(|pair| pair[0].level < pair[1].level && pair[0].bytes < pair[1].bytes));
/// ```
pub fn caches() -> &'static [Cache] {
    static CACHES: OnceLock<Vec<Cache>> = OnceLock::new();
    CACHES.get_or_init(|| {
        let found = read(Path::new("/sys/devices/system/cpu/cpu0/cache"));
        if found.is_empty() { assumed() } else { found }
    })
}

fn assumed() -> Vec<Cache> {
    let of = |level, bytes, shared_by| Cache { level, bytes, shared_by };
    vec![of(1, 32 << 10, 1), of(2, 256 << 10, 1), of(3, 4 << 20, usize::MAX)]
}

/// What Linux says of the first processor's caches; nothing where it says nothing, or what can't be.
fn read(folder: &Path) -> Vec<Cache> {
    let mut found: Vec<Cache> = (0..8).filter_map(|i| one(&folder.join(format!("index{i}")))).collect();
    found.sort_by_key(|cache| cache.level);
    let rising = found.windows(2).all(|pair| pair[0].level < pair[1].level && pair[0].bytes < pair[1].bytes);
    if rising { found } else { Vec::new() }
}

fn one(folder: &Path) -> Option<Cache> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_string());
    if text("type")? == "Instruction" {
        return None;
    }
    let bytes = text("size")?.strip_suffix('K')?.parse::<usize>().ok()?.checked_mul(1024)?;
    let level = text("level")?.parse().ok()?;
    let shared_by = text("shared_cpu_list").and_then(|list| count(&list)).unwrap_or(1);
    (bytes > 0 && bytes <= 1 << 32).then_some(Cache { level, bytes, shared_by })
}

/// How many processors a list such as `0-3,8` names.
fn count(list: &str) -> Option<usize> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.split(',').map(part).sum()
}

/// The level whose caches together hold `bytes` when so many threads compute; `None` is memory.
///
/// ```
/// use glassbox_tensor::ceiling::level_of;
/// assert_eq!(level_of(1024, 1), Some(1)); // in the nearest cache of any machine
/// assert_eq!(level_of(1 << 40, 1), None);
/// ```
pub fn level_of(bytes: usize, threads: usize) -> Option<usize> {
    caches().iter().find(|cache| bytes <= cache.reach(threads)).map(|cache| cache.level)
}

/// Whether so many bytes fill the largest cache, so that what an operation writes is gone from there when somebody asks for it.
pub(crate) fn fill_caches(bytes: usize) -> bool {
    bytes >= caches().last().map_or(0, |cache| cache.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_counted() {
        for (list, expected) in [("0", Some(1)), ("0-3", Some(4)), ("0-3,8,10-11", Some(7)), ("3-0", None), ("x", None)]
        {
            assert_eq!(count(list), expected, "{list}");
        }
    }

    #[test]
    fn a_folder_without_caches_gives_none_and_then_they_are_assumed() {
        assert!(read(Path::new("/no/such/folder")).is_empty());
        assert_eq!(assumed().iter().map(|cache| cache.reach(4)).collect::<Vec<_>>(), [128 << 10, 1 << 20, 4 << 20]);
    }
}
