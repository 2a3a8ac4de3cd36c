//! Facts of one request, laid out so that conditions find them by number.

use std::{collections::BTreeSet, sync::LazyLock};
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

/// Facts that conditions read, each with the place that it has among the facts of its action, if it is one of them.
#[derive(Debug)]
pub(crate) struct Wanted(Vec<(Option<usize>, FactId)>);

impl Wanted {
    /// Facts of an action by name. Names that are in no table are left out: nothing here can find them.
    pub fn new<'a>(action: Action, names: impl IntoIterator<Item = &'a str>) -> Self {
        let table: BTreeSet<_> = facts::specs(action).map(|spec| spec.name).collect();
        let place = |id: FactId| table.iter().position(|name| *name == id.name());
        let ids: BTreeSet<_> = names.into_iter().filter_map(FactId::named).collect();
        Self(ids.into_iter().map(|id| (place(id), id)).collect())
    }
}

/// Those facts of a request that some condition reads.
pub(crate) struct FactView<'a>(Vec<Option<&'a FactValue>>);

impl<'a> FactView<'a> {
    /// Picks the wanted facts. Facts that are as their table says are found at their places, others by name.
    pub fn pick(facts: &'a Facts, wanted: &Wanted) -> Self {
        let mut slots = vec![None; if wanted.0.is_empty() { 0 } else { NAMES.len() }];
        let mut walk = facts.0.iter();
        let mut walked = 0;
        for (place, id) in &wanted.0 {
            let found = place.and_then(|place| {
                let ahead = place.checked_sub(std::mem::replace(&mut walked, place + 1))?;
                walk.nth(ahead)
            });
            slots[usize::from(id.0)] = match found {
                Some((name, value)) if name == id.name() => Some(value),
                _ => facts.get(id.name()),
            };
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
        let id = |name: &str| FactId::named(name).expect("a fact");
        // `force` is a fact, but not of this action.
        let wanted = Wanted::new(Action::ContainerCreate, ["user", "cap_add", "privileged", "force", "nothing"]);
        let check = |facts: &Facts| {
            let view = FactView::pick(facts, &wanted);
            for name in ["user", "cap_add", "privileged", "force"] {
                assert_eq!(view.get(id(name)), facts.get(name), "{name}");
            }
            assert_eq!(view.get(id("memory")), None, "not wanted");
        };
        check(&facts);
        facts.0.remove("not_in_any_table");
        check(&facts);
        facts.set("force", true);
        check(&facts);
        facts.0.remove("cap_add");
        check(&facts);
        check(&Facts::default());
        assert_eq!(FactId::named("nothing"), None);
    }
}
