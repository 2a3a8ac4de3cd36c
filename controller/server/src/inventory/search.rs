//! Finds things in one part of the view.

use super::{
    filter::{Filter, Kind, Place},
    host::HeldHost,
    index::Term,
    reference,
    row::Row,
    shard::Shard,
    strings::{Strings, Sym},
};
use std::{borrow::Cow, ops::Bound, sync::Arc};
use wharden_model::{
    HostId,
    inventory::{ContainerState, Image},
};

/// A rarer term than this part of all rows is looked up; else the hosts are gone through in order until the page is full.
const RARE: usize = 4;
/// The same for a part of a name, which so many pages of rows without it are not gone through for, and for images.
const RARE_NAME: usize = 16;

impl Shard {
    /// The first places, in order, that the filter takes: one more than its limit, so that it is known whether there are
    /// more.
    pub fn find(&self, kind: Kind, filter: &Filter) -> Vec<Place> {
        let most = filter.limit.saturating_add(1);
        match kind {
            Kind::Containers => match Wanted::new(filter, self) {
                Some(wanted) => self.find_containers(&wanted, filter, most),
                None => Vec::new(),
            },
            Kind::Images => self.find_images(filter, most),
            Kind::Volumes => self.walk(filter, most, |host, found| {
                found.extend(host.volumes.iter().filter(|v| filter.takes_volume(v)).map(|v| v.name.clone()));
            }),
            Kind::Networks => self.walk(filter, most, |host, found| {
                found.extend(host.networks.iter().filter(|n| filter.takes_network(n)).map(|n| n.id.clone()));
            }),
            Kind::Hosts if filter.takes_hosts() => self.walk(filter, most, |_, found| found.push(String::new())),
            Kind::Hosts => Vec::new(),
        }
    }

    fn find_images(&self, filter: &Filter, most: usize) -> Vec<Place> {
        let pairs = if asks_one_host(filter) { None } else { self.images.find(filter, self.images.held() / RARE_NAME) };
        let Some(pairs) = pairs else {
            return self.walk(filter, most, |host, found| {
                let images = host.images.iter().filter(|image| filter.takes_image(image));
                found.extend(images.map(|image| image.id.clone()));
            });
        };
        let held = |(host, image): (u32, &'_ Arc<Image>)| {
            let host = &self.hosts.get(host as usize)?.as_ref()?.id;
            let asked = filter.hosts.as_ref().is_none_or(|hosts| hosts.contains(host));
            let later = filter.after.as_ref().is_none_or(|after| (host, &image.id) > (&after.host, &after.id));
            (asked && later).then(|| Place { host: host.clone(), id: image.id.clone() })
        };
        let mut found: Vec<Place> = pairs.into_iter().filter_map(held).collect();
        found.sort_unstable();
        found.truncate(most);
        found
    }

    fn find_containers(&self, wanted: &Wanted<'_>, filter: &Filter, most: usize) -> Vec<Place> {
        match &wanted.rows {
            Some(rows) if !asks_one_host(filter) && rows.len() < self.rows.len() / RARE => {
                let taken = |row: &&Row| {
                    let host = self.hosts.get(row.host as usize).and_then(Option::as_ref);
                    wanted.takes(row)
                        && host.is_some_and(|host| filter.hosts.as_ref().is_none_or(|hosts| hosts.contains(&host.id)))
                };
                let mut found: Vec<(&HostId, &Row)> = rows
                    .iter()
                    .filter_map(|row| self.row(*row))
                    .filter(taken)
                    .filter_map(|row| Some((&self.hosts.get(row.host as usize)?.as_ref()?.id, row)))
                    .collect();
                if let Some(after) = &filter.after {
                    let key = after.key();
                    found.retain(|(host, row)| (*host, &row.key) > (&after.host, &key));
                }
                found.sort_unstable_by(|(host, row), (other, than)| (host, &row.key).cmp(&(other, &than.key)));
                found.truncate(most);
                found.into_iter().map(|(host, row)| Place { host: host.clone(), id: row.key.to_string() }).collect()
            }
            _ => self.walk(filter, most, |host, found| {
                let rows = host.rows.iter().filter_map(|row| self.row(*row)).filter(|row| wanted.takes(row));
                found.extend(rows.map(|row| row.key.to_string()));
            }),
        }
    }

    /// Goes through the hosts in order; `list` adds the ids of one host's things, in order.
    fn walk(&self, filter: &Filter, most: usize, list: impl Fn(&HeldHost, &mut Vec<String>)) -> Vec<Place> {
        let from = filter.after.as_ref().map_or(Bound::Unbounded, |after| Bound::Included(&after.host));
        let hosts = self.places.range::<HostId, _>((from, Bound::Unbounded));
        let mut found = Vec::new();
        let mut ids = Vec::new();
        for (id, place) in hosts.filter(|(id, _)| filter.hosts.as_ref().is_none_or(|hosts| hosts.contains(*id))) {
            let Some(host) = self.hosts.get(*place as usize).and_then(Option::as_ref) else { continue };
            list(host, &mut ids);
            let after = filter.after.as_ref().filter(|after| after.host == *id);
            let later = ids.drain(..).filter(|thing| after.is_none_or(|after| *thing > after.id));
            found.extend(later.map(|thing| Place { host: id.clone(), id: thing }));
            if found.len() >= most {
                found.truncate(most);
                break;
            }
        }
        found
    }
}

