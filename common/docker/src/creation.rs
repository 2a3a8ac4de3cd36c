//! What the guard changes in the body of a creation of a container before it is judged and sent on: names become ids,
//! links the places that they lead to, and what comes along gets its owner.

use crate::{
    canonical::Canonical,
    lookup::{self, SHARED, is_network_name, linked, shared_with},
    mounts::{IMAGE, split_volumes_from},
    names, owner,
    paths::clean,
    refusal::{Refusal, shorten},
    resolve::{self, Resolved},
    version::ApiVersion,
    view::{ContainerView, NetworkView, View},
    volumes,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use wharden_model::ResourceKind;

const NETWORK_ID: &str = "NetworkID";

/// Makes all changes. `mounts`: the engine knows mounts.
///
/// # Errors
/// 400 for a container, network or mounted image that does not exist.
pub fn fix(body: &mut Value, resolved: &Resolved<'_>, view: &View, mounts: bool) -> Result<(), Refusal> {
    if let Some(image) = resolved.image {
        owner::put_image(body, &image.id);
    }
    if mounts {
        volumes::own(body, resolved, view);
    }
    volumes::keep_as_they_are(body, view);
    pin_networks(body, view)?;
    let Some(host) = body.get_mut("HostConfig") else { return Ok(()) };
    follow_links(host, view);
    for mount in host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let of_image = mount.get("Type").and_then(Value::as_str) == Some(IMAGE);
        if let Some(Value::String(source)) = mount.get_mut("Source").filter(|_| of_image) {
            let found = view.images.get(source).ok_or_else(|| beside(resolve::missing(ResourceKind::Image, source)))?;
            source.clone_from(&found.id);
        }
    }
    for link in host.get_mut("Links").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::String(text) = link else { continue };
        *text = format!("{}:{}", named(view, linked(text))?.id, alias(text)?);
    }
    for (field, _) in SHARED {
        let Some(Value::String(mode)) = host.get_mut(field) else { continue };
        let Some(name) = shared_with(mode) else { continue };
        *mode = format!("container:{}", named(view, name)?.id);
    }
    for source in host.get_mut("VolumesFrom").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::String(text) = source else { continue };
        let (name, mode) = split_volumes_from(text);
        let id = &named(view, name)?.id;
        *text = if mode.is_empty() { id.clone() } else { format!("{id}:{mode}") };
    }
    Ok(())
}

/// The name that a link gives to a container beside the one that has it. The engine joins the two names as paths, so that with dots it
/// would be one of anybody's.
///
/// # Errors
/// 400 for one that is no name.
fn alias(link: &str) -> Result<&str, Refusal> {
    let after = link.split_once(':').map_or(link, |(_, alias)| alias);
    // As inspections tell it: /name:/parent/alias.
    let told = link.starts_with('/').then(|| after.rsplit_once('/')).flatten();
    let alias = told.map_or(after, |(_, alias)| alias);
    if names::is_plain(alias) {
        return Ok(alias);
    }
    let (link, alias) = (shorten(link), shorten(alias));
    Err(Refusal::bad(format!(
        "field HostConfig.Links: {link:?} gives the name {alias:?}: letters, digits, and after the first _ . -"
    )))
}

/// Names of networks may mean others by the time that the container starts, and whenever it starts again: each endpoint gets the id of
/// the network that is meant now, which the engine goes by before any name.
///
/// # Errors
/// 400 for a network that is not there, and for one that has two endpoints.
fn pin_networks(body: &mut Value, view: &View) -> Result<(), Refusal> {
    let (mut given, mut known) = (0, BTreeSet::new());
    if let Some(Value::Object(endpoints)) = body.pointer_mut("/NetworkingConfig/EndpointsConfig") {
        given = endpoints.len();
        for (asked, mut endpoint) in std::mem::take(endpoints) {
            let network = there(&asked, view)?;
            pin(&mut endpoint, network);
            let again = network.is_some_and(|network| !known.insert(&network.id));
            if endpoints.insert(called(&asked, network).to_owned(), endpoint).is_some() || again {
                let shown = shorten(&asked);
                return Err(Refusal::bad(format!(
                    "field NetworkingConfig.EndpointsConfig: network {shown} is there twice, by two names"
                )));
            }
        }
    }
    let Some(Value::String(mode)) = body.pointer_mut("/HostConfig/NetworkMode") else { return Ok(()) };
    let Some(network) = there(mode, view)? else { return Ok(()) };
    *mode = called(mode, Some(network)).to_owned();
    let key = mode.clone();
    // Where there is an endpoint, the engine joins nothing by the mode; bridge, host and none it finds by these names.
    if given > 0 || !is_network_name(&network.name) {
        return Ok(());
    }
    let Some(body) = body.as_object_mut() else { return Ok(()) };
    let networking = made(body.entry("NetworkingConfig").or_insert(Value::Null));
    pin(&mut made(&mut networking["EndpointsConfig"])[&key], Some(network));
    Ok(())
}

