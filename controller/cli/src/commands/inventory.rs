//! `inventory`: what runs where, on all hosts.

use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    limits::{INVENTORY_PAGE, INVENTORY_SHOWN},
    output::{Cell, Look, Tone, ago, bytes, one_line, table},
};
use clap::{Args, Subcommand};
use serde::{Serialize, de::DeserializeOwned};
use wharden_model::{
    api::{InventoryHost, InventoryItem, InventoryPage, InventoryQuery},
    inventory::{Container, ContainerState, Image, Mount, Network, Port, Volume},
};

const HELP: &str = "\
Every filter that is given must hold. -o jsonl prints everything, one thing on each line.

Which hosts run image X:
  wharden inventory containers --image nginx --state running
Which containers mount /etc, or something that holds it:
  wharden inventory containers --mount /etc
Who owns Y:
  wharden inventory containers --name shop-db
What does alice have, anywhere:
  wharden inventory containers --owner alice
Who publishes port 443 in production:
  wharden inventory containers --port 443 --host-label env=prod
Everything, for another program:
  wharden inventory containers -o jsonl > containers.jsonl";

/// Characters of a list in a table.
const LIST_MAX: usize = 40;

/// Commands of `inventory`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Inventory {
    /// Containers: where they are, whose, of which image, what they use
    #[command(visible_alias = "ps")]
    Containers(Containers),
    /// Images that hosts hold
    Images(Images),
    /// Volumes
    Volumes(Volumes),
    /// Networks of the engines
    Networks(Networks),
    /// Hosts: what they are, and what they use
    Hosts(Place),
}

