//! One connection: made within the time limit, and driven by whoever waits for it, which takes about a third less time
//! for a read by one client on an idle server. Nothing is sent twice and no connection is made again.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, FromRedisValue, Pipeline, RedisConnectionInfo, RedisFuture,
    RedisResult, Value as Reply,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::commands::CommandBuffer;
use super::config::ConnectOptions;
use super::failure::{client_failure, connect_failure};
use super::reply_limit::{LimitedStream, ReplyBudget};
use crate::support::driven::Driven;
use crate::support::reach::unreachable;
use crate::support::tls;
use crate::{Failure, FailureKind};

/// A connection that is signed in and in its database.
pub(super) struct Connection {
    handle: MultiplexedConnection,
    budget: ReplyBudget,
    io: IoDriver,
}

impl Connection {
    /// A connection for everything but operations: each answer has its time limit.
    pub(super) async fn open(options: &ConnectOptions) -> Result<Self, Failure> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(options.timeout));
        Self::open_with(options, config).await
    }

    /// A connection for operations, whose time the engine limits: a timer for each would cost time.
    pub(super) async fn open_for_operations(options: &ConnectOptions) -> Result<Self, Failure> {
        Self::open_with(options, AsyncConnectionConfig::new().set_response_timeout(None)).await
    }

    async fn open_with(options: &ConnectOptions, config: AsyncConnectionConfig) -> Result<Self, Failure> {
        let limited = tokio::time::timeout(options.timeout, async {
            // A server without room for another connection accepts it, says so and closes it, either before we ask
            // anything (the crate then ignores the message or takes it for a refused password) or after. A user who may
            // not even PING learns that from the next command.
            let mut connection = match connect(options, config).await {
                Err(failure) if failure.kind == FailureKind::Denied => {
                    return Err(full_server(options).await.unwrap_or(failure));
                }
                Err(failure) => return Err(wants_tls(options).await.unwrap_or(failure)),
                Ok(connected) => connected,
            };
            match connection.query::<Reply>(&redis::cmd("PING")).await {
                Err(failure) if failure.kind == FailureKind::Unavailable => match full_server(options).await {
                    Some(full) => Err(full),
                    None => Err(wants_tls(options).await.unwrap_or(failure)),
                },
                Err(failure) if failure.kind != FailureKind::Denied => Err(wants_tls(options).await.unwrap_or(failure)),
                _ => Ok(connection),
            }
        });
        limited.await.unwrap_or_else(|_| {
            Err(Failure::unreached(format!("redis: {options} does not answer within {:?}", options.timeout)))
        })
    }

    /// Sends the commands of an operation together and waits for all replies; nothing is sent if there are none.
    pub(super) async fn round_trip(&mut self, commands: &mut CommandBuffer, verb: &str) -> Result<Replies, Failure> {
        let Connection { handle, budget, io } = self;
        let count = commands.commands().len();
        budget.allow(count);
        let answered = match commands.commands() {
            [] => Ok(Replies::Many(Vec::new().into_iter())),
            [command] => io.drive(handle.send_packed_command(command)).await.map(|reply| Replies::One(Some(reply))),
            _ => {
                let pipeline = commands.drain();
                let replies = io.drive(handle.send_packed_commands(&pipeline, 0, count)).await;
                replies.map(|replies| Replies::Many(replies.into_iter()))
            }
        };
        answered.map_err(|error| client_failure(error, verb))
    }

    /// Sends a command that is not part of an operation.
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Failure> {
        let name = match command.args_iter().next() {
            Some(redis::Arg::Simple(name)) => String::from_utf8_lossy(name),
            _ => "".into(),
        };
        command.query_async(self).await.map_err(|error| client_failure(error, name))
    }
}

/// What the client library needs to send commands and decode their answers.
impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Reply> {
        let Connection { handle, budget, io } = self;
        budget.allow(1);
        Box::pin(io.drive(handle.send_packed_command(command)))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Reply>> {
        let Connection { handle, budget, io } = self;
        budget.allow(count);
        Box::pin(io.drive(handle.send_packed_commands(pipeline, offset, count)))
    }

    fn get_db(&self) -> i64 {
        self.handle.get_db()
    }
}

/// The replies of one round trip, in the order of the commands.
pub(super) enum Replies {
    One(Option<Reply>),
    Many(std::vec::IntoIter<Reply>),
}

