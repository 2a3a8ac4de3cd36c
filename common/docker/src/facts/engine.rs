//! Facts of what is done to the engine itself, its plugins among it, and of the few others that only have a flag.

use super::{Sheet, Source, build::number};
use crate::{doc::Doc, image_ref::ImageRef, paths::clean, refusal::Refusal};
use serde_json::Value;
use std::collections::BTreeSet;
use wharden_model::Action;

pub fn fill(source: &Source<'_>, out: &mut Sheet) -> Result<(), Refusal> {
    let (body, query) = (source.body(), source.query());
    match source.canonical.action() {
        Action::ContainerPrune | Action::ImagePrune | Action::VolumePrune | Action::NetworkPrune => {
            out.put("filters", query.get("filters"));
            if source.canonical.action() == Action::VolumePrune {
                // Volumes with names were spared from API 1.42 on, unless a filter says otherwise.
                out.put("all", !source.since(42) || names_all(query.get("filters")));
            }
        }
        Action::BuildPrune => {
            out.put("all", query.truth("all"));
            out.put("filters", query.get("filters"));
        }
        Action::BuildSession | Action::BuildGrpc => out.put("content_unread", true),
        Action::PluginPull | Action::PluginUpgrade | Action::PluginPrivileges => {
            match ImageRef::parse(query.get("remote")) {
                Some(remote) => {
                    out.put("remote", remote.to_string());
                    out.put("remote_registry", remote.registry);
                    out.put("remote_repository", remote.repository);
                }
                None => out.put("remote", query.get("remote")),
            }
            out.put("name", query.get("name"));
            out.put("privileges", privileges(body.own_items()));
        }
        Action::PluginCreate => {
            out.put("name", query.get("name"));
            out.put("content_unread", true);
        }
        Action::PluginSet => {
            let settings = body.own_texts();
            let names = settings.iter().map(|s| s.split('=').next().unwrap_or_default().to_owned());
            out.put("settings", names.collect::<BTreeSet<_>>());
            let paths = settings.iter().filter_map(|s| s.split_once('='));
            let paths = paths
                .filter(|(name, value)| name.ends_with(".source") || name.ends_with(".path") || value.starts_with('/'));
            out.put("host_paths", paths.map(|(_, value)| clean(value)).collect::<BTreeSet<_>>());
        }
        Action::PluginEnable => out.put("timeout", number(query, "timeout")?),
        Action::PluginDisable
        | Action::PluginDelete
        | Action::SwarmLeave
        | Action::NodeDelete
        | Action::VolumeDelete => out.put("force", query.truth("force")),
        Action::SystemAuth => {
            out.put("server", body.text("serveraddress"));
            let secrets = ["password", "auth", "identitytoken", "registrytoken"];
            out.put("has_password", secrets.iter().any(|s| !body.text(s).is_empty()));
        }
        _ => {}
    }
    Ok(())
}

/// Whether filters have one called `all`, or cannot be read.
fn names_all(filters: &str) -> bool {
    !filters.is_empty() && serde_json::from_str::<Value>(filters).map_or(true, |given| given.get("all").is_some())
}

/// Privileges of a plugin as `name=value,value`.
pub fn privileges<'a>(list: impl Iterator<Item = Doc<'a>>) -> BTreeSet<String> {
    list.map(|p| format!("{}={}", p.text("Name"), p.texts("Value").collect::<Vec<_>>().join(","))).collect()
}
