//! Texts in a body of which the Engine makes more than a policy could see: files, devices, mounts.

mod devices;
mod drivers;
mod endpoints;
mod folders;
mod health;
mod logging;
mod size;
mod templates;
mod tmpfs;

use crate::{
    doc::Doc,
    facts::{service_attachments, wanted_mounts},
    limits::{EXEC_MAX, MADE_MAX},
    mounts::Mount,
    names, owner,
    refusal::{Refusal, shorten},
    view::ImageView,
};
use drivers::check as driver;
use std::collections::BTreeMap;
use wharden_model::Action;

/// Checks them.
///
/// # Errors
/// 400 with the field's name.
pub fn check(action: Action, body: Doc<'_>) -> Result<(), Refusal> {
    let mounts = |at: Doc<'_>, prefix: &str| {
        at.items("Mounts").try_for_each(|mount| {
            let name = mount.at("VolumeOptions").at("DriverConfig").text("Name");
            driver(&format!("{prefix}.Mounts[].VolumeOptions.DriverConfig.Name"), name)
        })
    };
    if matches!(
        action,
        Action::ContainerCreate
            | Action::VolumeCreate
            | Action::NetworkCreate
            | Action::ServiceCreate
            | Action::ServiceUpdate
    ) {
        size::check(body.value(), MADE_MAX)?;
    }
    match action {
        Action::ContainerUpdate => devices::check(body),
        Action::ContainerCheckpointCreate => names::checkpoint("field CheckpointID", body.text("CheckpointID")),
        Action::ContainerExec => {
            size::check(body.value(), EXEC_MAX)?;
            folders::check("WorkingDir", body.at("WorkingDir"))
        }
        Action::ContainerCommit => health::check("", health_test(body)),
        Action::ContainerCreate => {
            folders::check("WorkingDir", body.at("WorkingDir"))?;
            let host = body.at("HostConfig");
            devices::check(host)?;
            tmpfs::check(host)?;
            driver("HostConfig.VolumeDriver", host.text("VolumeDriver"))?;
            driver("HostConfig.LogConfig.Type", host.at("LogConfig").text("Type"))?;
            logging::check("HostConfig.LogConfig.Config", &host.at("LogConfig").pairs("Config"))?;
            journal(body)?;
            health::check("", health_test(body))?;
            health::stop_timeout(body)?;
            driver("HostConfig.Runtime", host.text("Runtime"))?;
            mounts(host, "HostConfig")?;
            for (name, endpoint) in body.at("NetworkingConfig").members("EndpointsConfig") {
                endpoints::check(&format!("NetworkingConfig.EndpointsConfig.{}", shorten(name)), endpoint)?;
            }
            wanted_mounts(host).iter().filter_map(Mount::volume).try_for_each(volume)
        }
        Action::NetworkConnect => endpoints::check("EndpointConfig", body.at("EndpointConfig")),
        Action::VolumeCreate => driver("Driver", body.text("Driver")),
        Action::NetworkCreate => {
            names::network(body.text("Name"))?;
            driver("Driver", body.text("Driver"))?;
            driver("IPAM.Driver", body.at("IPAM").text("Driver"))
        }
        Action::ServiceCreate | Action::ServiceUpdate => {
            let task = body.at("TaskTemplate");
            image(task.at("ContainerSpec").text("Image"))?;
            folders::check("TaskTemplate.ContainerSpec.Dir", task.at("ContainerSpec").at("Dir"))?;
            log_driver("TaskTemplate.LogDriver", task.at("LogDriver"))?;
            let logs = task.at("LogDriver");
            journal_of(
                logs.text("Name"),
                "TaskTemplate.LogDriver.Options",
                &logs.pairs("Options"),
                task.at("ContainerSpec"),
            )?;
            health::check("TaskTemplate.ContainerSpec.", health_test(task.at("ContainerSpec")))?;
            templates::check(task.at("ContainerSpec"))?;
            tmpfs::check(task.at("ContainerSpec"))?;
            service_attachments(body).try_for_each(|network| endpoints::options("Networks[]", network))?;
            mounts(task.at("ContainerSpec"), "TaskTemplate.ContainerSpec")
        }
        Action::SecretCreate | Action::SecretUpdate | Action::ConfigCreate | Action::ConfigUpdate => {
            driver("Driver.Name", body.at("Driver").text("Name"))?;
            driver("Templating.Name", body.at("Templating").text("Name"))
        }
        Action::SwarmUpdate => log_driver("TaskDefaults.LogDriver", body.at("TaskDefaults").at("LogDriver")),
        Action::SwarmInit => {
            let defaults = body.at("Spec").at("TaskDefaults");
            log_driver("Spec.TaskDefaults.LogDriver", defaults.at("LogDriver"))
        }
        _ => Ok(()),
    }
}

