//! Facts of the swarm, its nodes, secrets and configs.

use super::{Sheet, Source};
use crate::doc::Doc;
use std::collections::BTreeSet;
use wharden_model::Action;

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let (body, query) = (source.body(), source.query());
    match source.canonical.action() {
        Action::SwarmInit => {
            let spec = body.at("Spec");
            out.put("listen_addr", body.text("ListenAddr"));
            out.put("advertise_addr", body.text("AdvertiseAddr"));
            out.put("force_new_cluster", body.truth("ForceNewCluster"));
            out.put(
                "auto_lock",
                body.truth("AutoLockManagers") || spec.at("EncryptionConfig").truth("AutoLockManagers"),
            );
            out.put("external_ca", external_ca(spec));
            out.put("fields", spec.own_keys());
        }
        Action::SwarmJoin => {
            out.put("remote_addrs", body.text_set("RemoteAddrs"));
            out.put("listen_addr", body.text("ListenAddr"));
            out.put("advertise_addr", body.text("AdvertiseAddr"));
            out.put("has_token", !body.text("JoinToken").is_empty());
        }
        Action::SwarmUpdate => {
            out.put("auto_lock", body.at("EncryptionConfig").truth("AutoLockManagers"));
            out.put("external_ca", external_ca(body));
            out.put("fields", body.own_keys());
            let rotated = [
                ("rotateWorkerToken", "worker"),
                ("rotateManagerToken", "manager"),
                ("rotateManagerUnlockKey", "unlock_key"),
            ];
            let rotated = rotated.into_iter().filter(|(name, _)| query.truth(name)).map(|(_, what)| what.to_owned());
            out.put("rotate", rotated.collect::<BTreeSet<_>>());
        }
        Action::NodeUpdate => {
            out.put("role", body.text("Role"));
            out.put("availability", body.text("Availability"));
            out.put("labels", body.pair_set("Labels"));
        }
        action => {
            out.put("name", body.text("Name"));
            out.put("labels", body.pair_set("Labels"));
            out.put("templating", body.at("Templating").text("Name"));
            if matches!(action, Action::SecretCreate | Action::SecretUpdate) {
                out.put("driver", body.at("Driver").text("Name"));
                out.put("has_data", !body.text("Data").is_empty());
            }
        }
    }
}

fn external_ca(spec: Doc<'_>) -> bool {
    let ca = spec.at("CAConfig");
    ca.items("ExternalCAs").next().is_some() || !ca.text("SigningCAKey").is_empty()
}
