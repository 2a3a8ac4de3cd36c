//! Which rows have what: for each term the places of the rows, in order.

use super::strings::{Strings, Sym};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};
use wharden_model::inventory::ContainerState;

/// Something that containers are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    State(ContainerState),
    Owner(Sym),
    /// The image's reference with its tag or digest.
    Reference(Sym),
    /// The same without.
    Repository(Sym),
    ImageId(Sym),
    Network(Sym),
    /// Of the host.
    Port(u16),
    /// Path on the host, or name of a volume.
    Source(Sym),
    LabelKey(Sym),
    Label(Sym, Sym),
}

/// See the module.
#[derive(Default)]
pub struct Index {
    rows: HashMap<Term, Vec<u32>>,
    /// Sources of mounts, in order.
    sources: BTreeMap<Arc<str>, Sym>,
    /// Rows of all terms together.
    entries: usize,
}

impl Index {
    pub fn add(&mut self, row: u32, terms: &[Term], strings: &Strings) {
        for term in terms {
            let rows = self.rows.entry(*term).or_insert_with(|| Vec::with_capacity(1));
            if rows.is_empty()
                && let Term::Source(sym) = term
            {
                self.sources.insert(strings.shared(*sym), *sym);
            }
            if let Err(at) = rows.binary_search(&row) {
                rows.insert(at, row);
                self.entries += 1;
            }
        }
    }

    /// To be called while the texts are still held.
    pub fn remove(&mut self, row: u32, terms: &[Term], strings: &Strings) {
        for term in terms {
            let Some(rows) = self.rows.get_mut(term) else { continue };
            if let Ok(at) = rows.binary_search(&row) {
                rows.remove(at);
                self.entries = self.entries.saturating_sub(1);
            }
            if rows.is_empty() {
                self.rows.remove(term);
                if let Term::Source(sym) = term {
                    self.sources.remove(strings.get(*sym));
                }
            }
        }
    }

    /// Rows with this term.
    pub fn get(&self, term: Term) -> &[u32] {
        self.rows.get(&term).map_or(&[], Vec::as_slice)
    }

    /// Sources that share something with a path: it, what lies below, and what holds it. The name of a volume is only
    /// itself.
    pub fn sources(&self, path: &str) -> Vec<Sym> {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let mut found: Vec<Sym> = self.sources.get(path).copied().into_iter().collect();
        if path.starts_with('/') {
            let below = if path == "/" { "/".to_owned() } else { format!("{path}/") };
            let from = (Bound::Excluded(below.as_str()), Bound::Unbounded);
            let later = self.sources.range::<str, _>(from);
            found.extend(later.take_while(|(source, _)| source.starts_with(&below)).map(|(_, sym)| *sym));
            let parents = path.match_indices('/').map(|(at, _)| path.get(..at.max(1)).unwrap_or("/"));
            found.extend(parents.filter(|parent| *parent != path).filter_map(|parent| self.sources.get(parent)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// About the bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let sources = self.sources.len() * size_of::<(Arc<str>, Sym)>();
        self.entries * size_of::<u32>() + self.rows.capacity() * size_of::<(Term, Vec<u32>)>() + sources
    }

    /// Terms known.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.rows.len() + self.sources.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_what_shares_something_with_it() {
        let (mut index, mut strings) = (Index::default(), Strings::default());
        for (row, source) in (0..).zip(["/", "/etc", "/etc/ssl", "/etcetera", "/var/run/docker.sock", "data", "/etc."])
        {
            let sym = strings.take(source);
            index.add(row, &[Term::Source(sym)], &strings);
        }
        let names = |path: &str| {
            let mut names: Vec<_> = index.sources(path).into_iter().map(|sym| strings.get(sym).to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names("/etc"), ["/", "/etc", "/etc/ssl"]);
        assert_eq!(names("/etc/"), ["/", "/etc", "/etc/ssl"]);
        assert_eq!(names("/etc/ssl/certs"), ["/", "/etc", "/etc/ssl"]);
        assert_eq!(names("/").len(), 6);
        assert_eq!((names("data"), names("dat"), names("/home")), (vec!["data".into()], vec![], vec!["/".to_owned()]));
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let (mut index, mut strings) = (Index::default(), Strings::default());
        let terms = [Term::Port(80), Term::Source(strings.take("/a"))];
        for row in [3, 1, 2] {
            index.add(row, &terms, &strings);
        }
        assert_eq!(index.get(Term::Port(80)), [1, 2, 3]);
        for row in [2, 1, 3] {
            index.remove(row, &terms, &strings);
        }
        assert_eq!((index.len(), index.entries), (0, 0));
    }
}
