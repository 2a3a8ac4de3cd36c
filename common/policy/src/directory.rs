//! Users as decisions know them, and the Cedar entities that they are.

use crate::uid::{types, uid};
use cedar_policy::{Entity, EntityUid, RestrictedExpression};
use std::collections::BTreeMap;
use wharden_model::decision::KnownUser;

/// Users by name. One that is not there is in no group and not disabled.
#[derive(Debug, Default)]
pub(crate) struct Directory(BTreeMap<String, Person>);

/// What is known of a user.
#[derive(Debug, Default)]
pub(crate) struct Person {
    /// In order.
    pub groups: Vec<String>,
    pub disabled: bool,
}

static NOBODY: Person = Person { groups: Vec::new(), disabled: false };

impl Directory {
    pub fn new(users: &[KnownUser]) -> Self {
        Self(
            users
                .iter()
                .map(|user| {
                    let mut groups: Vec<_> = user.groups.iter().map(|group| group.as_str().to_owned()).collect();
                    groups.sort_unstable();
                    groups.dedup();
                    (user.name.as_str().to_owned(), Person { groups, disabled: user.disabled })
                })
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> &Person {
        self.0.get(name).unwrap_or(&NOBODY)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Person)> {
        self.0.iter().map(|(name, person)| (name.as_str(), person))
    }

    /// The user as an entity; its groups are its parents when somebody will ask for them.
    pub fn entity(&self, name: &str, with_parents: bool) -> Result<Entity, String> {
        let person = self.get(name);
        let groups: &[String] = if with_parents { &person.groups } else { &[] };
        let attrs = [
            ("name".to_owned(), RestrictedExpression::new_string(name.to_owned())),
            ("disabled".to_owned(), RestrictedExpression::new_bool(person.disabled)),
        ];
        let parents = groups.iter().map(|group| uid(&types().group, group));
        entity(uid(&types().user, name), attrs, parents, [])
    }
}

/// Makes an entity. Only texts and numbers go in, so that it fails for no input that exists; still nothing panics.
pub(crate) fn entity(
    uid: EntityUid,
    attrs: impl IntoIterator<Item = (String, RestrictedExpression)>,
    parents: impl IntoIterator<Item = EntityUid>,
    tags: impl IntoIterator<Item = (String, RestrictedExpression)>,
) -> Result<Entity, String> {
    Entity::new_with_tags(uid, attrs, parents, tags).map_err(|e| e.to_string())
}

/// Labels as tags.
pub(crate) fn tags<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (String, RestrictedExpression)> {
    labels.into_iter().map(|(key, value)| (key.to_owned(), RestrictedExpression::new_string(value.to_owned())))
}
