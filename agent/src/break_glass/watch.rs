use super::{BreakGlass, Grant, Moment};
use crate::limits::BREAK_GLASS_CHECK;
use std::sync::Arc;
use tokio::{task::spawn_blocking, time::sleep};
use wharden_model::{BreakGlassEnd, Timestamp};
use wharden_runtime::clock::Clock;

/// Says aloud what begins and ends, and ends what is over, for ever.
pub async fn watch(glass: BreakGlass, clock: Arc<dyn Clock>) {
    let mut lasting: Option<Grant> = None;
    let mut problem = String::new();
    loop {
        let (glass, wall) = (glass.clone(), Timestamp(clock.now()));
        match spawn_blocking(move || look(&glass, wall)).await {
            Ok(Ok(found)) => {
                problem.clear();
                let id = |grant: &Option<Grant>| grant.as_ref().map(|grant| grant.id.clone());
                let changed = id(&found) != id(&lasting);
                if let Some(over) = lasting.take().filter(|_| changed) {
                    tracing::error!(user = over.user, "break-glass is over: the guard refuses again");
                }
                if let Some(Grant { user, until, reason, .. }) = found.as_ref().filter(|_| changed) {
                    tracing::error!(user, %until, reason, "BREAK-GLASS: the guard lets this OS user pass");
                }
                lasting = found;
            }
            Ok(Err(error)) if error != problem => {
                tracing::error!(%error, "what was granted by break-glass cannot be read, and lets nobody pass");
                problem = error;
            }
            Ok(Err(_)) | Err(_) => {}
        }
        sleep(BREAK_GLASS_CHECK).await;
    }
}

/// What lasts; what is over is ended.
fn look(glass: &BreakGlass, wall: Timestamp) -> Result<Option<Grant>, String> {
    let Some(grant) = glass.load().map_err(|error| error.to_string())? else { return Ok(None) };
    let now = Moment::now(wall).map_err(|error| error.to_string())?;
    let over = |grant: &Grant| -> Option<BreakGlassEnd> { grant.over(&now) };
    if over(&grant).is_none() {
        return Ok(Some(grant));
    }
    let ended = glass.end(wall, over).map_err(|error| error.to_string())?;
    if let Some((grant, why)) = ended {
        tracing::error!(user = grant.user, %why, "break-glass has ended");
    }
    Ok(None)
}
