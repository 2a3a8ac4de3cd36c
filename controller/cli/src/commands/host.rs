//! `host`: enrolled hosts.

use super::{host_facts::told_fields, inventory::fetch};
use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    input::HostRef,
    output::{Cell, Look, Tone, ago, bytes, moment, record, table},
};
use clap::Subcommand;
use reqwest::Method;
use serde::Serialize;
use std::collections::BTreeMap;
use wharden_model::{
    AdminAction, Labels, Posture,
    api::{self, HostPatch, InventoryHost, InventoryPage, InventoryQuery},
};

const HELP: &str = "\
HOST is an id (h-…), or a name that only one host has.

Examples:
  wharden host list --label env=prod
  wharden host label web1 env=prod zone=a old-
  wharden host posture web1 enforce
  wharden host revoke h-0123456789abcdef";

/// Commands of `host`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Host {
    /// List hosts
    #[command(visible_alias = "ls")]
    List {
        /// Only hosts with this label, key=value; all of them when given many times
        #[arg(long = "label", value_name = "K=V")]
        labels: Vec<String>,
    },
    /// Show one host
    Show { host: HostRef },
    /// Set labels with key=value, remove them with key-
    Label {
        host: HostRef,
        #[arg(required = true, value_name = "K=V|K-")]
        changes: Vec<String>,
    },
    /// Let the host's guard block (enforce) or only report (observe)
    Posture { host: HostRef, posture: Posture },
    /// End a host's membership at once; it cannot come back without a new join token
    Revoke {
        host: HostRef,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// `wharden host …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Host, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Host::List { labels } => {
            let wanted = Labels::parse(&labels)
                .map_err(|error| CliError::usage(error.to_string(), "write --label key=value, once for each label"))?;
            let mut hosts: Vec<api::Host> = context.api()?.call(Call::get(&["hosts"])).await?;
            hosts.retain(|host| wanted.iter().all(|(key, value)| host.labels.get(key) == Some(value)));
            let empty = if wanted.is_empty() {
                "no hosts yet: `wharden token create` makes a token, with which `wharden-agent enroll` joins one"
            } else {
                "no host has these labels"
            };
            context.list(&hosts, empty, |look| rows(&hosts, look))
        }
        Host::Show { host } => {
            let mut api = context.api()?;
            let host = find(&host, &mut api).await?;
            let shown = Shown { inventory: told(&host, &mut api).await, host };
            context.answer(&shown, |look| card(&shown, look))
        }
        Host::Label { host, changes } => {
            let changes = parse_changes(&changes)?;
            let mut api = context.api()?;
            let host = find(&host, &mut api).await?;
            let labels = changed(&host.labels, changes)?;
            let patch = HostPatch { labels: Some(labels.clone()), posture: None };
            api.act(Call::new(Method::PATCH, &["hosts", host.id.as_str()]).of(AdminAction::HostLabel).body(&patch)?)
                .await?;
            let now = if labels.is_empty() { "none".to_owned() } else { labels.to_string() };
            let data = [("host", host.id.as_str()), ("labels", now.as_str())];
            context.changed(&data, &format!("labels of host {} ({}) are now: {now}", host.name, host.id))
        }
        Host::Posture { host, posture } => {
            let patch = HostPatch { labels: None, posture: Some(posture) };
            context
                .api()?
                .act(Call::new(Method::PATCH, &["hosts", &host.0]).of(AdminAction::HostPosture).body(&patch)?)
                .await?;
            let data = [("host", host.0.as_str()), ("posture", posture.as_str())];
            context.changed(&data, &format!("host {} has posture {posture}", host.0))
        }
        Host::Revoke { host, yes } => {
            let mut api = context.api()?;
            let host = find(&host, &mut api).await?;
            context.confirm(yes, &format!("Revoke host {} ({})? Its session closes at once.", host.name, host.id))?;
            api.act(Call::post(&["hosts", host.id.as_str(), "revoke"]).of(AdminAction::HostRevoke)).await?;
            let told = format!("host {} ({}) is revoked", host.name, host.id);
            context.changed(&[("host", host.id.as_str())], &told)
        }
    }
}

async fn find(host: &HostRef, api: &mut Api) -> Result<api::Host, CliError> {
    api.call(Call::get(&["hosts", &host.0])).await
}

/// A host, and what its agent tells of it as far as the caller may see that.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    host: api::Host,
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory: Option<InventoryHost>,
}

/// What is there is shown; who may not see it, or asks an older controller, sees the host without.
async fn told(host: &api::Host, api: &mut Api) -> Option<InventoryHost> {
    let query = InventoryQuery { host: Some(host.id.to_string()), limit: Some(1), ..InventoryQuery::default() };
    let page: InventoryPage<InventoryHost> = fetch(api, "hosts", &query).await.ok()?;
    page.items.into_iter().next()
}

