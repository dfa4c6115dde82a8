//! One connection: made within the time limit, and driven by whoever waits for it, which takes about a third less time
//! for a read by one client on an idle server. Nothing is sent twice and no connection is made again.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisFuture, RedisResult, Value,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::failures::unconnected;
use super::limited::{Allowance, Limited};
use super::session::ask;
use crate::seam::address::is_this_machine;
use crate::support::driven::Driven;
use crate::support::tls;
use crate::{Failure, FailureKind, redacted};

/// A connection.
pub(super) struct Link {
    handle: MultiplexedConnection,
    allowance: Allowance,
    wire: Wire,
}

/// The half of a connection that does its I/O.
struct Wire {
    /// None when it has ended.
    io: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    driven: Driven,
}

/// Where and how to connect.
#[derive(Debug)]
pub(super) struct Target {
    info: ConnectionInfo,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// How long connecting may take, and an answer.
    pub(super) timeout: Duration,
}

/// The files of PEM that an address names for TLS.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pem<'a> {
    pub(super) ca: Option<&'a Path>,
    pub(super) cert: Option<&'a Path>,
    pub(super) key: Option<&'a Path>,
}

impl Pem<'_> {
    fn config(self) -> Result<Arc<ClientConfig>, Failure> {
        match (self.cert, self.key) {
            (None, None) => tls::verified("tls_ca", self.ca),
            (Some(cert), Some(key)) => tls::verified_as(("tls_ca", self.ca), ("tls_cert", cert), ("tls_key", key)),
            _ => Err(Failure::broken("redis: tls_cert and tls_key belong together: give both or neither")),
        }
    }
}

impl Target {
    /// Understands a URL. It connects to nothing.
    pub(super) fn new(location: &str, pem: Pem<'_>, timeout: Duration) -> Result<Self, Failure> {
        let what = redacted(location);
        let problem = |problem: &str| Failure::broken(format!("redis: {what}: {problem}"));
        // The crate is built without a TLS of its own and would not know the scheme.
        let (url, tls) = match location.strip_prefix("rediss://") {
            Some(rest) if rest.contains('#') => {
                return Err(problem("a connection that is not verified is not made; name the certificate in tls_ca"));
            }
            Some(rest) => (format!("redis://{rest}"), Some(pem.config()?)),
            None if pem.ca.or(pem.cert).or(pem.key).is_some() => {
                return Err(problem("tls_ca, tls_cert and tls_key are for rediss:// only"));
            }
            None => (location.to_owned(), None),
        };
        let info: ConnectionInfo = url
            .into_connection_info()
            .map_err(|error| problem(error.detail().unwrap_or("this is no URL of a Redis server")))?;
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        Ok(Target { info: info.set_redis_settings(redis), tls, timeout })
    }

