//! Templates in the mounts of services. What one comes to is known to the node alone, when a container is made.

use crate::{
    doc::Doc,
    refusal::{Refusal, shorten},
};

/// Checks that there are none.
///
/// # Errors
/// 400 with the template.
pub fn check(container: Doc<'_>) -> Result<(), Refusal> {
    let options = |mount: Doc<'_>| {
        let volume = mount.at("VolumeOptions");
        volume.pairs("Labels").into_iter().chain(volume.at("DriverConfig").pairs("Options")).collect::<Vec<_>>()
    };
    for mount in container.items("Mounts") {
        let own = ["Source", "Target"].map(|field| mount.text(field).to_owned());
        let more = options(mount).into_iter().flat_map(|(name, value)| [name, value]);
        if let Some(text) = own.into_iter().chain(more).find(|text| text.contains("{{")) {
            let shown = shorten(&text);
            return Err(Refusal::bad(format!(
                "field TaskTemplate.ContainerSpec.Mounts: {shown:?} is a template, so that nobody can tell what will be \
                 mounted: write out what it stands for"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{doc::Doc, texts};
    use serde_json::json;
    use wharden_model::Action;

    #[test]
    fn mounts_are_written_out() {
        let template = "/srv/{{index .Service.Labels \"p\"}}";
        let volume = |options: serde_json::Value| json!({"Type": "volume", "Target": "/x", "VolumeOptions": options});
        for mount in [
            json!({"Type": "bind", "Source": template, "Target": "/x"}),
            json!({"Type": "volume", "Source": "v", "Target": "/{{.Task.Name}}"}),
            volume(json!({"Labels": {"a": "{{.Node.ID}}"}})),
            volume(json!({"DriverConfig": {"Options": {"type": "none", "o": "bind", "device": template}}})),
        ] {
            let body = json!({"TaskTemplate": {"ContainerSpec": {"Mounts": [mount]}}});
            let refusal = texts::check(Action::ServiceCreate, Doc::new(Some(&body))).expect_err("a template");
            assert!(refusal.message.contains("is a template"), "{refusal}");
        }
        let hostname =
            json!({"TaskTemplate": {"ContainerSpec": {"Hostname": "{{.Node.Hostname}}", "Env": ["A={{.Task.Slot}}"]}}});
        texts::check(Action::ServiceCreate, Doc::new(Some(&hostname))).expect("no mount");
    }
}
