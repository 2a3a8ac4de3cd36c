//! The layers of `ARCHITECTURE.md`: arrows only point down, and no crate knows what it must not know.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every crate of the workspace and its line, counted from below.
const LAYERS: &[(&str, u8)] = &[
    ("wharden-model", 0),
    ("wharden-state", 1),
    ("wharden-policy", 1),
    ("wharden-docker", 1),
    ("wharden-pki", 1),
    ("wharden-runtime", 1),
    ("wharden-capacity", 1),
    ("wharden-proto", 1),
    ("wharden-store", 2),
    ("wharden-controller", 3),
    ("wharden", 3),
    ("wharden-agent", 3),
    ("wharden-harness", 4),
    ("wharden-e2e", 4),
    ("wharden-powercut", 4),
    ("wharden-chaos", 4),
    ("wharden-sim", 4),
];

/// What a crate must not reach, itself or through what it uses.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    ("wharden-model", &["tokio", "tonic", "sled", "cedar-policy", "hyper", "axum", "rand"]),
    ("wharden-policy", &["tokio", "http", "hyper", "axum", "tonic", "reqwest", "sled", "openraft"]),
    ("wharden-docker", &["tokio", "mio", "socket2", "hyper", "axum", "tonic", "cedar-policy", "rand"]),
    ("wharden-pki", &["tokio", "http", "hyper", "axum", "tonic", "reqwest"]),
    ("wharden-runtime", &["wharden-model", "cedar-policy", "sled", "openraft"]),
    ("wharden-capacity", &["tokio", "hyper", "axum", "tonic", "reqwest", "cedar-policy", "rand"]),
    ("wharden-proto", &["wharden-policy", "cedar-policy"]),
    ("wharden-state", &["cedar-policy", "wharden-policy", "openraft", "tokio", "sled", "tonic", "axum"]),
    ("wharden-store", &["tonic", "axum", "cedar-policy"]),
    ("wharden", &["wharden-proto", "wharden-store", "wharden-state", "tonic", "openraft", "sled", "cedar-policy"]),
    ("wharden-agent", &["openraft", "sled", "wharden-state", "wharden-store", "axum"]),
];

/// Crates without clocks, randomness and hash order; their `clippy.toml` says so to the compiler.
const PURE: &[&str] = &["common/model", "common/policy", "common/docker", "common/capacity", "controller/state"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is two folders up").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(n, _)| *n == name).map(|(_, layer)| *layer)
}

#[test]
fn every_crate_has_its_layer() {
    let metadata = metadata();
    let members: BTreeSet<_> = metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let listed: BTreeSet<_> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, listed, "a new crate gets a line in LAYERS and in ARCHITECTURE.md");
}

#[test]
fn arrows_only_point_down() {
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        let from = layer(&package.name).expect("listed");
        for dependency in &package.dependencies {
            if let Some(to) = layer(&dependency.name)
                && (to > from || (to == from && from != 4))
            {
                wrong.push(format!("{} (L{from}) uses {} (L{to})", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_crate_knows_what_it_must_not() {
    let metadata = metadata();
    let names: BTreeMap<&PackageId, &str> = metadata.packages.iter().map(|p| (&p.id, p.name.as_str())).collect();
    let nodes = &metadata.resolve.as_ref().expect("resolved").nodes;
    let edges: BTreeMap<&PackageId, Vec<&PackageId>> = nodes
        .iter()
        .map(|node| {
            let normal = node.deps.iter().filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
            (&node.id, normal.map(|d| &d.pkg).collect())
        })
        .collect();
    let mut wrong = Vec::new();
    for (name, banned) in MUST_NOT_KNOW {
        let start = names.iter().find(|(_, n)| n == &name).map(|(id, _)| *id).expect("a crate of the workspace");
        // Breadth first, so that the path that is shown is a shortest one.
        let mut came_from: BTreeMap<&PackageId, &PackageId> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in edges.get(at).into_iter().flatten() {
                if *next != start && !came_from.contains_key(next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        for reached in came_from.keys().filter(|id| banned.contains(&names[**id])) {
            let mut path = vec![names[*reached]];
            let mut at = *reached;
            while let Some(from) = came_from.get(at) {
                path.push(names[*from]);
                at = from;
            }
            path.reverse();
            wrong.push(path.join(" -> "));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest: toml::Table =
            fs::read_to_string(&package.manifest_path).expect("manifest").parse().expect("a manifest is TOML");
        assert_eq!(manifest["lints"]["workspace"], toml::Value::Boolean(true), "{}", package.manifest_path);
    }
}

#[test]
fn pure_crates_forbid_clocks_randomness_and_hash_order() {
    let paths = |file: &Path, key: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let table: toml::Table = text.parse().expect("clippy.toml is TOML");
        let entries = table.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
        entries.iter().filter_map(|e| e.as_str().or_else(|| e.get("path")?.as_str()).map(str::to_owned)).collect()
    };
    let everywhere = paths(&root().join("clippy.toml"), "disallowed-methods");
    for folder in PURE {
        let file = root().join(folder).join("clippy.toml");
        let methods = paths(&file, "disallowed-methods");
        for method in ["std::time::SystemTime::now", "std::time::Instant::now", "rand::random", "rand::rng"] {
            assert!(methods.contains(method), "{} does not forbid {method}", file.display());
        }
        assert!(everywhere.is_subset(&methods), "{} does not repeat the bans of the root", file.display());
        let types = paths(&file, "disallowed-types");
        for ty in ["std::collections::HashMap", "std::collections::HashSet"] {
            assert!(types.contains(ty), "{} does not forbid {ty}", file.display());
        }
    }
}

#[test]
fn common_is_a_folder_and_never_a_crate() {
    assert!(!root().join("common/Cargo.toml").exists());
    for package in metadata().workspace_packages() {
        assert!(!package.name.ends_with("common"), "{}", package.name);
    }
}
