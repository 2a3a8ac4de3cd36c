//! Facts: what a policy may look at, read out of a canonical request and of what its names mean now. The tables are in
//! the model; every fact of an action's table is filled or stays at its zero value.

mod build;
mod container;
mod create;
mod create_limits;
mod create_mounts;
mod create_network;
mod create_security;
mod engine;
mod image;
mod network;
mod service;
mod swarm;
mod sysctls;
mod volume;

use crate::{
    canonical::{Asker, Canonical},
    doc::Doc,
    mounts::HostPath,
    owner,
    paths::clean,
    query::Query,
    refusal::Refusal,
    resolve::Resolved,
    version::ApiVersion,
    view::{Gate, HostPathView, ImageView, NetworkView, View},
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{Action, FactValue, Facts};

pub use build::document;
pub use container::put_target;
pub use create_mounts::wanted as wanted_mounts;
pub use service::{FILES as SERVICE_FILES, attachments as service_attachments, networks as service_networks};
pub use volume::paths_asked as volume_paths_asked;

/// Everything that facts are read from.
pub struct Source<'a> {
    pub canonical: &'a Canonical,
    pub resolved: &'a Resolved<'a>,
    pub view: &'a View,
    pub asker: &'a Asker<'a>,
    /// The request's body; of a container that is started, what it was made of.
    pub body: Doc<'a>,
}

impl<'a> Source<'a> {
    fn body(&self) -> Doc<'a> {
        self.body
    }

    /// Whose the container is, or will be. A build acts on the engine, and what it makes is the asker's.
    fn maker(&self) -> &'a str {
        if self.canonical.action() == Action::ImageBuild { self.asker.owner } else { self.resolved.maker() }
    }

    /// Whether what runs as this user, with these groups on top, is the account of the host whose the container is, as if
    /// it ran outside of it. A group must be said: that of a lone number is the image's affair.
    fn runs_as_owner<'t>(&self, user: &str, mut groups: impl Iterator<Item = &'t str>) -> bool {
        let Some(owner) = self.view.accounts.get(self.maker()) else { return false };
        let Some((uid, gid)) = user.split_once(':') else { return false };
        let is_own = |group: &str| number(group).is_some_and(|gid| owner.groups.contains(&gid));
        number(uid) == Some(owner.uid) && is_own(gid) && groups.all(is_own)
    }

    /// Whether the version in the path has what came with this one. The engine leaves it out of what it takes otherwise.
    fn since(&self, minor: u32) -> bool {
        self.canonical.version.is_some_and(|version| version >= ApiVersion { major: 1, minor })
    }

    fn query(&self) -> &'a Query {
        &self.canonical.query
    }

    /// Whether nobody else than the maker of what the request makes is known to have made a thing with these labels.
    fn is_own(&self, labels: &BTreeMap<String, String>) -> bool {
        let owner = owner::of(labels);
        owner.is_empty() || owner == self.maker()
    }

    /// A network by what it was looked up by, or by its id: names were resolved before facts are read.
    fn found_network(&self, asked: &str) -> Option<&'a NetworkView> {
        let networks = &self.view.networks;
        networks.get(asked).or_else(|| networks.values().find(|network| network.id == asked))
    }

    /// A network by its name, where that is known; the host's is called so, whichever name or id the request gives it.
    fn network(&self, asked: &str) -> String {
        match self.found_network(asked).filter(|_| asked != "host") {
            Some(network) if network.driver == "host" => "host".to_owned(),
            Some(network) => network.name.clone(),
            None => asked.to_owned(),
        }
    }

    /// Of the networks that the request names, those that somebody else made.
    fn foreign_networks(&self) -> BTreeSet<String> {
        let foreign = self.view.networks.values().filter(|network| !self.is_own(&network.labels));
        foreign.map(|network| network.name.clone()).collect()
    }

    /// A host path, cleaned, and what its links lead to where that is known.
    fn host_path(&self, path: &str) -> impl Iterator<Item = String> + use<> {
        let path = clean(path);
        let target = self.view.host_paths.get(&path).map(|t| clean(&t.real)).filter(|t| *t != path);
        std::iter::once(path).chain(target)
    }

    /// Those of the paths in whose place somebody could put a link. A path that cannot be followed is one.
    fn replaceable<'p>(&self, paths: impl IntoIterator<Item = &'p HostPath>) -> BTreeSet<String> {
        let paths = paths.into_iter().map(|p| clean(&p.path));
        paths.filter(|path| self.view.host_paths.get(path).is_none_or(|found| found.replaceable)).collect()
    }

    /// Those of the paths that the account of the host, whose the container is, could not come to by itself, since there is
    /// nothing, or a folder on the way lets it not pass.
    fn unreachable<'p>(&self, paths: impl IntoIterator<Item = &'p HostPath>) -> BTreeSet<String> {
        let account = self.view.accounts.get(self.maker());
        let opens = |gate: &Gate| account.is_some_and(|account| gate.opens_to(account));
        let reaches = |found: &HostPathView| !found.missing && found.gates.iter().all(opens);
        let paths = paths.into_iter().map(|p| clean(&p.path));
        paths.filter(|path| !self.view.host_paths.get(path).is_some_and(reaches)).collect()
    }
}

/// A number of an account or a group, in its one plain spelling.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// The facts of one action, being filled.
pub struct Sheet(Facts);

