//! Accounts of this host whose users are disabled: they are refused everything, and lose what runs already.

use super::Guard;
use crate::caller::Holder;
use std::sync::Arc;

/// Cuts them off with each bundle, until it is dropped.
pub async fn cut_off(guard: Arc<Guard>) {
    let mut bundles = guard.bundles.changes();
    // It cannot fail while the guard holds the other end.
    while bundles.changed().await.is_ok() {
        for holder in guard.valve.holders() {
            let Holder::Uid(uid) = holder else { continue };
            // Whose name is not known is asked for it with the next request.
            let Ok(user) = guard.names.of(uid).await else { continue };
            if guard.bundles.current().bars(&user) && guard.grant_of(uid).is_none() {
                let connections = guard.valve.cut(&holder);
                tracing::info!(user, connections, "a disabled user's connections were cut off");
            }
        }
    }
}