/// A new value, or `None` to remove the key.
type Change = (String, Option<String>);

fn parse_changes(words: &[String]) -> Result<Vec<Change>, CliError> {
    words
        .iter()
        .map(|word| match (word.split_once('='), word.strip_suffix('-')) {
            (Some((key, value)), _) => Ok((key.to_owned(), Some(value.to_owned()))),
            (None, Some(key)) if !key.is_empty() => Ok((key.to_owned(), None)),
            _ => Err(CliError::usage(
                format!("{word:?} is no change of a label"),
                "write key=value to set a label, key- to remove it",
            )),
        })
        .collect()
}

fn changed(labels: &Labels, changes: Vec<Change>) -> Result<Labels, CliError> {
    let mut map = BTreeMap::from(labels.clone());
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
    Labels::try_from(map)
        .map_err(|error| CliError::usage(error.to_string(), "labels are short words, like env=prod or zone=eu/a"))
}

fn held(host: &api::Host) -> Cell {
    match (host.nack.is_empty(), host.held_revision) {
        (false, revision) => Cell::toned(format!("{revision} (refused a newer one)"), Tone::Bad),
        (true, 0) => Cell::toned("none", Tone::Dim),
        (true, revision) => Cell::new(revision),
    }
}

fn rows(hosts: &[api::Host], look: &Look) -> String {
    let rows = hosts.iter().map(|host| {
        vec![
            Cell::new(&host.name),
            Cell::new(&host.id),
            host.status.into(),
            host.posture.into(),
            Cell::or_dash(&host.labels),
            held(host),
            Cell::or_dash(host.report.as_ref().map(|r| r.engine.clone()).unwrap_or_default()),
            Cell::or_dash(host.last_seen_at.map(|at| ago(look.now, at)).unwrap_or_default()),
        ]
    });
    let header = ["NAME", "ID", "STATUS", "POSTURE", "LABELS", "REVISION", "ENGINE", "LAST SEEN"];
    table(&header, rows.collect(), look)
}

fn card(Shown { host, inventory }: &Shown, look: &Look) -> String {
    let mut fields = vec![
        ("Name", Cell::new(&host.name)),
        ("Id", Cell::new(&host.id)),
        ("Status", host.status.into()),
        ("Posture", host.posture.into()),
        ("Labels", Cell::or_dash(&host.labels)),
        ("Revision held", held(host)),
        ("Enrolled", Cell::new(moment(look.now, host.enrolled_at))),
        ("Certificate ends", Cell::new(moment(look.now, host.certificate_expires_at))),
        ("Last seen", Cell::or_dash(host.last_seen_at.map(|at| moment(look.now, at)).unwrap_or_default())),
    ];
    if !host.nack.is_empty() {
        fields.push(("Refused bundle", Cell::toned(&host.nack, Tone::Bad)));
    }
    if let Some(report) = &host.report {
        fields.extend([
            ("Agent", Cell::or_dash(&report.agent_version)),
            ("Engine", Cell::or_dash(&report.engine)),
            ("Engine API", Cell::or_dash(&report.engine_api)),
            ("System", Cell::or_dash(format!("{} {} {}", report.os, report.kernel, report.arch).trim())),
            ("Processors", Cell::new(report.cpus)),
            ("Memory", Cell::new(bytes(report.memory_bytes))),
            ("Containers", Cell::new(format!("{} running of {}", report.containers_running, report.containers_total))),
        ]);
        fields.extend(report.break_glass.iter().map(|pass| {
            let text = format!("{} passes until {}", pass.user, moment(look.now, pass.until));
            ("Break-glass", Cell::toned(text, Tone::Bad))
        }));
        fields.extend(report.guard.iter().map(|guard| ("Guard on TCP", Cell::new(&guard.address))));
    }
    if let Some(told) = inventory {
        told_fields(told, &mut fields, look);
    }
    record(fields, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(start: &str, words: &[&str]) -> Result<String, CliError> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Ok(changed(&start.parse().unwrap(), parse_changes(&words)?)?.to_string())
    }

    #[test]
    fn labels_are_set_and_removed_in_order() {
        assert_eq!(apply("env=dev,old=1", &["env=prod", "old-", "zone=a"]).unwrap(), "env=prod,zone=a");
        assert_eq!(apply("", &["a-b=c-"]).unwrap(), "a-b=c-");
        for bad in [&["env"][..], &["-"], &["env="], &["e v=x"]] {
            assert!(matches!(apply("", bad), Err(CliError::Usage { .. })), "{bad:?}");
        }
    }
}
