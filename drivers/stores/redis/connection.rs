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
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::commands::CommandBuffer;
use super::config::ConnectOptions;
use super::failure::{client_failure, connect_failure};
use super::reply_limit::{LimitedStream, ReplyBudget};
use crate::support::driven::Driven;
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
            let mut connection = match connect(options, config).await.map_err(|error| connect_failure(error, options)) {
                Err(failure) if failure.kind == FailureKind::Denied => {
                    return Err(full_server(options).await.unwrap_or(failure));
                }
                connected => connected?,
            };
            match connection.query::<Reply>(&redis::cmd("PING")).await {
                Err(failure) if failure.kind == FailureKind::Unavailable => {
                    Err(full_server(options).await.unwrap_or(failure))
                }
                Err(failure) if failure.kind != FailureKind::Denied => Err(failure),
                _ => Ok(connection),
            }
        });
        limited.await.unwrap_or_else(|_| {
            Err(Failure::unreached(format!("redis: {options}: no connection within {:?}", options.timeout)))
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

/// Over TLS if the address says so, with TCP_NODELAY.
async fn connect(options: &ConnectOptions, config: AsyncConnectionConfig) -> RedisResult<Connection> {
    let ConnectionAddr::Tcp(host, port) = options.info.addr() else {
        return Err(io::Error::from(io::ErrorKind::Unsupported).into());
    };
    let tcp = TcpStream::connect((host.as_str(), *port)).await?;
    tcp.set_nodelay(true)?;
    let redis = options.info.redis_settings();
    match &options.tls {
        None => sign_in(tcp, redis, config).await,
        Some(tls) => {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            sign_in(TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await?, redis, config).await
        }
    }
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
