//! A SQL stream: one WebSocket, on which one request is under way at a time. The server has one SQLite connection for
//! it and closes it, rolling back, when the WebSocket ends.
//!
//! A text is stored on the server when it is first used, without a round trip of its own. sqld itself parses and
//! prepares a statement for each execution: it keeps texts, not statements.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::endpoint::{Endpoint, too_long};
use super::hrana::{
    self, Condition, Fetched, HranaMessage, RequestKind, STORED_TEXTS, STREAM, ServerError, SqlText, StatementReply,
    StepResult,
};
use super::prepared::PreparedStatements;
use super::steps::BatchStep;
use super::wire::ProtobufWriter;
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::sql::sqlite::ownership::AdminConnection;
use crate::sql::sqlite::values::SqliteValue;
use crate::support::tls::Transport;
use crate::{Failure, FailureKind};

/// A stream of Hrana on a WebSocket: a connection to the database of its own.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Transport>>,
    endpoint: Arc<Endpoint>,
    prepared: PreparedStatements,
    /// How many of the texts the server has.
    stored: usize,
    /// Number of the last request.
    request: u32,
    /// Requests whose answers were not awaited.
    unanswered: usize,
}

/// Stored texts are told apart from the request under way.
const STORING: u32 = 0;

impl Connection {
    /// Connects, says hello and opens the stream, within the time that a connection may take.
    pub(super) async fn open(endpoint: &Arc<Endpoint>, prepared: PreparedStatements) -> Result<Connection, Failure> {
        let opened = async {
            let (socket, endpoint) = (upgraded(endpoint).await?, Arc::clone(endpoint));
            let mut connection = Connection { socket, endpoint, prepared, stored: 0, request: STREAM, unanswered: 0 };
            match connection.begin().await {
                Ok(()) => Ok(connection),
                Err(failure) if failure.kind == FailureKind::Unavailable => {
                    Err(connection.endpoint.refusal().await.unwrap_or(failure))
                }
                Err(failure) => Err(failure),
            }
        };
        endpoint.in_time(opened).await
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        // Nobody waits for the welcome.
        self.feed(hrana::hello(self.endpoint.token.as_deref())).await?;
        self.feed(hrana::request(STREAM, RequestKind::OpenStream, |out| out.number(1, STREAM))).await?;
        self.flush().await?;
        match self.receive().await? {
            HranaMessage::Hello(accepted) => accepted.map_err(|refusal| refusal.failure(&self.endpoint.shown))?,
            HranaMessage::Answer(..) => return Err(hrana::unexpected()),
        }
        let opened = self.answer(STREAM).await?;
        opened.map(|_| ()).map_err(|refusal| refusal.failure(&self.endpoint.shown))
    }

    /// Carries out one statement. `what` it is about, for messages.
    pub(super) async fn execute(
        &mut self,
        step: &BatchStep<'_>,
        what: &dyn Display,
    ) -> Result<StatementReply, Failure> {
        let text = self.prepared.find(&step.statement);
        let answer = self.ask(RequestKind::Execute, |out, texts| {
            out.number(1, STREAM);
            out.message(2, |out| hrana::statement(out, texts.text(text), &step.arguments, step.wants_rows));
        });
        StatementReply::read(&answer.await?.map_err(|refusal| refusal.failure(what))?)
    }

