//! Whose the ids are that clients choose themselves, while what they name goes on: whoever names one first has it. A build that names
//! the session of somebody else would be given that client's files and secrets; one by whose id is called what another builds would
//! end it, or give it its context.

use super::case::{Case, Refused};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use wharden_docker::Refusal;
use wharden_model::{Action, Posture};

/// The ids that are in use.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<HashMap<String, Claimed>>>);

#[derive(Debug)]
struct Claimed {
    owner: Box<str>,
    /// Requests of the owner's that name it.
    requests: usize,
}

/// An id, for as long as a request of its owner's goes on.
#[derive(Debug)]
pub struct Claim {
    id: String,
    claims: Claims,
}

impl Claims {
    /// Takes them all.
    ///
    /// # Errors
    /// The one that is somebody else's.
    pub fn take(&self, ids: Vec<String>, owner: &str) -> Result<Vec<Claim>, String> {
        let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_another) = ids.iter().find(|id| claimed.get(*id).is_some_and(|it| *it.owner != *owner)) {
            return Err(of_another.clone());
        }
        for id in &ids {
            claimed.entry(id.clone()).or_insert_with(|| Claimed { owner: owner.into(), requests: 0 }).requests += 1;
        }
        Ok(ids.into_iter().map(|id| Claim { id, claims: self.clone() }).collect())
    }
}

impl Case<'_> {
    /// Keeps these ids the caller's until they are given back.
    ///
    /// # Errors
    /// 409 for one under which somebody else's session or build goes on.
    pub(super) fn claim(&self, action: Action, ids: Vec<String>) -> Result<Vec<Claim>, Refused> {
        if ids.is_empty() || self.guard.bundles.current().posture == Posture::Observe {
            return Ok(Vec::new());
        }
        self.guard.claims.take(ids, &self.principal().as_owner()).map_err(|id| {
            let message = format!("the {id} is somebody else's and goes on: name one that your own client has made");
            self.invalid(action, Refusal::with(409, message))
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(it) = claimed.get_mut(&self.id) {
            it.requests -= 1;
            if it.requests == 0 {
                claimed.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_first_owners_until_the_last_request_is_over() {
        let claims = Claims::default();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let session = claims.take(ids(&["session u"]), "alice").expect("free");
        let build = claims.take(ids(&["session u", "build b"]), "alice").expect("alice's");
        assert_eq!(claims.take(ids(&["build c", "session u"]), "bob").expect_err("alice's"), "session u");
        drop(session);
        assert!(claims.take(ids(&["session u"]), "bob").is_err(), "her build goes on");
        drop(build);
        let _bobs =
            claims.take(ids(&["session u", "build c", "build c"]), "bob").expect("free again, and nothing half taken");
        assert!(claims.take(ids(&["build c"]), "alice").is_err());
        drop(_bobs);
        assert!(claims.0.lock().expect("lock").is_empty());
    }
}
