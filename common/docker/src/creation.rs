//! What the guard changes in the body of a creation of a container before it is judged and sent on: names become ids,
//! links the places that they lead to, and what comes along gets its owner.

use crate::{
    doc::Doc,
    lookup::{SHARED, is_network_name, linked, networks, shared_with},
    mounts::{IMAGE, split_volumes_from},
    owner,
    paths::clean,
    refusal::Refusal,
    resolve::{self, Resolved},
    view::{ContainerView, NetworkView, View},
    volumes,
};
use serde_json::Value;
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
    let endpoints = body.pointer_mut("/NetworkingConfig/EndpointsConfig").and_then(Value::as_object_mut);
    endpoints.into_iter().flat_map(|endpoints| endpoints.values_mut()).for_each(forget_network);
    for network in networks(Doc::new(Some(body))) {
        there(network, view)?;
    }
    let Some(host) = body.get_mut("HostConfig") else { return Ok(()) };
    follow_links(host, view);
    for mount in host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let of_image = mount.get("Type").and_then(Value::as_str) == Some(IMAGE);
        if let Some(Value::String(source)) = mount.get_mut("Source").filter(|_| of_image) {
            let found = view.images.get(source).ok_or_else(|| beside(resolve::missing(ResourceKind::Image, source)))?;
            source.clone_from(&found.id);
        }
    }
    for link in Doc::new(Some(host)).texts("Links") {
        named(view, linked(link))?;
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

/// The engine takes an endpoint's network id for the network that is meant, whatever name it stands under. It is what an inspection
/// says, and nothing to ask for.
pub fn forget_network(endpoint: &mut Value) {
    if let Some(id) = endpoint.get_mut(NETWORK_ID).filter(|id| id.is_string()) {
        *id = Value::String(String::new());
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
