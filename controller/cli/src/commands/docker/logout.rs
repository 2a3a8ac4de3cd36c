use super::{contexts, kept::Kept};
use crate::{commands::logout, context::Context, error::CliError, settings};

/// `wharden docker logout`.
///
/// # Errors
/// Whatever kept it from succeeding. The session ends first: what is left here is then worth nothing.
pub async fn run(context: &mut Context<'_>) -> Result<(), CliError> {
    // A service account has no session; its certificates end with its key.
    let url = match context.service_key() {
        Some(_) => context.transport()?.url(),
        None => logout::end(false, context).await?,
    };
    let kept = Kept::new(&settings::config_dir(context.console)?);
    let mut removed = 0;
    for (name, about) in kept.all()? {
        if about.url == url {
            contexts::remove(&name, context.console).await?;
            kept.remove(&name)?;
            removed += 1;
        }
    }
    context.done(&format!("logged out at {url}; contexts removed: {removed}"))
}
