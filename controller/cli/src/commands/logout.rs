//! `logout`: ends the session at the controller, then forgets it.

use crate::{client::Call, context::Context, error::CliError, output::moment};
use clap::Args;

/// Flags of `logout`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wharden logout\n  wharden logout --local   # the controller is gone for good")]
pub struct Logout {
    /// Only forget the session here; it stays good at the controller until it ends by itself
    #[arg(long)]
    local: bool,
}

/// `wharden logout`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Logout, context: &mut Context<'_>) -> Result<(), CliError> {
    let session = context.session()?;
    let url = end(args.local, context).await?;
    match session.filter(|_| args.local) {
        Some(session) => {
            let until = moment(context.console.now(), session.refresh_expires_at);
            let id = session.session_id;
            let told = format!("forgotten here only: session {id} at {url} stays good until {until} at the latest");
            context.changed(&[("url", url.as_str())], &told)
        }
        None => context.changed(&[("url", url.as_str())], &format!("logged out at {url}")),
    }
}

/// Ends the session, only here with `local`, and gives the controller's URL.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn end(local: bool, context: &Context<'_>) -> Result<String, CliError> {
    let url = context.transport()?.url();
    if !local {
        match context.api()?.act(Call::post(&["logout"])).await {
            // A session that has ended is what was asked for.
            Ok(()) | Err(CliError::NotLoggedIn { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let store = context.store()?;
    let guard = store.lock().await?;
    let mut credentials = store.load()?;
    credentials.log_out(&url);
    store.save(&credentials, &guard)?;
    Ok(url)
}
