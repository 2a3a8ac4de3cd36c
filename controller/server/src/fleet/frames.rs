//! The answer to `Session` as the body of an HTTP/2 stream, made here and not by tonic: a bundle of some hundred kilobytes is
//! one piece of memory for all sessions that send it, where tonic copies it into a buffer of each, which then stays as long
//! as the session.

use super::{
    limits::{INBOUND_MAX, READ_BUFFER, SMALL_PAYLOAD},
    outbound::Outbound,
    service::Service,
};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, Stream, future::BoxFuture};
use http::{HeaderMap, Request, Response, header};
use hyper::body::{Body, Frame};
use prost::{Message, encoding};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::{Status, Streaming, codec::BufferSettings, server::NamedService};
use tonic_prost::ProstCodec;
use wharden_proto::v1::{
    AgentMessage, BundlePush, ControllerMessage,
    agent_server::{Agent, AgentServer},
    controller_message,
};

const SESSION: &str = "/wharden.v1.Agent/Session";
/// Bytes before each message of gRPC: not compressed, and its length.
const PREFIX: usize = 5;
// Field numbers of agent.proto.
const BUNDLE_FIELD: u32 = 2;
const PAYLOAD_FIELD: u32 = 5;

/// All calls of agents; `Session` is answered here, the others by tonic.
#[derive(Clone)]
pub(super) struct Calls {
    pub service: Service,
    pub others: AgentServer<Service>,
}

impl NamedService for Calls {
    const NAME: &'static str = <AgentServer<Service> as NamedService>::NAME;
}

impl tower::Service<Request<tonic::body::Body>> for Calls {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        if request.uri().path() != SESSION {
            return self.others.call(request);
        }
        let service = self.service.clone();
        async move {
            let (parts, body) = request.into_parts();
            let settings = BufferSettings::new(READ_BUFFER, READ_BUFFER);
            let decoder = ProstCodec::<ControllerMessage, AgentMessage>::raw_decoder(settings);
            let inbound = Streaming::new_request(decoder, body, None, Some(INBOUND_MAX));
            let mut request = tonic::Request::new(inbound);
            *request.extensions_mut() = parts.extensions;
            Ok(match service.session(request).await {
                Ok(messages) => answer(messages.into_inner()),
                Err(status) => status.into_http(),
            })
        }
        .boxed()
    }
}

fn answer(messages: Outbound) -> Response<tonic::body::Body> {
    let body = tonic::body::Body::new(Frames { messages, rest: None, has_ended: false });
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
    response
}

struct Frames {
    messages: Outbound,
    /// A payload whose head is on its way.
    rest: Option<Bytes>,
    has_ended: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        let status = match ready!(Pin::new(&mut self.messages).poll_next(context)) {
            Some(Ok(message)) => {
                let (head, rest) = pieces(message);
                self.rest = rest;
                return Poll::Ready(Some(Ok(Frame::data(head))));
            }
            Some(Err(status)) => status,
            None => Status::ok(""),
        };
        self.has_ended = true;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// The bytes of a message; a large payload is a piece of its own, not copied.
fn pieces(mut message: ControllerMessage) -> (Bytes, Option<Bytes>) {
    let payload = match &mut message.body {
        Some(controller_message::Body::Bundle(push)) if push.payload.len() > SMALL_PAYLOAD => {
            std::mem::take(&mut push.payload)
        }
        _ => {
            let length = message.encoded_len();
            let mut bytes = prefixed(length, length);
            // The buffer grows, so there is always room.
            let _ = message.encode(&mut bytes);
            return (bytes.freeze(), None);
        }
    };
    let Some(controller_message::Body::Bundle(push)) = message.body else { return (Bytes::new(), None) };
    (head(&push, payload.len()), Some(payload))
}

/// Everything of a push but its payload, which is the last field.
fn head(push: &BundlePush, payload: usize) -> Bytes {
    let key = encoding::key_len(PAYLOAD_FIELD) + encoding::encoded_len_varint(payload as u64);
    let inner = push.encoded_len() + key + payload;
    let outer = encoding::key_len(BUNDLE_FIELD) + encoding::encoded_len_varint(inner as u64) + inner;
    let mut bytes = prefixed(outer, outer - payload);
    encoding::encode_key(BUNDLE_FIELD, encoding::WireType::LengthDelimited, &mut bytes);
    encoding::encode_varint(inner as u64, &mut bytes);
    let _ = push.encode(&mut bytes);
    encoding::encode_key(PAYLOAD_FIELD, encoding::WireType::LengthDelimited, &mut bytes);
    encoding::encode_varint(payload as u64, &mut bytes);
    bytes.freeze()
}

fn prefixed(length: usize, here: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(PREFIX + here);
    bytes.put_u8(0);
    // Bundles have a limit far below.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(payload: Bytes) -> ControllerMessage {
        let push = BundlePush {
            nonce: 300,
            revision: u64::MAX,
            from: 7,
            digest: Bytes::from(vec![1; 32]),
            payload,
            signature: Bytes::from(vec![2; 64]),
        };
        ControllerMessage { body: Some(controller_message::Body::Bundle(push)) }
    }

    #[test]
    fn a_large_payload_goes_out_as_it_is_and_the_message_is_the_same() {
        for size in [0, 1, SMALL_PAYLOAD, SMALL_PAYLOAD + 1, 300_000] {
            let payload = Bytes::from(vec![9; size]);
            let (head, rest) = pieces(push(payload.clone()));
            assert_eq!(rest.is_some(), size > SMALL_PAYLOAD);
            if let Some(rest) = &rest {
                assert_eq!(rest.as_ptr(), payload.as_ptr(), "shared, not copied");
            }
            let whole = [&*head, rest.as_deref().unwrap_or_default()].concat();
            let length = u32::from_be_bytes(whole[1..PREFIX].try_into().expect("four bytes"));
            assert_eq!((whole[0], length as usize), (0, whole.len() - PREFIX));
            assert_eq!(ControllerMessage::decode(&whole[PREFIX..]).expect("decodes"), push(payload));
        }
        let welcome = ControllerMessage { body: Some(controller_message::Body::Welcome(Default::default())) };
        let (bytes, rest) = pieces(welcome.clone());
        assert_eq!(ControllerMessage::decode(&bytes[PREFIX..]).expect("decodes"), welcome);
        assert_eq!(rest, None);
    }
}
