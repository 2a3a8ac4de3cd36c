use futures::Stream;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use wharden_proto::v1::ControllerMessage;

/// The controller's half of a session: its messages, then why it ended.
pub struct Outbound {
    /// In boxes, since the channel makes room for 32 at once.
    messages: mpsc::Receiver<Box<ControllerMessage>>,
    end: Option<oneshot::Receiver<Status>>,
}

impl Outbound {
    pub(super) fn new(messages: mpsc::Receiver<Box<ControllerMessage>>, end: oneshot::Receiver<Status>) -> Self {
        Self { messages, end: Some(end) }
    }
}

impl Stream for Outbound {
    type Item = Result<ControllerMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(message) = std::task::ready!(self.messages.poll_recv(context)) {
            return Poll::Ready(Some(Ok(*message)));
        }
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        let status = std::task::ready!(Pin::new(end).poll(context));
        self.end = None;
        Poll::Ready(status.ok().map(Err))
    }
}
