//! Messages as e-mail. Never without TLS: a server that does not offer it gets nothing, no password either.

use super::{
    letter::{Letter, Occasion},
    limits::SEND_LIMIT,
    sender::SendError,
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use sha2::{Digest, Sha256};
use wharden_model::api::{MailSecurity, Secret};
use wharden_state::Hex;

/// One mail server and those who get the mail.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Reads the addresses and certificates.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn new(
        host: &str,
        port: u16,
        security: MailSecurity,
        login: Option<(&str, &Secret)>,
        from: &str,
        to: &[String],
        ca_pem: &str,
    ) -> Result<Self, String> {
        let parameters = TlsParameters::builder(host.to_owned());
        let parameters = if ca_pem.is_empty() {
            parameters
        } else {
            let ca = Certificate::from_pem(ca_pem.as_bytes()).map_err(|e| format!("its CA: {e}"))?;
            parameters.certificate_store(CertificateStore::None).add_root_certificate(ca)
        };
        let parameters = parameters.build().map_err(|e| format!("TLS: {e}"))?;
        let tls = match security {
            MailSecurity::Starttls => Tls::Required(parameters),
            MailSecurity::Tls => Tls::Wrapper(parameters),
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls);
        let transport = transport.timeout(Some(SEND_LIMIT));
        let transport = match login {
            Some((name, password)) => {
                transport.credentials(Credentials::new(name.to_owned(), password.reveal().to_owned()))
            }
            None => transport,
        };
        let to = to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        Ok(Self { transport: transport.build(), from: mailbox(from)?, to })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, letter: &Letter) -> Result<String, SendError> {
        let message = self.message(letter).map_err(SendError::Refused)?;
        match self.transport.send(message).await {
            Ok(answer) => Ok(format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))),
            Err(error) if error.is_permanent() => Err(SendError::Refused(error.to_string())),
            Err(error) => Err(SendError::Away(error.to_string())),
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, String> {
        // The same for every attempt, so that mail programs show it once.
        let digest = Hex(Sha256::digest(letter.delivery.as_bytes()).to_vec()).to_string();
        let domain = format!("{}.wharden.internal", letter.cluster_id);
        let thread = format!("<{}@{domain}>", Hex(Sha256::digest(thread(letter).as_bytes()).to_vec()));
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(letter.subject())
            .message_id(Some(format!("<{digest}@{domain}>")))
            .header(ContentType::TEXT_PLAIN);
        if letter.occasion != Occasion::Raised && letter.occasion != Occasion::Test {
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(letter.text()).map_err(|error| error.to_string())
    }
}

/// The delivery that the others are answers to.
fn thread(letter: &Letter) -> String {
    let begin = letter.delivery.split('#').next().unwrap_or_default();
    format!("{begin}#{}", wharden_state::Message::Raised)
}

/// An address, with or without a name before it.
///
/// # Errors
/// Why it is none.
pub fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("{text:?} is not an e-mail address: {error}"))
}
