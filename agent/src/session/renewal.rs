use super::{Address, ChannelError, channel::open_channel, context::Context};
use crate::{
    enrolment::{RenewError, renew, renew_at},
    limits::{CLOCK_CHECK, RENEW_RETRY_MAX, RENEW_RETRY_MIN},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use wharden_runtime::{backoff::Backoff, tls::TlsError};

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Channel(#[from] ChannelError),
    #[error("{0}")]
    Renew(#[from] RenewError),
}

/// Renews the certificate in time, for ever; goes on trying after it has ended.
pub async fn run(context: Arc<Context>) {
    let mut backoff = Backoff::new(RENEW_RETRY_MIN, RENEW_RETRY_MAX);
    let mut turn = 0;
    loop {
        let at = renew_at(&context.identity.load().cert);
        while context.now() < at {
            let left = Duration::from_millis(at.millis_since(context.now()));
            sleep(left.min(CLOCK_CHECK)).await;
        }
        loop {
            let ranked = context.controllers.ranked();
            let Some(address) = ranked.get(turn % ranked.len().max(1)) else { return };
            match attempt(&context, address).await {
                Ok(()) => break,
                Err(error) => {
                    turn += 1;
                    let pause = backoff.next_wait();
                    let ends = context.identity.load().cert.not_after;
                    tracing::warn!(controller = %address, %error, %ends, "the certificate was not renewed");
                    sleep(pause).await;
                }
            }
        }
        backoff.reset();
    }
}

async fn attempt(context: &Context, address: &Address) -> Result<(), Failed> {
    let channel = open_channel(&context.connector()?, address).await?;
    let identity = context.identity.load_full();
    let renewed = renew(&identity, &context.dir, channel, context.now()).await?;
    tracing::info!(serial = %renewed.cert.serial, ends = %renewed.cert.not_after, "the certificate was renewed");
    context.bundles.set_keys(renewed.bundle_keys.clone());
    context.identity.store(Arc::new(renewed));
    context.renewed.notify_one();
    Ok(())
}