/// Where, and how many.
#[derive(Debug, Args)]
pub struct Place {
    /// On this host, by id or name
    #[arg(long)]
    host: Option<String>,
    /// On hosts with this label
    #[arg(long, value_name = "K=V")]
    host_label: Option<String>,
    /// Most things to show [default: 1000; with -o jsonl all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Flags of `inventory containers`.
#[derive(Debug, Args)]
pub struct Containers {
    /// Of this image: nginx:1.25, nginx for all its tags, or sha256:…
    #[arg(long)]
    image: Option<String>,
    /// Sharing this path of the host, what lies below it or what holds it; or a volume by name
    #[arg(long, value_name = "PATH|VOLUME")]
    mount: Option<String>,
    /// Made by this user, service account or container
    #[arg(long)]
    owner: Option<String>,
    /// With this label; a key alone for any value
    #[arg(long, value_name = "K=V|K")]
    label: Option<String>,
    /// In this state: created, running, paused, restarting, removing, exited, dead
    #[arg(long)]
    state: Option<String>,
    /// Publishing this port of the host
    #[arg(long)]
    port: Option<u16>,
    /// On this network
    #[arg(long)]
    network: Option<String>,
    /// With this in the name
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Flags of `inventory images`.
#[derive(Debug, Args)]
pub struct Images {
    /// This one: nginx:1.25, nginx for all its tags, or sha256:…
    #[arg(long)]
    image: Option<String>,
    /// Built, committed, loaded or imported by this user, service account or container
    #[arg(long)]
    owner: Option<String>,
    /// With this label; a key alone for any value
    #[arg(long, value_name = "K=V|K")]
    label: Option<String>,
    /// With this in a tag
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Flags of `inventory volumes`.
#[derive(Debug, Args)]
pub struct Volumes {
    /// Made by this user, service account or container
    #[arg(long)]
    owner: Option<String>,
    /// With this label; a key alone for any value
    #[arg(long, value_name = "K=V|K")]
    label: Option<String>,
    /// With this in the name
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Flags of `inventory networks`.
#[derive(Debug, Args)]
pub struct Networks {
    /// Called this
    #[arg(long)]
    network: Option<String>,
    /// Made by this user, service account or container
    #[arg(long)]
    owner: Option<String>,
    /// With this label; a key alone for any value
    #[arg(long, value_name = "K=V|K")]
    label: Option<String>,
    /// With this in the name
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// `wharden inventory …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Inventory, context: &mut Context<'_>) -> Result<(), CliError> {
    let none = InventoryQuery::default();
    match command {
        Inventory::Containers(Containers { image, mount, owner, label, state, port, network, name, place }) => {
            let query = InventoryQuery { image, mount, owner, label, state, port, network, name, ..none };
            search(context, "containers", query, place, container_rows).await
        }
        Inventory::Images(Images { image, owner, label, name, place }) => {
            search(context, "images", InventoryQuery { image, owner, label, name, ..none }, place, image_rows).await
        }
        Inventory::Volumes(Volumes { owner, label, name, place }) => {
            search(context, "volumes", InventoryQuery { owner, label, name, ..none }, place, volume_rows).await
        }
        Inventory::Networks(Networks { network, owner, label, name, place }) => {
            search(context, "networks", InventoryQuery { network, owner, label, name, ..none }, place, network_rows)
                .await
        }
        Inventory::Hosts(place) => search(context, "hosts", none, place, host_rows).await,
    }
}

async fn search<T: Serialize + DeserializeOwned>(
    context: &mut Context<'_>,
    kind: &str,
    query: InventoryQuery,
    place: Place,
    rows: impl Fn(&[T], &Look) -> String,
) -> Result<(), CliError> {
    let most = place.limit.map_or(if context.is_lines() { usize::MAX } else { INVENTORY_SHOWN }, |n| n as usize);
    let mut query = InventoryQuery { host: place.host, host_label: place.host_label, ..query };
    let (mut api, mut all, mut shown) = (context.api()?, Vec::new(), 0_usize);
    loop {
        query.limit = Some(most.saturating_sub(shown).min(INVENTORY_PAGE));
        let page: InventoryPage<T> = fetch(&mut api, kind, &query).await?;
        shown = shown.saturating_add(page.items.len());
        for number in &page.unreachable {
            context.note(&format!("controller {number} does not answer: what its hosts have is missing here"));
        }
        if context.is_lines() {
            context.lines(&page.items)?;
        } else {
            all.extend(page.items);
        }
        query.after = page.next;
        if query.after.is_none() || shown >= most {
            break;
        }
    }
    if !context.is_lines() {
        context.list(&all, &format!("no {kind} found"), |look| rows(&all, look))?;
    }
    if query.after.is_some() {
        context.note(&format!("there is more than these {shown}: narrow it down, or give --limit or -o jsonl"));
    }
    Ok(())
}

/// One page.
pub(super) async fn fetch<T: DeserializeOwned>(
    api: &mut Api,
    kind: &str,
    query: &InventoryQuery,
) -> Result<InventoryPage<T>, CliError> {
    let call = Call::get(&["inventory", kind])
        .query("host", query.host.as_ref())
        .query("host_label", query.host_label.as_ref())
        .query("image", query.image.as_ref())
        .query("owner", query.owner.as_ref())
        .query("mount", query.mount.as_ref())
        .query("network", query.network.as_ref())
        .query("label", query.label.as_ref())
        .query("port", query.port)
        .query("state", query.state.as_ref())
        .query("name", query.name.as_ref())
        .query("after", query.after.as_ref())
        .query("limit", query.limit);
    api.call(call).await
}

fn host_cell<T>(found: &InventoryItem<T>) -> Cell {
    Cell::toned(&found.host_name, if found.connected { Tone::Plain } else { Tone::Careful })
}

fn short(id: &str) -> String {
    id.strip_prefix("sha256:").unwrap_or(id).chars().take(12).collect()
}

fn joined(words: impl Iterator<Item = String>) -> Cell {
    Cell::or_dash(one_line(&words.collect::<Vec<_>>().join(" "), LIST_MAX))
}

fn port_text(port: &Port) -> String {
    let ip = if port.host_ip.is_empty() { String::new() } else { format!("{}:", port.host_ip) };
    format!("{ip}{}->{}/{}", port.host_port, port.container_port, port.protocol.as_str())
}

fn state_cell(container: &Container) -> Cell {
    let tone = match container.state {
        ContainerState::Running => Tone::Good,
        ContainerState::Dead => Tone::Bad,
        ContainerState::Restarting | ContainerState::Paused => Tone::Careful,
        _ => Tone::Dim,
    };
    Cell::toned(container.state.as_str(), tone)
}

fn container_rows(found: &[InventoryItem<Container>], look: &Look) -> String {
    let rows = found.iter().map(|found| {
        let container = &found.item;
        let (cpu, memory) = found.usage.map_or((String::new(), String::new()), |usage| {
            (format!("{} m", usage.cpu_millicores), bytes(usage.memory_bytes))
        });
        let sources = container.mounts.iter().filter(|mount| !mount.source.is_empty());
        vec![
            host_cell(found),
            Cell::new(&container.name),
            Cell::or_dash(&container.owner),
            Cell::new(one_line(&container.image, LIST_MAX)),
            state_cell(container),
            Cell::or_dash(cpu),
            Cell::or_dash(memory),
            joined(container.ports.iter().map(port_text)),
            joined(sources.map(|Mount { source, .. }| source.clone())),
        ]
    });
    let header = ["HOST", "NAME", "OWNER", "IMAGE", "STATE", "CPU", "MEMORY", "PORTS", "MOUNTS"];
    table(&header, rows.collect(), look)
}

fn image_rows(found: &[InventoryItem<Image>], look: &Look) -> String {
    let rows = found.iter().map(|found| {
        let image = &found.item;
        vec![
            host_cell(found),
            joined(image.tags.iter().cloned()),
            Cell::new(short(&image.id)),
            Cell::or_dash(&image.owner),
            Cell::new(bytes(image.size_bytes)),
            Cell::or_dash(&image.arch),
            Cell::new(ago(look.now, image.created_at)),
        ]
    });
    table(&["HOST", "TAGS", "ID", "OWNER", "SIZE", "ARCH", "CREATED"], rows.collect(), look)
}

fn volume_rows(found: &[InventoryItem<Volume>], look: &Look) -> String {
    let rows = found.iter().map(|found| {
        let volume = &found.item;
        let age = ago(look.now, volume.created_at);
        let cells = [Cell::new(&volume.name), Cell::or_dash(&volume.owner), Cell::new(&volume.driver), Cell::new(age)];
        [host_cell(found)].into_iter().chain(cells).collect()
    });
    table(&["HOST", "NAME", "OWNER", "DRIVER", "CREATED"], rows.collect(), look)
}

fn network_rows(found: &[InventoryItem<Network>], look: &Look) -> String {
    let rows = found.iter().map(|found| {
        let network = &found.item;
        vec![
            host_cell(found),
            Cell::new(&network.name),
            Cell::new(short(&network.id)),
            Cell::or_dash(&network.owner),
            Cell::new(&network.driver),
            joined(network.subnets.iter().cloned()),
        ]
    });
    table(&["HOST", "NAME", "ID", "OWNER", "DRIVER", "SUBNETS"], rows.collect(), look)
}

fn host_rows(found: &[InventoryHost], look: &Look) -> String {
    let rows = found.iter().map(|host| {
        let of = |used: u64, all: u64| format!("{used} of {all} m");
        let memory = format!("{} of {}", bytes(host.usage.memory_bytes), bytes(host.facts.memory_bytes));
        vec![
            Cell::toned(&host.host_name, if host.connected { Tone::Plain } else { Tone::Careful }),
            Cell::or_dash(&host.labels),
            Cell::new(of(host.usage.cpu_millicores, host.facts.cpu_millicores)),
            Cell::new(memory),
            Cell::new(format!("{} of {}", host.containers_running, host.containers)),
            Cell::new(host.images),
            Cell::new(&host.facts.os),
            Cell::or_dash(&host.facts.engine.version),
        ]
    });
    let header = ["HOST", "LABELS", "CPU", "MEMORY", "RUNNING", "IMAGES", "SYSTEM", "ENGINE"];
    table(&header, rows.collect(), look)
}