/// Of a service's tasks. Options without a name are those of each engine's own driver, of which nobody here knows which that is. (A
/// container's are judged when it is started, once the engine has said.)
fn log_driver(field: &str, asked: Doc<'_>) -> Result<(), Refusal> {
    let name = asked.text("Name");
    if name.is_empty() && asked.members("Options").next().is_some() {
        return Err(Refusal::bad(format!(
            "field {field}.Options: they are of no driver: say which one in {field}.Name"
        )));
    }
    driver(&format!("{field}.Name"), name)?;
    logging::check(&format!("{field}.Options"), &asked.pairs("Options"))
}

/// What a container that is there was made of, which its image says too: what the engine cannot start, or would write about others.
///
/// # Errors
/// 400 with the field's name.
pub fn check_made(made: Doc<'_>) -> Result<(), Refusal> {
    let checked = health::check("", health_test(made)).and_then(|()| journal(made));
    checked.map_err(|refusal| said_by("the container was made with this", &refusal))
}

/// The health test of the image that a container or the tasks of a service get, where the request has none.
///
/// # Errors
/// 400 with the field's name.
pub fn check_image(body: Doc<'_>, image: &ImageView) -> Result<(), Refusal> {
    let container = body.at("TaskTemplate").at("ContainerSpec");
    if health_test(body).chain(health_test(container)).next().is_some() {
        return Ok(());
    }
    let checked = health::check("", image.health_test.iter().map(String::as_str));
    checked.map_err(|refusal| said_by("the image has this", &refusal))
}

fn said_by(what: &str, refusal: &Refusal) -> Refusal {
    Refusal::with(refusal.status, format!("{what}: {}", refusal.message))
}

fn health_test(container: Doc<'_>) -> impl Iterator<Item = &str> {
    container.at("Healthcheck").texts("Test")
}

fn journal(container: Doc<'_>) -> Result<(), Refusal> {
    let logs = container.at("HostConfig").at("LogConfig");
    journal_of(logs.text("Type"), "HostConfig.LogConfig.Config", &logs.pairs("Config"), container)
}

/// What journald is to note of a container, where the logs go there.
fn journal_of(
    driver: &str,
    field: &str,
    options: &BTreeMap<String, String>,
    container: Doc<'_>,
) -> Result<(), Refusal> {
    if driver == "journald" { logging::names(field, options, container) } else { Ok(()) }
}

/// Of a service's tasks. By a whole id, as the engine calls images of a build's steps, nothing would tell theirs from those.
fn image(called: &str) -> Result<(), Refusal> {
    if !owner::is_whole_id(called) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "field TaskTemplate.ContainerSpec.Image: {:?} is the id of an image, which is another one on each node: name the image, by \
         its digest perhaps (--image registry.example/team/app@sha256:…)",
        shorten(called)
    )))
}

/// The name of a volume, and not a path: below the place where the Engine was started, perhaps.
fn volume(name: &str) -> Result<(), Refusal> {
    if !name.contains('/') {
        return Ok(());
    }
    let shown = shorten(name);
    Err(Refusal::bad(format!(
        "field HostConfig.Binds or Mounts: {shown:?} is not the name of a volume; for a folder of the host write its \
         absolute path"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn services_name_their_images() {
        let check = |image: &str| {
            let body = json!({"TaskTemplate": {"ContainerSpec": {"Image": image}}});
            [Action::ServiceCreate, Action::ServiceUpdate].map(|action| check(action, Doc::new(Some(&body))))
        };
        let id = format!("sha256:{}", "a1".repeat(32));
        for refusal in check(&id).map(|checked| checked.expect_err("an id")) {
            assert!(refusal.status == 400 && refusal.message.contains("ContainerSpec.Image"), "{}", refusal.message);
        }
        for name in [format!("app@{id}"), "app:1".to_owned(), "sha256:abc".to_owned(), String::new()] {
            assert!(check(&name).iter().all(Result::is_ok), "{name}");
        }
    }

    #[test]
    fn what_is_mounted_is_a_name_or_an_absolute_path_and_a_checkpoint_has_a_name() {
        let relative = json!({"HostConfig": {"Binds": ["./etc:/m"]}});
        let refusal = check(Action::ContainerCreate, Doc::new(Some(&relative))).expect_err("a path");
        assert!(refusal.message.contains("./etc") && refusal.message.contains("absolute path"), "{refusal}");
        let outside = json!({"CheckpointID": "../../srv/x"});
        let refusal = check(Action::ContainerCheckpointCreate, Doc::new(Some(&outside))).expect_err("a path");
        assert!(refusal.message.contains("CheckpointID"), "{refusal}");
    }
}
