//! Volumes go by their names: what was decided to be mounted or made must be the same when the engine does it.

use super::{Guard, turns::Turn};
use crate::inventory::{Lookups, look_up_all};
use std::collections::BTreeMap;
use wharden_docker::{Lookup, Refusal, VolumeView};

impl Guard {
    /// Keeps others from making these volumes until the turns are given back, if all of them are still as they were.
    ///
    /// # Errors
    /// 409 for one that is another one by now, 502 when the engine does not say.
    pub(super) async fn keep_volumes(
        &self,
        judged: BTreeMap<String, Option<VolumeView>>,
    ) -> Result<Vec<Turn<String>>, Refusal> {
        let mut turns = Vec::with_capacity(judged.len());
        if judged.is_empty() {
            return Ok(turns);
        }
        // Everybody in the order of the names, so that no two wait for each other.
        for name in judged.keys() {
            turns.push(self.naming.take(name.clone()).await);
        }
        let Self { engine, owners, .. } = self;
        let allowance = engine.allowance();
        let at = Lookups { engine, owners, allowance: &allowance, owner: "" };
        let now = look_up_all(at, judged.keys().cloned().map(Lookup::Volume).collect()).await;
        let now = now.map_err(|error| Refusal::with(502, format!("Wharden: {error}")))?;
        match judged.iter().find(|(name, judged)| now.volumes.get(*name) != judged.as_ref()) {
            None => Ok(turns),
            Some((name, _)) => {
                let message = format!("volume {name} was made or removed while the request was decided on: try again");
                Err(Refusal::with(409, message))
            }
        }
    }
}
