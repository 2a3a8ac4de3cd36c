//! Copies from and into containers that do not run: nothing starts one while the engine, before version 24, goes through it by paths.

use super::{
    case::{Case, Refused},
    turns::Turn,
};
use wharden_docker::{ApiVersion, Judged, Lookup, Refusal};
use wharden_model::{Action, FactValue};

impl Case<'_> {
    /// Keeps a container that does not run from being started until the turn is given back, for a copy; and a start waiting for copies.
    ///
    /// # Errors
    /// 409 for one that runs by now; what is answered when the engine does not say.
    pub(super) async fn keep_still(&self, judged: &Judged, api: ApiVersion) -> Result<Option<Turn<String>>, Refused> {
        let copies = matches!(
            judged.action,
            Action::ContainerArchiveRead | Action::ContainerArchiveWrite | Action::ContainerArchiveStat
        ) && judged.facts.get("races") == Some(&FactValue::Bool(false));
        let starts = matches!(judged.action, Action::ContainerStart | Action::ContainerRestart);
        let container = judged.resources.first().filter(|_| api < ApiVersion::OWN_NAMESPACE && (copies || starts));
        let Some(id) = container.map(|container| container.id.clone()) else { return Ok(None) };
        let turn = self.guard.still.take(id.clone()).await;
        if copies {
            let now = self.look_again(judged.action, vec![Lookup::Container(id.clone())]).await?;
            if now.containers.get(&id).is_some_and(|container| container.running) {
                let message = "the container was started while the request was decided on: try again".to_owned();
                return Err(self.invalid(judged.action, Refusal::with(409, message)));
            }
        }
        Ok(Some(turn))
    }
}
