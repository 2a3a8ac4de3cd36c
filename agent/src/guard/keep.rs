//! Between the decision and the engine: what was decided on stays as it was.

use super::{
    case::{Case, Refused},
    claims::Claim,
    turns::Turn,
};
use crate::limits::EXECS_UNBEGUN;
use std::mem::take;
use wharden_docker::{ApiVersion, Judged, Refusal};
use wharden_model::Action;

/// See the fields of the same names of a request that may go to the engine.
pub struct Kept {
    pub creation: Vec<Turn<String>>,
    pub still: Option<Turn<String>>,
    pub claims: Vec<Claim>,
}

impl Case<'_> {
    /// Keeps all that a request was decided on, in this order, which is the same for all.
    ///
    /// # Errors
    /// What is answered when something is another thing by now, or somebody else's.
    pub(super) async fn keep(&self, judged: &mut Judged, api: ApiVersion) -> Result<Kept, Refused> {
        let action = judged.action;
        let mut creation = self.keep_volumes(action, take(&mut judged.volumes)).await?;
        creation.extend(self.keep_images(action, take(&mut judged.image_names)).await?);
        if let (Action::NetworkCreate, Some(network)) = (action, judged.resources.first()) {
            // The engine looks whether there is one of the name, and makes it, and others look meanwhile.
            creation.push(self.guard.naming.take(format!("network/{}", network.name)).await);
        }
        if action == Action::ContainerExec && self.guard.execs.are_many(&self.principal().as_owner()) {
            let message =
                format!("{EXECS_UNBEGUN} commands that you made within an hour were never begun: begin them, or wait");
            return Err(self.invalid(action, Refusal::with(429, message)));
        }
        let still = self.keep_still(judged, api).await?;
        let claims = self.claim(action, take(&mut judged.handles))?;
        Ok(Kept { creation, still, claims })
    }
}
