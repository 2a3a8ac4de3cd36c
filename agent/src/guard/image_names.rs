//! Images that the engine finds by their names: one must mean what it meant for the decision when the engine looks.

use super::{
    case::{Case, Refused},
    turns::Turn,
};
use crate::limits::NAME_WAIT;
use tokio::time::timeout;
use wharden_docker::{ImageNamed, Lookup, Refusal, missing};
use wharden_model::{Action, ResourceKind};

impl Case<'_> {
    /// Keeps these names from being given to other images until the turns are given back, if all still mean what they did.
    ///
    /// # Errors
    /// 409 for one that does not, or that others need for long; 404 for one that is gone; what is answered when the engine does not say.
    pub(super) async fn keep_images(
        &self,
        action: Action,
        names: Vec<ImageNamed>,
    ) -> Result<Vec<Turn<String>>, Refused> {
        let mut turns = Vec::with_capacity(names.len());
        // In the order of the references, each once, so that no two requests wait for each other.
        for name in names.chunk_by(|one, other| one.reference == other.reference).filter_map(<[_]>::first) {
            let ImageNamed { reference, moves, .. } = name.clone();
            let names = &self.guard.image_names;
            let turn = async { if moves { names.take_alone(reference).await } else { names.take(reference).await } };
            let Ok(turn) = timeout(NAME_WAIT, turn).await else {
                let waited = NAME_WAIT.as_secs();
                let message = format!(
                    "{} has been pushed, exported or changed by other requests for {waited} s: try again when that is over",
                    name.reference
                );
                return Err(self.invalid(action, Refusal::with(409, message)));
            };
            turns.push(turn);
        }
        let judged: Vec<_> = names.iter().filter(|name| name.id.is_some()).collect();
        if judged.is_empty() {
            return Ok(turns);
        }
        let now =
            self.look_again(action, judged.iter().map(|name| Lookup::Image(name.asked.clone())).collect()).await?;
        for name in judged {
            let refusal = match now.images.get(&name.asked) {
                Some(image) if name.id.as_ref() == Some(&image.id) => continue,
                Some(_) => {
                    let name = &name.reference;
                    let why = format!("{name} was given to another image while the request was decided on: try again");
                    Refusal::with(409, why)
                }
                None => missing(ResourceKind::Image, &name.asked),
            };
            return Err(self.invalid(action, refusal));
        }
        Ok(turns)
    }
}
