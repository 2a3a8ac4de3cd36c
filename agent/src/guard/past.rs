//! Requests that go past the guard: the engine executes them by itself, as they are, and gives its answer to the caller, as it is.
//! What the guard would have to change in either, for the policies to hold, is refused there. Names are not: the engine finds what they
//! mean by itself. What is left is told in `docs/authz-plugin.md`.

use super::case::{Beside, Case, Refused};
use wharden_docker::{Asker, Canonical, View};

/// What only the guard may say.
const OWNER_LABEL: Beside = (
    "builtin/owner-label",
    "the labels io.wharden.owner and io.wharden.image say whose a thing is, and only the guard writes them: leave them as they \
     are, or use the guard's socket",
);
/// What the guard would take away.
const NETWORK_ID: Beside = (
    "builtin/network-id",
    "the engine would take an endpoint's NetworkID for the network that is meant, whatever name it stands under: leave it out, \
     or use the guard's socket",
);
/// What the guard would add to mounts.
const COPIES_INTO_VOLUME: Beside = (
    "builtin/copies-into-volume",
    "the engine would copy what the image has there, as root, into a volume that another container has: add nocopy to the bind \
     (VolumeOptions.NoCopy to the mount), or use the guard's socket",
);
/// What the guard would add to the removal of an image.
const PARENTS_OF_OTHERS: Beside = (
    "builtin/parents-of-others",
    "with this image the engine would remove untagged ones of others that it was made from: add noprune (docker image rm \
     --no-prune), or use the guard's socket",
);
/// What the guard would leave out of the answer.
const UNSIFTED_LIST: Beside = (
    "builtin/unsifted-list",
    "the engine's answer tells of everything that it has, and the policies may hide some of that from you: use the guard's \
     socket, which leaves it out",
);

impl Case<'_> {
    /// What the guard would put right on the way to the engine or back, and nobody can past it.
    pub(super) fn only_the_guard(&self, canonical: &Canonical, view: &View) -> Result<Option<Beside>, Refused> {
        let nobody = Asker { owner: "", host_id: &self.guard.host_id, private: &[] };
        let claims =
            canonical.claims_owner(view, &nobody).map_err(|refusal| self.invalid(canonical.action(), refusal))?;
        Ok(if claims {
            Some(OWNER_LABEL)
        } else if canonical.names_network_id() {
            Some(NETWORK_ID)
        } else if canonical.copies_into_used_volumes(view) {
            Some(COPIES_INTO_VOLUME)
        } else if canonical.takes_parents_of_others(view, &self.principal().as_owner()) {
            Some(PARENTS_OF_OTHERS)
        } else if !self.sees_all(canonical) {
            Some(UNSIFTED_LIST)
        } else {
            None
        })
    }

    /// Whether the caller may see all that the answer tells of, whatever things there are.
    fn sees_all(&self, canonical: &Canonical) -> bool {
        let (held, host) = (self.guard.bundles.current(), &self.guard.host_id);
        let sees = |action| held.allows_everything(self.principal(), action, host);
        canonical.takes_to_see_all().into_iter().all(sees)
    }
}
