//! Facts of `container.create`, and of a container that is started: the image and what runs; the host's side is in the files beside this one.

use super::{Sheet, Source, create_limits, create_mounts, create_network, create_security, env_names, image};
use crate::account::account;
use std::collections::BTreeSet;
use wharden_model::Action;

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    create_mounts::fill(source, out);
    create_network::fill(source, out);
    create_security::fill(source, out);
    create_limits::fill(source, out);
    let body = source.body();
    image::put_image(out, body.text("Image"), source.resolved.image);
    let owner = source.resolved.image.map(|image| image.owner.as_str()).unwrap_or_default();
    out.put("image_owner", owner);
    let mounted = create_mounts::images(source).all(|image| image.is_some_and(|image| image.owner == owner));
    out.put("own_image", !owner.is_empty() && owner == source.maker() && mounted);
    out.put("platform", source.query().get("platform"));
    let asked = source.query().get("name").trim_start_matches('/');
    out.put("name", source.resolved.container.map_or(asked, |existing| existing.name.as_str()));
    let asked = body.text("User");
    let creates = source.canonical.action() == Action::ContainerCreate;
    let user = match source.resolved.image {
        // At its creation the engine gives it the image's, and from then on one without any is root.
        Some(image) if asked.is_empty() && creates => image.user.as_str(),
        _ => asked,
    };
    let who = account(user).with_groups(body.at("HostConfig").texts("GroupAdd"));
    out.put("user", user);
    out.put("root_user", who.may_be_root);
    out.put("user_by_name", who.by_name);
    out.put("runs_as_owner", source.runs_as_owner(user, body.at("HostConfig").texts("GroupAdd")));
    out.put("entrypoint", body.words("Entrypoint"));
    out.put("command", body.words("Cmd"));
    out.put("env_names", env_names(body.texts("Env")));
    // As the container will have them: the image's, and over them the request's.
    let labels = source.resolved.resources.iter().flat_map(|r| &r.labels);
    out.put("labels", labels.map(|(k, v)| format!("{k}={v}")).collect::<BTreeSet<_>>());
    out.put("healthcheck", body.at("Healthcheck").words("Test"));
    out.put("stop_signal", body.text("StopSignal"));
    out.put("hostname", body.text("Hostname"));
    out.put("on_build", body.text_set("OnBuild"));
}
