//! Facts of one request, laid out so that conditions find them by number.

use std::sync::LazyLock;
use wharden_model::{Action, FactValue, Facts, facts};

/// The number of a fact's name, the same for every action that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FactId(u16);

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<_> = Action::ALL.iter().flat_map(|action| facts::specs(*action).map(|s| s.name)).collect();
    names.sort_unstable();
    names.dedup();
    names
});

impl FactId {
    /// `None` for a name that is in no table.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.binary_search(&name).ok().and_then(|i| u16::try_from(i).ok()).map(Self)
    }

    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

/// Those facts of a request that some condition reads.
pub(crate) struct FactView<'a>(Vec<Option<&'a FactValue>>);

impl<'a> FactView<'a> {
    /// Picks the wanted facts; `wanted` is in order, which is the order of names too.
    pub fn pick(facts: &'a Facts, wanted: &[FactId]) -> Self {
        let mut slots = vec![None; if wanted.is_empty() { 0 } else { NAMES.len() }];
        let mut rest = wanted.iter();
        let Some(mut next) = rest.next() else { return Self(slots) };
        for (name, value) in &facts.0 {
            while next.name() < name.as_str() {
                let Some(following) = rest.next() else { return Self(slots) };
                next = following;
            }
            if next.name() == name {
                slots[usize::from(next.0)] = Some(value);
            }
        }
        Self(slots)
    }

    pub fn get(&self, id: FactId) -> Option<&'a FactValue> {
        self.0.get(usize::from(id.0)).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_facts_are_found_and_others_are_not() {
        let mut facts = Facts::zero(Action::ContainerCreate);
        facts.set("privileged", true);
        facts.set("not_in_any_table", true);
        let wanted: Vec<_> = ["cap_add", "privileged", "user"].iter().filter_map(|n| FactId::named(n)).collect();
        let view = FactView::pick(&facts, &wanted);
        assert_eq!(view.get(wanted[1]), Some(&FactValue::Bool(true)));
        assert_eq!(view.get(FactId::named("memory").expect("a fact")), None, "not wanted");
        facts.0.remove("user");
        assert_eq!(FactView::pick(&facts, &wanted).get(wanted[2]), None);
        assert_eq!(FactId::named("nothing"), None);
    }
}
