use super::Address;
use crate::limits::{CONNECT_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT};
use hyper_util::rt::TokioIo;
use std::{future::ready, io};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;
use wharden_runtime::tls::{Connector, DialError};

/// Why there is no connection to a controller.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{address} does not speak HTTP/2: {error}")]
    Http2 { address: Address, error: tonic::transport::Error },
}

/// Connects: TCP, TLS, HTTP/2. The channel is this one connection; when it breaks, the channel is broken.
///
/// # Errors
/// [`ChannelError`].
pub async fn open_channel(connector: &Connector, address: &Address) -> Result<Channel, ChannelError> {
    let http2 = |error| ChannelError::Http2 { address: address.clone(), error };
    let stream = connector.connect(&address.host, address.port).await?;
    // TLS is already done, so the scheme is that of what runs inside.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(http2)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let mut once = Some(TokioIo::new(stream));
    let give = service_fn(move |_: Uri| ready(once.take().ok_or(io::Error::from(io::ErrorKind::NotConnected))));
    endpoint.connect_with_connector(give).await.map_err(http2)
}
