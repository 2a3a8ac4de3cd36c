//! The port: layers around the routes, and the OpenAPI document that they make.

use super::{
    Api, Front, account, alerts, auth, backup,
    caller::{FORCE, RECOVERY_CODE, RequestIdOf, Source, TOTP},
    capacity, cluster, directory, docker, doctor,
    drain::Kept,
    error, health, hosts, inventory, keys, needs, packs, policies, records, service_accounts, sessions, tokens,
};
use crate::{
    connections::{Connections, Guarded},
    limits,
    raft::{new_request_id, request_id_of},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest, Sha256};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder,
    path::{ParameterBuilder, ParameterIn},
    schema::Schema,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use wharden_model::{
    RequestId,
    api::{ErrorBody, ErrorCode, ErrorDetail},
};
use wharden_runtime::{shutdown::Shutdown, tls::TlsListener};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The port stopped for another reason than shutdown.
#[derive(Debug, thiserror::Error)]
#[error("the REST port stopped: {0}")]
pub struct ServeError(pub String);

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(auth::routes())
        .merge(account::routes())
        .merge(directory::routes())
        .merge(tokens::routes())
        .merge(hosts::routes())
        .merge(inventory::routes())
        .merge(docker::routes())
        .merge(policies::routes())
        .merge(packs::routes())
        .merge(records::routes())
        .merge(cluster::routes())
        .merge(backup::routes())
        .merge(capacity::routes())
        .merge(sessions::routes())
        .merge(keys::routes())
        .merge(service_accounts::routes())
        .merge(alerts::routes())
        .merge(doctor::routes())
}

/// The OpenAPI document of the routes, with the errors that any of them may give.
pub fn openapi() -> OpenApi {
    let mut document = routes().into_openapi();
    document.info = InfoBuilder::new()
        .title("Wharden")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Central control of container hosts: users, policies, hosts, events."))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("session", SecurityScheme::Http(bearer));
    let mut schemas: Vec<(String, RefOr<Schema>)> = vec![(ErrorBody::name().into(), ErrorBody::schema())];
    ErrorBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten();
        for operation in operations {
            let is_health = operation.tags.as_deref().is_some_and(|tags| tags.iter().any(|tag| tag == "health"));
            if operation.security.is_some() {
                for (name, what) in [
                    (TOTP, "TOTP code for this one request"),
                    (RECOVERY_CODE, "a recovery code in place of it"),
                    (FORCE, "`yes`: go ahead although it takes the caller's own rights"),
                ] {
                    let parameter = ParameterBuilder::new()
                        .name(name.as_str())
                        .parameter_in(ParameterIn::Header)
                        .description(Some(what))
                        .required(Required::False)
                        .schema(Some(String::schema()));
                    operation.parameters.get_or_insert_with(Vec::new).push(RefOr::T(parameter.build()));
                }
            }
            // One address may ask for anything only so often.
            let statuses: &[&str] = if is_health {
                &["429"]
            } else {
                &["400", "401", "403", "404", "409", "413", "422", "429", "500", "503"]
            };
            for status in statuses {
                let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
                let response =
                    ResponseBuilder::new().description("refused or failed").content("application/json", content);
                operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| response.build().into());
            }
        }
    }
    document
}

/// The routes with everything around them.
pub(super) fn router(api: Api) -> Router {
    let document = Arc::new(openapi());
    let (router, _) = routes().split_for_parts();
    let router = router
        .route("/openapi.json", get(move || std::future::ready(Json(Arc::clone(&document)))))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(api.clone(), visit))
        .with_state(api);
    around_all(router)
}

/// What is around any routes.
pub(super) fn around_all(router: Router) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_| plain(ErrorCode::Internal, "something went wrong inside the controller")))
        .layer(axum::middleware::from_fn(around))
}

/// Bounds what comes without a session, whatever it asks for. What a header says counts only where somebody looks at it.
async fn visit(State(api): State<Api>, Source(source): Source, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let judged =
        request.headers().contains_key(header::AUTHORIZATION) && needs::takes_session(request.method().as_str(), route);
    if !judged && let Err(error) = api.app.visit(source) {
        return error::Failure(error).into_response();
    }
    next.run(request).await
}

