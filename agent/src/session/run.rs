use super::{
    Address, ChannelError,
    channel::open_channel,
    context::Context,
    retry::retry_after,
    stream::{Session, SessionError},
};
use crate::limits::{HOME_LOOK_MAX, HOME_LOOK_MIN, RECONNECT_MAX, RECONNECT_MIN, REJECTED_MAX, SESSION_SETTLED};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tonic::{Code, transport::Channel};
use wharden_runtime::{backoff::Backoff, tls::TlsError};

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Channel(#[from] ChannelError),
    #[error("{0}")]
    Session(#[from] SessionError),
    #[error("the host's certificate has ended and is not renewed yet")]
    Expired,
    #[error("the controller that this host belongs to is back")]
    Home(Way),
}

/// A connection on which the next session is opened.
#[derive(Debug)]
struct Way {
    to: Address,
    channel: Channel,
}

impl Ended {
    /// The controller does not want this host.
    fn is_rejection(&self) -> bool {
        let Self::Session(SessionError::Status(status)) = self else { return false };
        matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied)
    }

    /// When the controller said that this host is to come again.
    fn retry_after(&self) -> Option<Duration> {
        let Self::Session(SessionError::Status(status)) = self else { return None };
        retry_after(status)
    }
}

/// Keeps a session with one of the controllers, for ever: with its home when that is there, else with the next of its
/// ranking.
pub async fn run(context: Arc<Context>) {
    let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
    let mut rejections = Backoff::new(RECONNECT_MAX, REJECTED_MAX);
    let (mut turn, mut way) = (0, None);
    loop {
        let ranked = context.controllers.ranked();
        let Some(address) = ranked.get(turn % ranked.len().max(1)) else { return };
        turn += 1;
        let begun = Instant::now();
        let Err(ended) = session(&context, address, way.take()).await;
        match ended {
            Ended::Session(SessionError::Renewed) => {
                tracing::info!("opening a session with the new certificate");
                turn -= 1;
                continue;
            }
            Ended::Home(home) => {
                tracing::info!(controller = %address, "leaving for the controller that this host belongs to");
                (turn, way) = (0, Some(home));
                continue;
            }
            _ => {}
        }
        if begun.elapsed() >= SESSION_SETTLED {
            // A session that held: begin again with the best one.
            turn = usize::from(ranked.first() == Some(address));
            backoff.reset();
            rejections.reset();
        }
        context.broken(ended.to_string());
        let pause = match ended.retry_after() {
            Some(told) => {
                // The same controller, which has a turn for this host.
                turn = turn.saturating_sub(1);
                told
            }
            None if ended.is_rejection() => rejections.next_wait(),
            None => backoff.next_wait(),
        };
        report(&ended, address, pause);
        tokio::select! {
            () = sleep(pause) => {}
            () = context.renewed.notified() => {}
        }
    }
}

async fn session(context: &Context, address: &Address, way: Option<Way>) -> Result<std::convert::Infallible, Ended> {
    if context.identity.load().cert.not_after < context.now() {
        return Err(Ended::Expired);
    }
    let channel = match way.filter(|way| way.to == *address) {
        Some(way) => way.channel,
        None => open_channel(&context.connector()?, address).await?,
    };
    let session = Session::open(context, channel).await?;
    tracing::info!(controller = %address, "the session is open");
    context.opened(address);
    tokio::select! {
        ended = session.serve() => Err(ended.into()),
        home = home_is_back(context, address) => Err(Ended::Home(home)),
    }
}

/// Ends when the home of this host can be reached, and it is not this one: with the connection, so that the session here is
/// given up for one that is about to be there. Looked at rarely and not in step with others, so that a controller that comes
/// back is not met by all of its hosts at once.
async fn home_is_back(context: &Context, here: &Address) -> Way {
    loop {
        sleep(rand::random_range(HOME_LOOK_MIN..=HOME_LOOK_MAX)).await;
        let Some(home) = context.controllers.home().filter(|home| home != here) else { continue };
        let Ok(connector) = context.connector() else { continue };
        if let Ok(channel) = open_channel(&connector, &home).await {
            return Way { to: home, channel };
        }
    }
}

fn report(ended: &Ended, address: &Address, pause: Duration) {
    let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    if ended.is_rejection() {
        tracing::error!(controller = %address, error = %ended, retry_ms, "the controller refuses this host");
    } else {
        tracing::warn!(controller = %address, error = %ended, retry_ms, "no session; what is held stays in force");
    }
}
