//! A TLS connection of which every byte is the test's own: one that says nothing, or asks in HTTP/1.1 from an address of its
//! choice.

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Its handshake is done.
pub struct Quiet(StreamOwned<ClientConnection, TcpStream>);

impl Quiet {
    /// Connects from an address of this machine and offers one protocol.
    ///
    /// # Errors
    /// When the other side closes before the handshake is done.
    ///
    /// # Panics
    /// When the CA file holds no certificate, or nobody listens.
    pub fn open(from: [u8; 4], address: &str, ca_file: &Path, protocol: &str) -> io::Result<Self> {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca_file).expect("a CA")).expect("a CA that can be used");
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let address: SocketAddr = address.parse().expect("an address");
        let tcp = connect(from.into(), address);
        let client = ClientConnection::new(Arc::new(config), ServerName::IpAddress(address.ip().into()));
        let mut stream = StreamOwned::new(client.expect("a client"), tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// Sends some bytes.
    ///
    /// # Errors
    /// When it is closed.
    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Asks for something in HTTP/1.1, with these headers; the status and the body of the answer.
    ///
    /// # Errors
    /// When it is closed before the answer is there.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<(u16, String)> {
        self.begin(method, path, headers, body)?;
        self.answer()
    }

    /// Asks, and leaves the answer for later.
    ///
    /// # Errors
    /// When it is closed.
    pub fn begin(&mut self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let json = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{json}{headers}\r\n");
        self.say(format!("{head}{body}").as_bytes())
    }

    /// The answer to what was asked.
    ///
    /// # Errors
    /// When it is closed before the answer is there.
    pub fn answer(&mut self) -> io::Result<(u16, String)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let bad = || io::Error::new(io::ErrorKind::InvalidData, head.clone());
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// True when something more came, or the connection is closed.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn is_answered(&self) -> bool {
        self.0.sock.set_nonblocking(true).expect("non-blocking");
        let peeked = self.0.sock.peek(&mut [0]);
        self.0.sock.set_nonblocking(false).expect("blocking");
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// True when the other side closes it in this time.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn is_closed_within(&mut self, limit: Duration) -> bool {
        self.0.sock.set_read_timeout(Some(limit)).expect("timeout");
        loop {
            match self.0.read(&mut [0; 1024]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            }
        }
    }
}

/// The standard library cannot choose where a connection comes from.
fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((from, 0))).expect("an address of this machine");
    connect(&socket, &to).unwrap_or_else(|error| panic!("cannot connect to {to}: {error}"));
    TcpStream::from(socket)
}