fn plain(code: ErrorCode, message: &str) -> Response {
    error::respond(ErrorBody {
        code,
        message: message.to_owned(),
        hint: String::new(),
        details: Vec::<ErrorDetail>::new(),
        retry_after_s: None,
        request_id: String::new(),
    })
}

async fn not_found(request: Request) -> Response {
    plain(ErrorCode::NotFound, &format!("there is no route {}; /openapi.json lists them", request.uri().path()))
}

async fn method_not_allowed(request: Request) -> Response {
    let message =
        format!("{} does not take {}; /openapi.json lists what it takes", request.uri().path(), request.method());
    let mut response = plain(ErrorCode::Invalid, &message);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// The id of a request to which the client gave one. It makes a retry safe: the same request again, at whichever controller,
/// is done once. It counts for this request alone, since what stands between may put one id on many.
async fn id_of(chosen: &RequestId, asked: &str, body: &Kept) -> Option<RequestId> {
    let mut hash = Sha256::new();
    for part in [chosen.as_str(), asked] {
        hash.update(part);
        hash.update(b"\n");
    }
    hash.update(body.look_ahead(limits::BODY_MAX).await?);
    request_id_of(hash).ok()
}

/// Gives the request an id, bounds its time, and writes both into the answer and the log.
async fn around(mut request: Request, next: Next) -> Response {
    let chosen = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let chosen = chosen.and_then(|text| RequestId::new(text).ok());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let kept = Kept::new(std::mem::take(request.body_mut()));
    *request.body_mut() = Body::new(kept.clone());
    let mut id = new_request_id();
    let limit = Duration::from_secs(limits::REQUEST_TIMEOUT_S);
    let answered = tokio::time::timeout(limit, async {
        if let Some(chosen) = chosen {
            let asked = format!("{} {}", request.method(), request.uri());
            id = id_of(&chosen, &asked, &kept).await.unwrap_or_else(|| id.clone());
        }
        request.extensions_mut().insert(RequestIdOf(id.clone()));
        next.run(request).await
    });
    let mut response = answered.await.unwrap_or_else(|_| plain(ErrorCode::Unavailable, "the request took too long"));
    // Who sends slowly what nobody wants gets its answer all the same.
    let _ = tokio::time::timeout(Duration::from_secs(limits::BODY_DRAIN_S), kept.drain()).await;
    if let Some(mut body) = response.extensions_mut().remove::<ErrorBody>() {
        body.request_id = id.to_string();
        if let Ok(json) = serde_json::to_vec(&body) {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = Body::from(json);
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    tracing::debug!(%method, path, status = response.status().as_u16(), request_id = %id, "request");
    response.into_response()
}

/// Serves until shutdown; open requests get to finish.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(front: Front, mut listener: TlsListener, shutdown: Shutdown) -> Result<(), ServeError> {
    let refused = Counter::default();
    let help = "Connections of the REST port closed because there were too many";
    front.metrics().register(|registry| registry.register("rest_connections_refused", help, refused.clone()));
    let connections = Connections::new(limits::REST_CONNECTIONS, refused);
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.stopped() => return Ok(()),
        };
        if let Some(stream) = connections.admit(stream) {
            shutdown.spawn("rest connection", connection(front.clone(), stream, address, shutdown.clone()));
        }
    }
}

async fn connection(front: Front, stream: Guarded, address: SocketAddr, shutdown: Shutdown) {
    let begun = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&begun);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        begins.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        front.router().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let silent = async {
        tokio::time::sleep(limits::FIRST_REQUEST).await;
        if begun.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        // hyper's own timer begins when it knows the protocol, for which it waits as long as it takes.
        () = silent => return tracing::debug!(%address, "no request came: closing the connection"),
        () = shutdown.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%address, error = %error, "connection ended");
    }
}
