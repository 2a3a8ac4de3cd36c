//! `whoami`: the session as the controller sees it.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, moment, record},
};
use wharden_model::api::WhoAmI;

/// `wharden whoami`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(context: &mut Context<'_>) -> Result<(), CliError> {
    let me: WhoAmI = context.api()?.call(Call::get(&["whoami"])).await?;
    context.answer(&me, |look| {
        let groups: Vec<&str> = me.groups.iter().map(AsRef::as_ref).collect();
        record(
            vec![
                ("User", Cell::new(&me.username)),
                ("Groups", Cell::or_dash(groups.join(", "))),
                ("Session", Cell::new(&me.session_id)),
                ("Since", Cell::new(moment(look.now, me.since))),
                ("Factors", Cell::new(me.factors.join(", "))),
                ("Second factor", Cell::new(moment(look.now, me.mfa_at))),
            ],
            look,
        )
    })
}
