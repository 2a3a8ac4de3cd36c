//! What the guard changes in the body of a creation of a container before it is judged and sent on: names become ids,
//! links the places that they lead to, and what comes along gets its owner.

use crate::{
    lookup::{SHARED, shared_with},
    mounts::{Mount, split_volumes_from},
    owner,
    paths::clean,
    refusal::Refusal,
    resolve::{self, Resolved},
    view::View,
};
use serde_json::{Value, json};

/// Makes all changes. `mounts`: the API version knows mounts.
///
/// # Errors
/// 404 for a container that does not exist.
pub fn fix(body: &mut Value, resolved: &Resolved<'_>, view: &View, mounts: bool) -> Result<(), Refusal> {
    if let Some(image) = resolved.image {
        owner::put_image(body, &image.id);
    }
    let Some(host) = body.get_mut("HostConfig") else { return Ok(()) };
    follow_links(host, view);
    if mounts {
        own_new_volumes(host, view, resolved.maker());
    }
    for (field, _) in SHARED {
        let Some(Value::String(mode)) = host.get_mut(field) else { continue };
        let Some(name) = shared_with(mode) else { continue };
        *mode = format!("container:{}", resolve::container(view, name)?.id);
    }
    for source in host.get_mut("VolumesFrom").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::String(text) = source else { continue };
        let (name, mode) = split_volumes_from(text);
        let id = &resolve::container(view, name)?.id;
        *text = if mode.is_empty() { id.clone() } else { format!("{id}:{mode}") };
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

/// Turns binds of volumes that do not exist yet into mounts, which can say whose the volumes are. Binds with options that
/// mounts do not have stay as they are.
fn own_new_volumes(host: &mut Value, view: &View, maker: &str) {
    let driver = host.get("VolumeDriver").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(binds) = host.get_mut("Binds").and_then(Value::as_array_mut) else { return };
    let mut made = Vec::new();
    binds.retain(|bind| {
        let mount = Mount::of_bind(bind.as_str().unwrap_or_default(), &driver);
        let new = mount.volume().filter(|name| !view.volumes.contains_key(*name));
        let plain = mount.propagation.is_empty() && mount.options.iter().all(|option| option == "nocopy");
        let Some(name) = new.filter(|_| plain) else { return true };
        let mut options = json!({ "Labels": { owner::LABEL: maker } });
        if mount.options.contains("nocopy") {
            options["NoCopy"] = Value::Bool(true);
        }
        if !driver.is_empty() {
            options["DriverConfig"] = json!({ "Name": driver });
        }
        made.push(json!({
            "Type": "volume", "Source": name, "Target": mount.target, "ReadOnly": mount.read_only,
            "VolumeOptions": options
        }));
        false
    });
    if made.is_empty() {
        return;
    }
    if let Value::Object(fields) = host {
        let mounts = fields.entry("Mounts").or_insert(Value::Null);
        if mounts.is_null() {
            *mounts = Value::Array(Vec::new());
        }
        if let Value::Array(mounts) = mounts {
            mounts.extend(made);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::VolumeView;

    #[test]
    fn new_volumes_of_binds_get_an_owner_and_the_rest_stays() {
        let mut view = View::default();
        view.volumes.insert("old".to_owned(), VolumeView::default());
        let mut host = json!({"VolumeDriver": "local",
            "Binds": ["old:/a", "new:/b:ro,nocopy", "labelled:/c:Z", "/srv:/d", "new2:/e"]});
        own_new_volumes(&mut host, &view, "alice");
        assert_eq!(host["Binds"], json!(["old:/a", "labelled:/c:Z", "/srv:/d"]));
        let options = |extra: Value| {
            let mut options = json!({"Labels": {owner::LABEL: "alice"}, "DriverConfig": {"Name": "local"}});
            options.as_object_mut().expect("object").extend(extra.as_object().expect("object").clone());
            options
        };
        assert_eq!(
            host["Mounts"],
            json!([
                {"Type": "volume", "Source": "new", "Target": "/b", "ReadOnly": true,
                    "VolumeOptions": options(json!({"NoCopy": true}))},
                {"Type": "volume", "Source": "new2", "Target": "/e", "ReadOnly": false,
                    "VolumeOptions": options(json!({}))}
            ])
        );
        let mut none = json!({"Binds": ["/srv:/d"]});
        own_new_volumes(&mut none, &view, "alice");
        assert_eq!(none, json!({"Binds": ["/srv:/d"]}));
    }
}