impl Iterator for Replies {
    type Item = Reply;

    fn next(&mut self) -> Option<Reply> {
        match self {
            Replies::One(reply) => reply.take(),
            Replies::Many(replies) => replies.next(),
        }
    }
}

/// Over TLS if the address says so, with TCP_NODELAY; or to a socket.
async fn connect(options: &ConnectOptions, config: AsyncConnectionConfig) -> Result<Connection, Failure> {
    let unreached = |error: io::Error| {
        let problem = format!("redis: {}", unreachable(options, &error));
        Failure::new(FailureKind::Unavailable, problem).caused_by(error)
    };
    let signed_in = |result: RedisResult<Connection>| result.map_err(|error| connect_failure(error, options));
    let redis = options.info.redis_settings();
    let (host, port) = match options.info.addr() {
        ConnectionAddr::Tcp(host, port) => (host, *port),
        ConnectionAddr::Unix(path) => {
            let socket = UnixStream::connect(path).await.map_err(unreached)?;
            return signed_in(sign_in(socket, redis, config).await);
        }
        _ => return Err(unreached(io::ErrorKind::Unsupported.into())),
    };
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(unreached)?;
    tcp.set_nodelay(true).map_err(unreached)?;
    let Some(tls) = &options.tls else { return signed_in(sign_in(tcp, redis, config).await) };
    let name = ServerName::try_from(host.clone()).map_err(|error| unreached(io::Error::other(error)))?;
    // A server without TLS waits for the end of a command that never comes.
    let shaken =
        tokio::time::timeout(options.timeout / 2, TlsConnector::from(Arc::clone(tls)).connect(name, tcp)).await;
    match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(secured) => signed_in(sign_in(secured, redis, config).await),
        Err(_) if !tls::is_spoken_at(host, port).await => {
            let problem = format!("redis: {options} does not speak TLS: write redis:// if it is meant to be without");
            Err(Failure::new(FailureKind::Unavailable, problem))
        }
        Err(error) => signed_in(Err(error.into())),
    }
}

/// The failure of a connection without TLS to a server that speaks it.
async fn wants_tls(options: &ConnectOptions) -> Option<Failure> {
    let ConnectionAddr::Tcp(host, port) = options.info.addr() else { return None };
    let is_plain = options.tls.is_none();
    let problem = format!("redis: {options} speaks TLS: write rediss://");
    (is_plain && tls::is_spoken_at(host, *port).await).then(|| Failure::new(FailureKind::Unavailable, problem))
}

async fn sign_in<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: T,
    redis: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> RedisResult<Connection> {
    let budget = ReplyBudget::default();
    budget.allow(1);
    let stream = LimitedStream { stream, budget: budget.clone() };
    let (handle, io) = MultiplexedConnection::new_with_config(redis, stream, config).await?;
    Ok(Connection { handle, budget, io: IoDriver { io: Some(Box::pin(io)), driven: Driven::default() } })
}

/// The failure of a server that has too many clients. Such a server says so to a client that sends nothing.
async fn full_server(options: &ConnectOptions) -> Option<Failure> {
    let ConnectionAddr::Tcp(host, port) = options.info.addr() else { return None };
    let greeting = async {
        let peer = TcpStream::connect((host.as_str(), *port)).await.ok()?;
        peer.readable().await.ok()?;
        let mut bytes = [0; 128];
        let count = peer.try_read(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).trim().to_owned())
    };
    let greeting = tokio::time::timeout(Duration::from_millis(500), greeting).await.ok()??;
    let is_full = greeting.contains("max number of clients");
    let message = || format!("redis: {options}: {}", greeting.trim_start_matches('-'));
    is_full.then(|| Failure::new(FailureKind::Overload, message()))
}

/// The half of a connection that does its I/O.
struct IoDriver {
    /// None once the connection has ended.
    io: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    driven: Driven,
}

impl IoDriver {
    /// Drives the connection until the work is done.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let IoDriver { io, driven } = self;
        let poll = |context: &mut Context<'_>| {
            // Dropping it closes the channel that the work waits on, so the work ends as well.
            if io.as_mut().is_some_and(|io| io.as_mut().poll(context).is_ready()) {
                *io = None;
            }
        };
        driven.drive(work, poll).await
    }
}