fn asks_one_host(filter: &Filter) -> bool {
    filter.hosts.as_ref().is_some_and(|hosts| hosts.len() == 1)
}

/// A filter in the symbols of a shard.
struct Wanted<'a> {
    /// Rows with the rarest of its terms, or with a name that it takes; `None` when it has none that is worth it.
    rows: Option<Cow<'a, [u32]>>,
    reference: Option<Reference>,
    owner: Option<Sym>,
    sources: Option<Vec<Sym>>,
    network: Option<Sym>,
    label: Option<(Sym, Option<Sym>)>,
    port: Option<u16>,
    state: Option<ContainerState>,
    name: Option<&'a str>,
}

enum Reference {
    Whole(Sym),
    Repository(Sym),
    Id(Sym),
}

impl<'a> Wanted<'a> {
    /// `None` when nothing here can be wanted.
    fn new(filter: &'a Filter, shard: &'a Shard) -> Option<Self> {
        let strings = &shard.strings;
        let find = |text: &Option<String>| {
            text.as_ref().map(|text| strings.find(text)).map_or(Some(None), |sym| sym.map(Some))
        };
        let reference = match &filter.image {
            Some(image) => Some(Reference::find(image, strings)?),
            None => None,
        };
        let label = match &filter.label {
            Some((key, Some(value))) => Some((strings.find(key)?, Some(strings.find(value)?))),
            Some((key, None)) => Some((strings.find(key)?, None)),
            None => None,
        };
        let mut wanted = Self {
            rows: None,
            reference,
            owner: find(&filter.owner)?,
            sources: filter.mount.as_ref().map(|path| shard.index.sources(path)),
            network: find(&filter.network)?,
            label,
            port: filter.port,
            state: filter.state,
            name: filter.name.as_deref(),
        };
        wanted.rows = wanted.rarest(shard);
        Some(wanted)
    }

    fn rarest(&self, shard: &'a Shard) -> Option<Cow<'a, [u32]>> {
        let terms = [
            self.reference.as_ref().map(|reference| match reference {
                Reference::Whole(sym) => Term::Reference(*sym),
                Reference::Repository(sym) => Term::Repository(*sym),
                Reference::Id(sym) => Term::ImageId(*sym),
            }),
            self.owner.map(Term::Owner),
            self.network.map(Term::Network),
            self.label.map(|(key, value)| value.map_or(Term::LabelKey(key), |value| Term::Label(key, value))),
            self.port.map(Term::Port),
            self.state.map(Term::State),
        ];
        let single = terms.into_iter().flatten().map(|term| Cow::Borrowed(shard.index.get(term)));
        let mounted = self.sources.as_ref().map(|sources| {
            let mut rows: Vec<u32> =
                sources.iter().flat_map(|sym| shard.index.get(Term::Source(*sym))).copied().collect();
            rows.sort_unstable();
            rows.dedup();
            Cow::Owned(rows)
        });
        let rarest = single.chain(mounted).min_by_key(|rows| rows.len());
        let few = shard.rows.len() / RARE_NAME;
        match self.name {
            Some(name) if rarest.as_ref().is_none_or(|rows| rows.len() > few) => {
                shard.names.with(name, few).map(Cow::Owned).or(rarest)
            }
            _ => rarest,
        }
    }

    fn takes(&self, row: &Row) -> bool {
        let reference = self.reference.as_ref().is_none_or(|reference| match reference {
            Reference::Whole(sym) => row.reference == *sym,
            Reference::Repository(sym) => row.repository == *sym,
            Reference::Id(sym) => row.image_id == *sym,
        });
        let label = self.label.is_none_or(|(key, value)| {
            row.labels.iter().any(|(k, v)| *k == key && value.is_none_or(|value| *v == value))
        });
        let mounted = |sources: &Vec<Sym>| row.mounts.iter().any(|mount| sources.binary_search(&mount.source).is_ok());
        reference
            && label
            && self.state.is_none_or(|state| row.state == state)
            && self.owner.is_none_or(|owner| row.owner == owner)
            && self.network.is_none_or(|network| row.networks.contains(&network))
            && self.port.is_none_or(|port| row.ports.iter().any(|held| held.host == port))
            && self.sources.as_ref().is_none_or(mounted)
            && self.name.is_none_or(|name| row.name.contains(name))
    }
}

impl Reference {
    fn find(image: &str, strings: &Strings) -> Option<Self> {
        if reference::is_id(image) {
            return strings.find(image).map(Self::Id);
        }
        let (whole, repository) = reference::normal(image);
        if reference::is_whole(image) {
            strings.find(&whole).map(Self::Whole)
        } else {
            strings.find(&repository).map(Self::Repository)
        }
    }
}