    /// Carries out the steps of a batch in one round trip.
    pub(super) async fn batch(&mut self, steps: &[BatchStep<'_>]) -> Result<Vec<StepResult>, Failure> {
        let texts: Vec<usize> = steps.iter().map(|step| self.prepared.find(&step.statement)).collect();
        let answer = self.ask(RequestKind::Batch, |out, known| {
            out.number(1, STREAM);
            out.message(2, |out| {
                for (step, text) in steps.iter().zip(&texts) {
                    write_step(out, step, known.text(*text));
                }
            });
        });
        let answer = answer.await?.map_err(|refusal| refusal.failure(&"a batch"))?;
        StepResult::read_all(&answer, steps.len())
    }

    /// Carries out a statement that is used once.
    pub(super) async fn query(&mut self, sql: &str, parameters: &[&str]) -> Result<StatementReply, Failure> {
        let parameters: Vec<SqliteValue<'_>> =
            parameters.iter().map(|text| SqliteValue::Text((*text).into())).collect();
        let answer = self.ask(RequestKind::Execute, |out, _| {
            out.number(1, STREAM);
            out.message(2, |out| hrana::statement(out, SqlText::Sent(sql), &parameters, true));
        });
        StatementReply::read(&answer.await?.map_err(|refusal| refusal.failure(&sql))?)
    }

    /// Goes through all rows of a statement, a thousand a round trip. What its condition keeps from being carried out fails.
    pub(super) async fn go_through(
        &mut self,
        sql: &str,
        condition: Condition,
        take: &mut dyn FnMut(hrana::Columns<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let step = |out: &mut ProtobufWriter| {
            hrana::condition(out, condition);
            out.message(2, |out| hrana::statement(out, SqlText::Sent(sql), &[], true));
        };
        let opened = self.ask(RequestKind::OpenCursor, |out, _| {
            out.number(1, STREAM);
            out.number(2, hrana::CURSOR);
            out.message(3, |out| out.message(1, step));
        });
        opened.await?.map_err(|refusal| refusal.failure(&sql))?;
        let fetched = self.fetch_all(sql, take).await;
        // After a failure too: a stream with an open cursor takes nothing else.
        let closed = self.ask(RequestKind::CloseCursor, |out, _| out.number(1, hrana::CURSOR)).await;
        fetched?;
        closed?.map_err(|refusal| refusal.failure(&sql)).map(|_| ())
    }

    async fn fetch_all(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(hrana::Columns<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        const ROWS: u32 = 1000;
        let (mut done, mut complete) = (false, false);
        while !done {
            let fetched = self.ask(RequestKind::FetchCursor, |out, _| {
                out.number(1, hrana::CURSOR);
                out.number(2, ROWS);
            });
            let fetched = fetched.await?.map_err(|refusal| refusal.failure(&sql))?;
            let Fetched { done: now_done, complete: now_complete } = hrana::read_cursor(&fetched, &sql, take)?;
            (done, complete) = (now_done, complete || now_complete);
        }
        if complete { Ok(()) } else { Err(Failure::broken(format!("libsql-server: `{sql}` was answered in part"))) }
    }

    /// Sends a request, after those texts that it uses and the server does not have, and awaits the answer to all.
    async fn ask(
        &mut self,
        request: RequestKind,
        write: impl FnOnce(&mut ProtobufWriter, &PreparedStatements),
    ) -> Result<Result<Bytes, ServerError>, Failure> {
        match self.exchange(request, write).await {
            Err(failure) if failure.kind == FailureKind::Unavailable => {
                let denied = self.endpoint.refusal().await.filter(|refusal| refusal.kind == FailureKind::Denied);
                Err(denied.unwrap_or(failure))
            }
            answer => answer,
        }
    }

    async fn exchange(
        &mut self,
        request: RequestKind,
        write: impl FnOnce(&mut ProtobufWriter, &PreparedStatements),
    ) -> Result<Result<Bytes, ServerError>, Failure> {
        while self.stored < self.prepared.len().min(STORED_TEXTS) {
            let store = hrana::request(STORING, RequestKind::StoreSql, |out| {
                out.number(1, self.stored as u32);
                out.bytes(2, self.prepared.sql(self.stored).as_bytes());
            });
            self.feed(store).await?;
            self.stored += 1;
            self.unanswered += 1;
        }
        // Zero is for texts.
        self.request = self.request.wrapping_add(1).max(1) & i32::MAX as u32;
        let message = hrana::request(self.request, request, |out| write(out, &self.prepared));
        self.feed(message).await?;
        self.flush().await?;
        self.answer(self.request).await
    }

    async fn answer(&mut self, request: u32) -> Result<Result<Bytes, ServerError>, Failure> {
        let mut answer = None;
        loop {
            match answer {
                Some(answer) if self.unanswered == 0 => return Ok(answer),
                _ => {}
            }
            match self.receive().await? {
                HranaMessage::Answer(STORING, stored) => {
                    stored.map_err(|refusal| refusal.failure(&"a text"))?;
                    self.unanswered = self.unanswered.checked_sub(1).ok_or_else(hrana::unexpected)?;
                }
                HranaMessage::Answer(number, answered) if number == request && answer.is_none() => {
                    answer = Some(answered)
                }
                _ => return Err(hrana::unexpected()),
            }
        }
    }

    async fn feed(&mut self, message: Vec<u8>) -> Result<(), Failure> {
        self.socket.feed(tungstenite::Message::Binary(message.into())).await.map_err(broken_off)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.socket.flush().await.map_err(broken_off)
    }

    async fn receive(&mut self) -> Result<HranaMessage, Failure> {
        loop {
            match self.socket.next().await {
                Some(Ok(tungstenite::Message::Binary(message))) => return HranaMessage::read(&message),
                Some(Ok(tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_))) => {}
                Some(Ok(tungstenite::Message::Close(Some(why)))) => {
                    let message = format!("libsql-server: the server closed the connection: {}", why.reason);
                    return Err(Failure::new(FailureKind::Unavailable, message));
                }
                Some(Ok(tungstenite::Message::Close(None))) | None => return Err(broken_off("closed")),
                Some(Ok(_)) => return Err(hrana::unexpected()),
                Some(Err(tungstenite::Error::Capacity(_))) => return Err(too_long(&self.endpoint.shown)),
                Some(Err(error)) => return Err(broken_off(error)),
            }
        }
    }
}

impl AdminConnection for Connection {
    async fn run(&mut self, sql: &str, parameters: &[&str]) -> Result<(), Failure> {
        self.query(sql, parameters).await.map(|_| ())
    }

    async fn texts(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<String>, Failure> {
        let reply = self.query(sql, parameters).await?;
        let text = |column| match column {
            SqliteValue::Text(text) => Ok(text.into_owned()),
            SqliteValue::Integer(number) => Ok(number.to_string()),
            other => Err(Failure::broken(format!("libsql-server: `{sql}` answers {other:?}"))),
        };
        reply.rows().map(|row| row?.column().and_then(text)).collect()
    }
}

fn write_step(out: &mut ProtobufWriter, step: &BatchStep<'_>, text: SqlText<'_>) {
    out.message(1, |out| {
        hrana::condition(out, step.condition);
        out.message(2, |out| hrana::statement(out, text, &step.arguments, step.wants_rows));
    });
}

async fn upgraded(endpoint: &Endpoint) -> Result<WebSocketStream<Box<dyn Transport>>, Failure> {
    let broken = |error: tungstenite::Error| {
        let message = format!("libsql-server: {} has no WebSocket of Hrana 3: {error}", endpoint.shown);
        let kind = match &error {
            tungstenite::Error::Http(answer) if [401, 403].contains(&answer.status().as_u16()) => FailureKind::Denied,
            tungstenite::Error::Io(_) | tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                FailureKind::Unavailable
            }
            _ => FailureKind::Broken,
        };
        Failure::new(kind, message).caused_by(error)
    };
    let mut request = endpoint.websocket_url().into_client_request().map_err(broken)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(hrana::SUBPROTOCOL));
    let connection = endpoint.connect().await?;
    // sqld sends a reply as one frame, for which the client's own limit is 16 MiB.
    let limits = WebSocketConfig::default()
        .max_frame_size(Some(LONGEST_REPLY_BYTES))
        .max_message_size(Some(LONGEST_REPLY_BYTES));
    match client_async_with_config(request, connection, Some(limits)).await.map_err(broken) {
        Ok((socket, _)) => Ok(socket),
        Err(failure) if failure.kind == FailureKind::Denied => Err(failure),
        Err(failure) => Err(endpoint.wants_tls().await.unwrap_or(failure)),
    }
}

fn broken_off(why: impl Display) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("libsql-server: the connection broke: {why}"))
}

/// Tries again for as long as it meets a conflict, up to 10 s: for what is not measured. A writer of sqld waits 100 ms for
/// another or for a checkpoint, and clients cannot have it wait for longer.
pub(super) async fn retrying<T>(mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..100 {
        match attempt().await {
            Err(failure) if failure.kind == FailureKind::Conflict => tokio::time::sleep(PAUSE).await,
            result => return result,
        }
    }
    attempt().await
}

const PAUSE: Duration = Duration::from_millis(10);