/// What a network is called in what is sent on: a whole id or a name as it is asked for, the beginning of an id by the name, which is what
/// the engine notes. Those that every engine has go by their names.
fn called<'n>(asked: &'n str, network: Option<&'n NetworkView>) -> &'n str {
    match network {
        Some(network) if asked != network.id || !is_network_name(&network.name) => &network.name,
        _ => asked,
    }
}

/// Gives an endpoint the id of its network. The engine's bridge has another one with each of its starts, whatever it is called in the
/// request; an id there is what an inspection says, and nothing to ask for.
fn pin(endpoint: &mut Value, network: Option<&NetworkView>) {
    match network.filter(|network| is_network_name(&network.name)) {
        Some(network) => made(endpoint)[NETWORK_ID] = Value::String(network.id.clone()),
        None => {
            if let Some(id) = endpoint.get_mut(NETWORK_ID).filter(|id| id.is_string()) {
                *id = Value::String(String::new());
            }
        }
    }
}

/// An object, where there was nothing.
fn made(value: &mut Value) -> &mut Value {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value
}

/// A network that is to be joined, as the request calls it. One that comes to be later may be anybody's.
///
/// # Errors
/// 400 when there is none.
pub fn there<'v>(network: &str, view: &'v View) -> Result<Option<&'v NetworkView>, Refusal> {
    if !is_network_name(network) {
        return Ok(None);
    }
    view.networks.get(network).map(Some).ok_or_else(|| beside(resolve::missing(ResourceKind::Network, network)))
}

/// A container that the request names.
///
/// # Errors
/// 400 when there is none.
fn named<'v>(view: &'v View, name: &str) -> Result<&'v ContainerView, Refusal> {
    resolve::container(view, name).map_err(beside)
}

/// What is missing beside the image. Clients take 404 to mean that the image is, and fetch it.
pub fn beside(missing: Refusal) -> Refusal {
    Refusal { status: 400, ..missing }
}

/// Engines before this version take no hardware address of who is connected, and clients send what an inspection said.
const CONNECTS_WITH_MAC: ApiVersion = ApiVersion { major: 1, minor: 53 };

/// Takes away of a connection what the engine would not look at.
pub fn connects(engine: ApiVersion, body: &mut Value) {
    if engine < CONNECTS_WITH_MAC
        && let Some(Value::String(address)) = body.pointer_mut("/EndpointConfig/MacAddress")
    {
        address.clear();
    }
}

/// Pins a container that is connected to a network.
pub fn join(body: &mut Value, network: Option<&NetworkView>) {
    if let Some(body) = body.as_object_mut() {
        pin(body.entry("EndpointConfig").or_insert(Value::Null), network);
    }
}

/// Refuses to connect a container whose own network is gone: the engine would take another one for it whose id begins so, and tell of it.
///
/// # Errors
/// 409.
pub fn keeps_mode(canonical: &Canonical, view: &View) -> Result<(), Refusal> {
    let is_there = |mode: &str| view.networks.get(mode).is_some_and(|found| found.name == mode || found.id == mode);
    match lookup::modes(canonical, view).find(|mode| !is_there(mode)) {
        None => Ok(()),
        Some(mode) => Err(Refusal::with(
            409,
            format!(
                "the network {:?}, for which the container was made, is gone: make the container anew",
                shorten(mode)
            ),
        )),
    }
}

/// Whether one of the endpoints of a request is in a network by id.
pub fn names_network(body: &Value) -> bool {
    let named = |endpoint: &Value| endpoint.get(NETWORK_ID).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    let endpoints = body.pointer("/NetworkingConfig/EndpointsConfig").and_then(Value::as_object);
    endpoints.into_iter().flat_map(|endpoints| endpoints.values()).chain(body.get("EndpointConfig")).any(named)
}

/// The same for the specification of a service: what it mounts, and the networks that it joins.
///
/// # Errors
/// 400 for a network that does not exist.
pub fn fix_service(body: &mut Value, view: &View) -> Result<(), Refusal> {
    if let Some(container) = body.pointer_mut("/TaskTemplate/ContainerSpec") {
        follow_links(container, view);
    }
    for list in ["/Networks", "/TaskTemplate/Networks"] {
        for network in body.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(Value::String(target)) = network.get_mut("Target")
                && let Some(found) = there(target, view)?
            {
                target.clone_from(&found.id);
            }
        }
    }
    Ok(())
}

/// Puts the place that a host path leads to in the place of the path.
fn follow_links(host: &mut Value, view: &View) {
    let real = |path: &str| view.host_paths.get(&clean(path)).map(|found| found.real.clone());
    for bind in host.get_mut("Binds").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(text) = bind
            && text.starts_with('/')
            && let Some((source, rest)) = text.split_once(':')
            // The Engine splits at colons, so that a place with one in its name cannot be said.
            && let Some(real) = real(source).filter(|real| !real.contains(':'))
        {
            *text = format!("{real}:{rest}");
        }
    }
    for mount in host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let binds = mount.get("Type").and_then(Value::as_str) == Some("bind");
        if let Some(Value::String(source)) = mount.get_mut("Source").filter(|_| binds)
            && let Some(real) = real(source)
        {
            *source = real;
        }
    }
}