    /// Whether the server's address is of this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::Tcp(host, _) if is_this_machine(host))
    }

    /// A connection for all that is no operation: every answer has its time limit.
    pub(super) async fn connect(&self) -> Result<Link, Failure> {
        self.connect_with(AsyncConnectionConfig::new().set_response_timeout(Some(self.timeout))).await
    }

    /// A connection for operations, whose time is limited by who asks for them: a timer for each is not free.
    pub(super) async fn connect_for_operations(&self) -> Result<Link, Failure> {
        self.connect_with(AsyncConnectionConfig::new().set_response_timeout(None)).await
    }

    async fn connect_with(&self, config: AsyncConnectionConfig) -> Result<Link, Failure> {
        let limited = tokio::time::timeout(self.timeout, async {
            // A server without room for another connection takes it, says so and closes it: before it is asked, which
            // the crate passes over or takes for a refused password, or after. That this user may not ask anything is for
            // the command that comes next.
            let mut link = match self.link(config).await.map_err(|error| unconnected(error, self)) {
                Err(failure) if failure.kind == FailureKind::Denied => {
                    return Err(self.turned_away().await.unwrap_or(failure));
                }
                linked => linked?,
            };
            match ask::<Value>(&mut link, &redis::cmd("PING")).await {
                Err(failure) if failure.kind == FailureKind::Unavailable => {
                    Err(self.turned_away().await.unwrap_or(failure))
                }
                Err(failure) if failure.kind != FailureKind::Denied => Err(failure),
                _ => Ok(link),
            }
        });
        limited.await.unwrap_or_else(|_| {
            let problem = format!("redis: {self}: no connection within {:?}", self.timeout);
            Err(Failure::new(FailureKind::Unavailable, problem))
        })
    }

    /// Under TLS if the address says so, with TCP_NODELAY, signed in and in its database.
    async fn link(&self, config: AsyncConnectionConfig) -> RedisResult<Link> {
        let ConnectionAddr::Tcp(host, port) = self.info.addr() else {
            return Err(io::Error::from(io::ErrorKind::Unsupported).into());
        };
        let tcp = TcpStream::connect((host.as_str(), *port)).await?;
        tcp.set_nodelay(true)?;
        let redis = self.info.redis_settings();
        let allowance = Allowance::default();
        // For what the crate says by itself when it signs in.
        allowance.allow(1);
        let limited = allowance.clone();
        let Some(tls) = &self.tls else {
            let limited = Limited { stream: tcp, allowance: limited };
            let (handle, wire) = MultiplexedConnection::new_with_config(redis, limited, config).await?;
            return Ok(Link { handle, allowance, wire: Wire::new(wire) });
        };
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await?;
        let limited = Limited { stream: tls, allowance: limited };
        let (handle, wire) = MultiplexedConnection::new_with_config(redis, limited, config).await?;
        Ok(Link { handle, allowance, wire: Wire::new(wire) })
    }

    /// What a server that closes connections says to one that asks nothing, if it says that there are too many.
    async fn turned_away(&self) -> Option<Failure> {
        let ConnectionAddr::Tcp(host, port) = self.info.addr() else { return None };
        let words = async {
            let peer = TcpStream::connect((host.as_str(), *port)).await.ok()?;
            peer.readable().await.ok()?;
            let mut words = [0; 128];
            let count = peer.try_read(&mut words).ok()?;
            Some(String::from_utf8_lossy(&words[..count]).trim().to_owned())
        };
        let words = tokio::time::timeout(Duration::from_millis(500), words).await.ok()??;
        let is_full = words.contains("max number of clients");
        let told = || format!("redis: {self}: {}", words.trim_start_matches('-'));
        is_full.then(|| Failure::new(FailureKind::Overload, told()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.info.addr())
    }
}

impl Link {
    /// Sends a command and waits for its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let Link { handle, allowance, wire } = self;
        allowance.allow(1);
        wire.drive(handle.send_packed_command(command)).await
    }

    /// Sends commands together and waits for all of their answers.
    pub(super) async fn send_all(&mut self, pipeline: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        let Link { handle, allowance, wire } = self;
        allowance.allow(count);
        wire.drive(handle.send_packed_commands(pipeline, 0, count)).await
    }
}

/// For the crate's own ways to ask, which decode the answer.
impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let Link { handle, allowance, wire } = self;
        allowance.allow(1);
        Box::pin(wire.drive(handle.send_packed_command(command)))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let Link { handle, allowance, wire } = self;
        allowance.allow(count);
        Box::pin(wire.drive(handle.send_packed_commands(pipeline, offset, count)))
    }

    fn get_db(&self) -> i64 {
        self.handle.get_db()
    }
}

impl Wire {
    fn new(io: impl Future<Output = ()> + Send + 'static) -> Self {
        Wire { io: Some(Box::pin(io)), driven: Driven::default() }
    }

    /// Drives the connection until the work is done.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Wire { io, driven } = self;
        let poll = |context: &mut Context<'_>| {
            // With it goes the channel that the work waits on: it ends as well.
            if io.as_mut().is_some_and(|io| io.as_mut().poll(context).is_ready()) {
                *io = None;
            }
        };
        driven.drive(work, poll).await
    }
}
