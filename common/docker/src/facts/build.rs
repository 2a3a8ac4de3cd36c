//! Facts of `image.build`. Some of its parameters are JSON, which is checked as strictly as a body.

use super::{Sheet, Source, create_network::owner_of, ulimits, without_credentials};
use crate::{
    doc::Doc,
    image_ref::ImageRef,
    json::{self, Shape, TEXT_MAP, TEXTS},
    lookup::shared_with,
    query::Query,
    refusal::{Refusal, shorten},
    schema,
};
use serde_json::Value;
use std::collections::BTreeSet;

const OUTPUTS: Shape = Shape::List(&Shape::Object(&[("Type", Shape::Text), ("Attrs", TEXT_MAP)]));
/// What a client may say of an output: where it puts the files itself. The others name images, push them, or say what is in them.
const OUTPUT_ATTRIBUTES: [&str; 2] = ["dest", "platform-split"];

pub fn fill(source: &Source<'_>, out: &mut Sheet) -> Result<(), Refusal> {
    let query = source.query();
    out.put("tags", references(query.all("t")));
    let mode = query.get("networkmode");
    out.put("network_mode", if mode.is_empty() { "default" } else { mode });
    out.put("host_network", source.network(mode) == "host");
    out.put("foreign_networks", source.foreign_networks());
    out.put("shared_network", shared_with(mode).unwrap_or_default());
    let foreign = shared_with(mode).filter(|with| owner_of(source, with).as_deref() != Some(source.maker()));
    out.put("foreign_namespaces", foreign.map(|with| format!("network:{with}")).into_iter().collect::<BTreeSet<_>>());
    for (fact, name) in [
        ("dockerfile", "dockerfile"),
        ("cgroup_parent", "cgroupparent"),
        ("cpuset_cpus", "cpusetcpus"),
        ("platform", "platform"),
        ("isolation", "isolation"),
        ("target", "target"),
        ("builder_version", "version"),
    ] {
        out.put(fact, query.get(name));
    }
    for (fact, name) in [
        ("memory", "memory"),
        ("memory_swap", "memswap"),
        ("cpu_shares", "cpushares"),
        ("cpu_quota", "cpuquota"),
        ("shm_size", "shmsize"),
    ] {
        out.put(fact, number(query, name)?);
    }
    out.put("remote", without_credentials(query.get("remote")));
    out.put("content_unread", true);
    out.put("extra_hosts", query.all("extrahosts").map(str::to_owned).collect::<BTreeSet<_>>());
    out.put("security_opt", query.all("securityopt").map(str::to_owned).collect::<BTreeSet<_>>());
    out.put("session", !query.get("session").is_empty());
    out.put("pull", query.truth("pull"));
    out.put("squash", query.truth("squash"));
    let args = document(query, "buildargs", &TEXT_MAP)?;
    out.put("build_arg_names", Doc::new(args.as_ref()).own_keys());
    let labels = document(query, "labels", &TEXT_MAP)?;
    let labels = Doc::new(labels.as_ref());
    out.put("labels", labels.own_members().map(|(k, v)| format!("{k}={}", v.own_text())).collect::<BTreeSet<_>>());
    let from = document(query, "cachefrom", &TEXTS)?;
    out.put("cache_from", references(Doc::new(from.as_ref()).own_texts().into_iter()));
    let limits = document(query, "ulimits", &schema::ULIMITS)?;
    out.put("ulimits", ulimits(Doc::new(limits.as_ref()).own_items()));
    let outputs = document(query, "outputs", &OUTPUTS)?;
    let outputs = Doc::new(outputs.as_ref());
    for attribute in outputs.own_items().flat_map(|output| output.at("Attrs").own_keys()) {
        if !OUTPUT_ATTRIBUTES.contains(&attribute.as_str()) {
            return Err(Refusal::bad(format!(
                "query parameter outputs: the attribute {:?} cannot be judged: name images with t, push them with docker push",
                shorten(&attribute)
            )));
        }
    }
    out.put("outputs", outputs.own_items().map(|output| output.text("Type").to_owned()).collect::<BTreeSet<_>>());
    out.put("registry_credentials", source.canonical.headers.iter().any(|(n, _)| n.starts_with("X-Registry")));
    Ok(())
}

fn references<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(|n| ImageRef::parse(n).map_or_else(|| n.to_owned(), |r| r.to_string())).collect()
}

/// A number as the engine's `Int64ValueOrZero` reads it.
pub fn number(query: &Query, name: &str) -> Result<i64, Refusal> {
    let text = query.get(name);
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| Refusal::bad(format!("query parameter {name}: not a whole number")))
}

/// A parameter that is a JSON document; `null` is none.
pub fn document(query: &Query, name: &str, shape: &Shape) -> Result<Option<Value>, Refusal> {
    let text = query.get(name);
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |e: Refusal| Refusal::bad(format!("query parameter {name}: {}", e.message));
    match json::parse(text.as_bytes()).map_err(wrong)? {
        json::Node::Null => Ok(None),
        node => json::canonical(node, shape).map(Some).map_err(wrong),
    }
}
