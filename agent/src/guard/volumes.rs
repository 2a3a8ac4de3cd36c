//! Volumes go by their names: what was decided to be mounted or made must be the same when the engine does it.

use super::{
    case::{Case, Refused},
    turns::Turn,
};
use std::collections::BTreeMap;
use wharden_docker::{Lookup, Refusal, VolumeNamed, missing};
use wharden_model::{Action, ResourceKind};

impl Case<'_> {
    /// Keeps others from making these volumes until the turns are given back, if all of them are still as they were.
    ///
    /// # Errors
    /// 409 for one that is another one by now; what is answered when the engine does not say.
    pub(super) async fn keep_volumes(
        &self,
        action: Action,
        judged: BTreeMap<String, VolumeNamed>,
    ) -> Result<Vec<Turn<String>>, Refused> {
        let mut turns = Vec::with_capacity(judged.len());
        if judged.is_empty() {
            return Ok(turns);
        }
        // Everybody in the order of the names, so that no two wait for each other.
        for name in judged.keys() {
            turns.push(self.guard.naming.take(name.clone()).await);
        }
        let mut wanted: Vec<_> = judged.keys().cloned().map(Lookup::Volume).collect();
        wanted.extend(judged.values().any(|named| named.volume.is_none()).then_some(Lookup::ServiceVolumes));
        let now = self.look_again(action, wanted).await?;
        match judged.iter().find(|(name, judged)| now.volume_named(name) != **judged) {
            None => Ok(turns),
            Some((name, _)) if action == Action::VolumeDelete && now.volume_named(name).volume.is_none() => {
                Err(self.invalid(action, missing(ResourceKind::Volume, name)))
            }
            Some((name, _)) => {
                let message = format!(
                    "volume {name} was made, removed or named by a service while the request was decided on: try again"
                );
                Err(self.invalid(action, Refusal::with(409, message)))
            }
        }
    }
}
