//! Where the server is, and a connection to it: TCP with TCP_NODELAY, under TLS for `https://` and `libsql://`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::config::Config;
use crate::seam::address::is_this_machine;
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::seam::options::RecordedOptions;
use crate::support::reach::unreachable;
use crate::support::tls::{self, Transport, Trust};
use crate::{Failure, FailureKind};

/// A server's place, and how it is spoken to.
pub(super) struct Endpoint {
    host: String,
    port: u16,
    /// With a slash at the end.
    path: String,
    tls: Option<TlsConnector>,
    /// The token that a session shows, if the server wants one.
    pub(super) token: Option<String>,
    /// Host and port, for messages.
    pub(super) shown: String,
    /// How long a connection may take to be made.
    pub(super) timeout: Duration,
    /// Options of the address that change nothing.
    pub(super) recorded: RecordedOptions,
}

impl Endpoint {
    /// Understands the address. Nothing is contacted.
    pub(super) fn new(config: &Config, timeout: Duration) -> Result<Endpoint, Failure> {
        let own = &config.own;
        let malformed = |problem: &str| Failure::broken(format!("libsql-server: {problem}"));
        let url = own.location.as_deref().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").ok_or_else(|| malformed("give the URL of a running server"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(malformed(
                "the server knows no users; give its token as the option authToken or by --password-file",
            ));
        }
        let is_tls = match (scheme, own.tls) {
            ("libsql", Some(tls)) if tls < 2 => tls == 1,
            (_, Some(1)) if ["https", "wss"].contains(&scheme) => true,
            (_, Some(0)) if ["http", "ws"].contains(&scheme) => false,
            (_, None) => !["http", "ws"].contains(&scheme),
            _ => return Err(malformed("tls is 1 or 0, and for libsql:// only: else https:// or http:// says it")),
        };
        let default = if is_tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| malformed(&format!("port `{port}` is not a number up to 65535")))?)
            }
            // Without TLS there is no default port; libSQL's own clients require one, too.
            _ if scheme == "libsql" && !is_tls => {
                return Err(malformed("with tls=0 give a port, libsql://HOST:8080?tls=0"));
            }
            _ => (authority, default),
        };
        if host.is_empty() {
            return Err(malformed("the URL names no host"));
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err(malformed("an address of IPv6 stands in brackets: http://[::1]:8080"));
        }
        let tls = match is_tls {
            true => Some(tls::client(&Trust::Named("ca", own.ca.as_deref()), None)?.into()),
            false if own.ca.is_some() => return Err(malformed("ca is for https:// only")),
            false => None,
        };
        let path = format!("{}/", path.trim_end_matches('/'));
        let shown = format!("{host}:{port}");
        let (token, recorded) = (own.auth_token.clone(), config.recorded.clone());
        Ok(Endpoint { host: host.into(), port, path, tls, token, shown, timeout, recorded })
    }

    /// Whether the host is this machine.
    pub(super) fn is_local(&self) -> bool {
        is_this_machine(self.bare_host())
    }

    /// An address of IPv6 without its brackets.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The URL of a WebSocket. It is only written into the request: the connection is there already.
    pub(super) fn websocket_url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}:{}{}", self.host, self.port, self.path)
    }

    /// What is recorded of connections.
    pub(super) fn describe(&self) -> &'static str {
        if self.tls.is_some() { "TLS over TCP_NODELAY" } else { "TCP_NODELAY" }
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Transport>, Failure> {
        let host = self.bare_host();
        let tcp = TcpStream::connect((host, self.port)).await.map_err(|error| self.unreachable(error))?;
        tcp.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| Failure::broken(format!("libsql-server: {}: {error}", self.shown)))?;
        let shaken = tokio::time::timeout(self.timeout / 2, tls.connect(name, tcp)).await;
        match shaken.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
            Ok(secured) => Ok(Box::new(secured)),
            Err(_) if !tls::is_spoken_at(host, self.port).await => {
                let problem =
                    "does not speak TLS: write http://, or libsql:// with tls=0, if it is meant to be without";
                let message = format!("libsql-server: {} {problem}", self.shown);
                Err(Failure::new(FailureKind::Unavailable, message))
            }
            Err(error) => {
                let message = format!("libsql-server: {}: {error}", self.shown);
                Err(Failure::new(FailureKind::Unavailable, message).caused_by(error))
            }
        }
    }

    /// The body of the answer to one small HTTP request. By HTTP/1.0, in which it ends with the connection.
    pub(super) async fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        let exchange = async {
            let mut connection = self.connect().await?;
            let head = format!("{method} {}{path} HTTP/1.0\r\nhost: {}:{}\r\n", self.path, self.host, self.port);
            let token = self.token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n"));
            let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            let request = [&head, token.as_deref().unwrap_or_default(), &length, body].concat();
            let mut answer = Vec::new();
            connection.write_all(request.as_bytes()).await.map_err(|error| self.unreachable(error))?;
            let mut some = connection.take(LONGEST_REPLY_BYTES as u64);
            some.read_to_end(&mut answer).await.map_err(|error| self.unreachable(error))?;
            if some.limit() == 0 {
                return Err(too_long(&self.shown));
            }
            self.body(&String::from_utf8_lossy(&answer))
        };
        self.in_time(exchange).await
    }

    fn body(&self, answer: &str) -> Result<String, Failure> {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).unwrap_or("no HTTP");
        let kind = match status {
            "200" => return Ok(body.to_owned()),
            "401" | "403" => FailureKind::Denied,
            "429" | "503" => FailureKind::Overload,
            _ => FailureKind::Broken,
        };
        let words: String = body.chars().take(200).collect();
        Err(Failure::new(kind, format!("libsql-server: {}: {status}: {}", self.shown, words.trim())))
    }

    /// Why the server ended a connection, if it says so. Over WebSocket sqld keeps the reason to itself when a
    /// privilege is missing or it has no room; over HTTP it tells. The statement changes nothing and would never be
    /// allowed to.
    pub(super) async fn refusal(&self) -> Option<Failure> {
        const WRITE: &str = r#"{"requests":[{"type":"execute","stmt":{"sql":"DELETE FROM sqlite_schema WHERE 0"}},
                                            {"type":"close"}]}"#;
        let failure = self.ask("POST", "v3/pipeline", WRITE).await.err()?;
        matches!(failure.kind, FailureKind::Denied | FailureKind::Overload).then_some(failure)
    }

    /// What comes in the time that a connection may take.
    pub(super) async fn in_time<T>(&self, it: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let late =
            |_| Failure::unreached(format!("libsql-server: {} does not answer within {:?}", self.shown, self.timeout));
        tokio::time::timeout(self.timeout, it).await.map_err(late)?
    }

    pub(super) fn unreachable(&self, error: std::io::Error) -> Failure {
        let message = format!("libsql-server: {}", unreachable(&self.shown, &error));
        Failure::new(FailureKind::Unavailable, message).caused_by(error)
    }

    /// The failure of a connection without TLS to a server that speaks it.
    pub(super) async fn wants_tls(&self) -> Option<Failure> {
        let is_plain = self.tls.is_none();
        let message = format!("libsql-server: {} speaks TLS: write https:// or libsql://", self.shown);
        (is_plain && tls::is_spoken_at(self.bare_host(), self.port).await)
            .then(|| Failure::new(FailureKind::Unavailable, message))
    }
}

/// A reply that would be read for ever, or is none of ours.
pub(super) fn too_long(whose: &str) -> Failure {
    Failure::broken(format!("libsql-server: {whose}: the reply is longer than {LONGEST_REPLY_BYTES} bytes"))
}
