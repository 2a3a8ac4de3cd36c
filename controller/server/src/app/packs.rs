//! Starter packs.

use super::{
    App, AppError, Caller,
    access::policy_name,
    policies::{NewVersion, checked},
};
use wharden_model::{
    AdminAction,
    api::{ApplyPack, Pack, Policy},
};
use wharden_policy::PackInfo;
use wharden_state::{PolicyOrigin, State};

fn pack_of(state: &State, pack: &PackInfo, with_text: bool) -> Result<Pack, AppError> {
    let stored = state.policies.get(&policy_name(pack.name)?);
    Ok(Pack {
        name: pack.name.to_owned(),
        summary: pack.summary.to_owned(),
        rules: checked(pack.text)?,
        applied: stored.map(|p| p.current.mode),
        up_to_date: stored.is_some_and(|p| p.current.text == pack.text),
        text: with_text.then(|| pack.text.to_owned()),
    })
}

fn find(name: &str) -> Result<&'static PackInfo, AppError> {
    wharden_policy::packs().iter().find(|pack| pack.name == name).ok_or_else(|| {
        let names: Vec<&str> = wharden_policy::packs().iter().map(|pack| pack.name).collect();
        AppError::invalid("name", format!("there is no pack {name:?}; there are {}", names.join(", ")))
    })
}

impl App {
    pub async fn packs(&self, caller: &Caller) -> Result<Vec<Pack>, AppError> {
        self.may(caller, AdminAction::PackRead, &self.cluster()).await?;
        let state = self.state();
        let all = move || wharden_policy::packs().iter().map(|pack| pack_of(&state, pack, false)).collect();
        self.workbench.run(&caller.user, all).await
    }

    pub async fn pack(&self, caller: &Caller, name: &str) -> Result<Pack, AppError> {
        self.may(caller, AdminAction::PackRead, &self.cluster()).await?;
        let (state, pack) = (self.state(), find(name)?);
        self.workbench.run(&caller.user, move || pack_of(&state, pack, true)).await
    }

    pub async fn apply_pack(&self, caller: &Caller, name: &str, apply: ApplyPack) -> Result<Policy, AppError> {
        let pack = find(name)?;
        let name = policy_name(pack.name)?;
        let new = NewVersion {
            text: pack.text.to_owned(),
            mode: Some(apply.mode),
            if_version: None,
            origin: PolicyOrigin::Pack,
        };
        self.store_policy(caller, AdminAction::PackApply, name, new).await
    }
}