impl From<Facts> for Sheet {
    fn from(facts: Facts) -> Self {
        Self(facts)
    }
}

impl Sheet {
    /// What has been filled in.
    pub fn into_facts(self) -> Facts {
        self.0
    }

    pub fn put(&mut self, name: &'static str, value: impl Into<FactValue>) {
        let value = value.into();
        debug_assert!(
            self.0.get(name).is_some_and(|zero| std::mem::discriminant(zero) == std::mem::discriminant(&value)),
            "{name} is in the action's table, with this type"
        );
        self.0.set(name, value);
    }

    /// Adds to a set.
    fn join(&mut self, name: &'static str, more: impl Iterator<Item = String>) {
        let mut all: BTreeSet<String> = more.collect();
        if let Some(FactValue::Set(held)) = self.0.get(name) {
            all.extend(held.iter().cloned());
        }
        self.put(name, all);
    }
}

/// The facts of a request.
///
/// # Errors
/// 400 for a parameter that is not what its name promises.
pub fn fill(canonical: &Canonical, resolved: &Resolved<'_>, view: &View, asker: &Asker<'_>) -> Result<Facts, Refusal> {
    let started = resolved.container.filter(|_| canonical.action().starts_container());
    let made = started.map(|container| Doc::new(Some(&container.made.0)));
    let source = &Source { canonical, resolved, view, asker, body: made.unwrap_or_else(|| canonical.doc()) };
    let mut sheet = Sheet(Facts::zero(canonical.action()));
    let out = &mut sheet;
    out.put("api_version", canonical.version.map_or(0, |v| i64::from(v.minor)));
    out.put("method", canonical.method.as_str());
    out.put("path", canonical.path.as_str());
    match canonical.action() {
        Action::ContainerCreate => create::fill(source, out),
        Action::ImageBuild => build::fill(source, out)?,
        Action::ServiceCreate | Action::ServiceUpdate => service::fill(source, out),
        Action::VolumeCreate | Action::VolumeUpdate => volume::fill(source, out),
        Action::NetworkCreate | Action::NetworkInspect | Action::NetworkConnect | Action::NetworkDisconnect => {
            network::fill(source, out);
        }
        Action::SwarmInit
        | Action::SwarmJoin
        | Action::SwarmUpdate
        | Action::NodeUpdate
        | Action::SecretCreate
        | Action::SecretUpdate
        | Action::ConfigCreate
        | Action::ConfigUpdate => swarm::fill(source, out),
        action => match action.name().split('.').next() {
            Some("container" | "exec") if action != Action::ContainerPrune => container::fill(source, out),
            Some("image" | "distribution") if action != Action::ImagePrune => image::fill(source, out),
            _ => engine::fill(source, out)?,
        },
    }
    Ok(sheet.0)
}

/// The facts of an action that only reads an image.
pub fn image_facts(action: Action, image: &ImageView) -> Facts {
    let mut sheet = Sheet(Facts::zero(action));
    let name = image.tags.first().unwrap_or(&image.id);
    image::put_image(&mut sheet, name, Some(image));
    sheet.0
}

/// Capabilities as policies write them: upper case, without `CAP_`.
fn capabilities<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names
        .map(|name| {
            let upper = name.trim().to_uppercase();
            upper.strip_prefix("CAP_").map_or_else(|| upper.clone(), str::to_owned)
        })
        .collect()
}

/// Ulimits as `name=soft:hard`.
fn ulimits<'a>(list: impl Iterator<Item = Doc<'a>>) -> BTreeSet<String> {
    list.map(|u| format!("{}={}:{}", u.text("Name"), u.number("Soft"), u.number("Hard"))).collect()
}

/// Names of environment variables.
fn env_names<'a>(list: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    list.map(|e| e.split('=').next().unwrap_or_default().to_owned()).collect()
}

/// Options as `key=value`, without the value of what is called a secret, and without the passwords that an option of
/// mount(2) may hold among its flags.
fn options<'a>(options: impl Iterator<Item = (&'a String, &'a String)>) -> BTreeSet<String> {
    let secret = |key: &str| ["pass", "secret", "token", "credential"].iter().any(|word| key.contains(word));
    let shown = options.map(|(key, value)| {
        if secret(&key.to_ascii_lowercase()) {
            return format!("{key}=…");
        }
        let flags = value.split(',').filter(|flag| !flag.trim_start().to_ascii_lowercase().starts_with("pass"));
        format!("{key}={}", flags.collect::<Vec<_>>().join(","))
    });
    shown.collect()
}

/// A URL without the name and password that may stand before its host.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Dockerfile instructions, without what follows the name of a variable in `ENV`.
fn instructions<'a>(list: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let lines = list.flat_map(str::lines).map(str::trim).filter(|l| !l.is_empty());
    lines
        .map(|line| match line.split_once(char::is_whitespace) {
            Some((word, rest)) if word.eq_ignore_ascii_case("env") || word.eq_ignore_ascii_case("arg") => {
                let name = rest.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next();
                format!("{} {}", word.to_ascii_uppercase(), name.unwrap_or_default())
            }
            Some((word, rest)) => format!("{} {}", word.to_ascii_uppercase(), rest.trim()),
            None => line.to_ascii_uppercase(),
        })
        .collect()
}
