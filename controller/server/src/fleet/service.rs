//! The gRPC calls: who asks, then the use case, then the answer.

use super::{
    enrolment,
    metrics::{OK, REFUSED},
    outbound::Outbound,
    peer,
    refusal::Refusal,
    renewal,
    server::Inner,
    session,
};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tonic::{Request, Response, Status, Streaming};
use wharden_pki::PeerCert;
use wharden_proto::v1::{
    AgentMessage, EnrollRequest, EnrollResponse, RenewRequest, RenewResponse, agent_server::Agent,
};

#[derive(Clone)]
pub(super) struct Service(pub Arc<Inner>);

impl Service {
    fn refused(refusal: Refusal, call: &'static str) -> Status {
        // A fleet that comes at once would be a flood of lines.
        if let Refusal::Busy { .. } = refusal {
            tracing::debug!(call, %refusal, "an agent is to come again");
        } else {
            tracing::info!(call, %refusal, "an agent was refused");
        }
        refusal.into()
    }

    /// A host that may have a session now, and its place.
    async fn admit(&self, peer: PeerCert) -> Result<(PeerCert, OwnedSemaphorePermit), Refusal> {
        let state = peer::state_of(&peer, &*self.0.ledger).await?;
        peer::for_session(&peer, &state, self.0.now())?;
        Ok((peer, self.0.admission.sync()?))
    }
}

#[tonic::async_trait]
impl Agent for Service {
    type SessionStream = Outbound;

    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollResponse>, Status> {
        let enrolled = enrolment::enrol(&self.0, request.into_inner()).await;
        self.0.metrics.enrolments.get_or_create(if enrolled.is_ok() { &OK } else { &REFUSED }).inc();
        enrolled.map(Response::new).map_err(|refusal| Self::refused(refusal, "Enroll"))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let renewed = match peer::of(&request, &self.0.keys.cluster_id) {
            Ok(peer) => renewal::renew(&self.0, &peer, request.get_ref()).await,
            Err(refusal) => Err(refusal),
        };
        self.0.metrics.renewals.get_or_create(if renewed.is_ok() { &OK } else { &REFUSED }).inc();
        renewed.map(Response::new).map_err(|refusal| Self::refused(refusal, "Renew"))
    }

    async fn session(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Outbound>, Status> {
        let admitted = match peer::of(&request, &self.0.keys.cluster_id) {
            Ok(peer) => self.admit(peer).await,
            Err(refusal) => Err(refusal),
        };
        let (peer, place) = admitted.map_err(|refusal| {
            let busy = matches!(refusal, Refusal::Busy { .. });
            let counter = if busy { &self.0.metrics.busy } else { &self.0.metrics.refused_sessions };
            counter.inc();
            Self::refused(refusal, "Session")
        })?;
        let (messages, outbox) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        let fleet = Arc::clone(&self.0);
        let inbound = request.into_inner();
        let session = Box::pin(async move {
            let why = session::run(&fleet, &peer, inbound, messages, place).await;
            // An agent that went away does not need to hear it.
            let _ = end.send(why.into());
        });
        drop(self.0.shutdown.spawn("session", session));
        Ok(Response::new(Outbound::new(outbox, ended)))
    }
}
