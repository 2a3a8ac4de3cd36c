use super::{
    Plugin,
    message::{ACTIVATION, Answer, MEDIA_TYPE},
};
use crate::{
    guard::{self, ListenError, Listener},
    limits::{AUTHZ_CONNECTIONS, AUTHZ_QUESTION_MAX, AUTHZ_READ_TIMEOUT, AUTHZ_SMALL},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    fs::DirBuilder,
    os::unix::{fs::DirBuilderExt, net::UnixStream},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::SemaphorePermit,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Only the engine, which is root, has business here.
const SOCKET_MODE: u32 = 0o600;
/// Mode of the folder of plugins where the engine has not made it yet.
const FOLDER_MODE: u32 = 0o700;
/// Pause after an error of accepting, e.g. no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the plugin's socket, and makes its folder where it is not there yet.
///
/// # Errors
/// [`ListenError`].
pub fn bind(path: &Path, engine_socket: &Path) -> Result<Listener, ListenError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
        made.map_err(|source| ListenError::Io { path: folder.to_owned(), source })?;
    }
    guard::bind(path, SOCKET_MODE, engine_socket)
}

/// Answers the engine, for ever.
pub async fn serve(listener: Listener, plugin: Plugin) {
    let plugin = Arc::new(plugin);
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= AUTHZ_CONNECTIONS {
            connections.join_next().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok(stream) => drop(connections.spawn(connection(stream, Arc::clone(&plugin)))),
            Err(error) => {
                tracing::error!(%error, "accepting a connection of the engine failed");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: UnixStream, plugin: Arc<Plugin>) {
    let answer = service_fn(move |request| {
        let plugin = Arc::clone(&plugin);
        async move { Ok::<_, Infallible>(respond(request, &plugin).await) }
    });
    let stream = match tokio::net::UnixStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::error!(%error, "a connection of the engine was closed");
            return;
        }
    };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of the engine ended early");
    }
}

async fn respond(request: Request<Incoming>, plugin: &Plugin) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::POST, "/Plugin.Activate") => json(ACTIVATION.into()),
        (&Method::POST, "/AuthZPlugin.AuthZReq") => {
            let answer = match read(request.into_body(), plugin).await {
                Ok((question, _room)) => plugin.answer(&question).await,
                Err(Unread::Busy) => Plugin::busy(),
                Err(Unread::Bad(why)) => {
                    tracing::error!(why, "the engine's question was not read");
                    Answer::deny(format!("Wharden: {why}. What to do: see the agent's log."))
                }
            };
            json(answer.json().into())
        }
        // What was decided on is the request. What the engine answered to it is the caller's.
        (&Method::POST, "/AuthZPlugin.AuthZRes") => {
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
            json(Answer::allow().json().into())
        }
        _ => {
            let mut response = Response::new(Full::new(Bytes::from_static(b"no such call of a plugin\n")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

/// Why a question was not read.
enum Unread {
    /// There is no place for it.
    Busy,
    Bad(&'static str),
}

/// The place and the room that a large question takes.
type Room<'p> = [SemaphorePermit<'p>; 2];

/// A whole question, and what it takes.
async fn read(body: Incoming, plugin: &Plugin) -> Result<(Bytes, Option<Room<'_>>), Unread> {
    let size = body.size_hint().upper().and_then(|size| usize::try_from(size).ok()).unwrap_or(AUTHZ_QUESTION_MAX);
    if size > AUTHZ_QUESTION_MAX {
        return Err(Unread::Bad("the engine's question is too long"));
    }
    let room = if size > AUTHZ_SMALL { Some(make_room(size, plugin).await?) } else { None };
    match timeout(AUTHZ_READ_TIMEOUT, Limited::new(body, AUTHZ_QUESTION_MAX).collect()).await {
        Ok(Ok(body)) => Ok((body.to_bytes(), room)),
        Ok(Err(_)) => Err(Unread::Bad("the engine's question ended early or is too long")),
        Err(_) => Err(Unread::Bad("the engine's question did not arrive in time")),
    }
}

/// Waits for room, where not too many do.
async fn make_room(size: usize, plugin: &Plugin) -> Result<Room<'_>, Unread> {
    let place = plugin.large.try_acquire().map_err(|_| Unread::Busy)?;
    // At most a whole question, and the semaphore is never closed.
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    Ok([place, plugin.room.acquire_many(size).await.map_err(|_| Unread::Busy)?])
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(MEDIA_TYPE));
    response
}
