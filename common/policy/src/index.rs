//! Which rules can concern whom, for which action. Built once; a look-up gives a superset of what applies.

use crate::{
    directory::Directory,
    enforceable::Enforceable,
    head::{ActionKey, PrincipalHead, PrincipalKind},
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{Action, ActionGroup};

/// Principals that the same rules can concern are of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class(u32);

/// Rules by the head of their principal.
type Bucket = BTreeMap<ActionKey, Vec<usize>>;

/// The index. Rules are named by their place in the list that it was made of.
#[derive(Debug)]
pub(crate) struct Index {
    buckets: Vec<Bucket>,
    /// The buckets of each class.
    classes: Vec<Vec<usize>>,
    /// Principals that a rule or the directory names, by kind and name.
    named: [BTreeMap<String, Class>; 3],
    /// All others, by kind.
    others: [Class; 3],
}

impl Index {
    pub fn new(rules: &[Enforceable], directory: &Directory) -> Self {
        let mut heads: BTreeMap<&PrincipalHead, usize> = BTreeMap::new();
        let mut buckets: Vec<Bucket> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if !rule.source.heads.concerns_hosts() {
                continue;
            }
            let bucket = *heads.entry(&rule.source.heads.principal).or_insert_with(|| {
                buckets.push(Bucket::new());
                buckets.len() - 1
            });
            for key in &rule.source.heads.actions {
                buckets[bucket].entry(*key).or_default().push(index);
            }
        }
        let mut classes = Classes::default();
        let mut class = |kind: PrincipalKind, name: Option<&str>, groups: &[String]| {
            let of_kind = [PrincipalHead::Any, PrincipalHead::Kind(kind)];
            let by_name = name.map(|name| PrincipalHead::Named(kind, name.to_owned()));
            let members = groups.iter().map(|group| PrincipalHead::Member(group.clone()));
            let found = of_kind.into_iter().chain(by_name).chain(members).filter_map(|head| heads.get(&head).copied());
            classes.class(found.collect())
        };
        let others = PrincipalKind::ALL.map(|kind| class(kind, None, &[]));
        let mut named: [BTreeMap<String, Class>; 3] = Default::default();
        for (name, person) in directory.iter() {
            named[PrincipalKind::User as usize]
                .insert(name.to_owned(), class(PrincipalKind::User, Some(name), &person.groups));
        }
        for rule in rules {
            if let PrincipalHead::Named(kind, name) = &rule.source.heads.principal {
                named[*kind as usize].entry(name.clone()).or_insert_with(|| class(*kind, Some(name), &[]));
            }
        }
        Self { buckets, classes: classes.lists, named, others }
    }

    /// The class of a principal.
    pub fn class(&self, kind: PrincipalKind, name: &str) -> Class {
        self.named[kind as usize].get(name).copied().unwrap_or(self.others[kind as usize])
    }

    /// The rules that can concern a class and an action, in order, each once.
    pub fn rules(&self, class: Class, action: Action) -> BTreeSet<usize> {
        let mut keys = vec![ActionKey::Any, ActionKey::one(action)];
        if action.group() != ActionGroup::None {
            keys.push(ActionKey::group(action.group()));
        }
        let buckets = self.classes.get(class.0 as usize).into_iter().flatten().map(|bucket| &self.buckets[*bucket]);
        buckets.flat_map(|bucket| keys.iter().filter_map(|key| bucket.get(key))).flatten().copied().collect()
    }
}

/// Numbers classes as they come up.
#[derive(Default)]
struct Classes {
    known: BTreeMap<Vec<usize>, Class>,
    lists: Vec<Vec<usize>>,
}

impl Classes {
    fn class(&mut self, buckets: Vec<usize>) -> Class {
        if let Some(class) = self.known.get(&buckets) {
            return *class;
        }
        // There are fewer classes than users and rules together, far below 2^32.
        let class = Class(u32::try_from(self.lists.len()).unwrap_or(u32::MAX));
        self.lists.push(buckets.clone());
        self.known.insert(buckets, class);
        class
    }
}
