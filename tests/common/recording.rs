//! A TCP proxy before Redis that delays reads by a plan, stands still for a while, and writes down when each request came
//! and when its reply left: evidence about latencies that shares no code with the suite.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What the proxy does to reads of records.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long a reply is held back.
    pub delay: Duration,
    /// One in so many replies is held back for so long instead.
    pub slow: (u64, Duration),
    /// From the first read on: when no reply passes, and for how long.
    pub freeze: (Duration, Duration),
}

/// One read of a record, as the proxy saw it.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// The number of the connection, in the order in which they were made.
    pub connection: usize,
    /// When the whole request had come.
    pub came: Instant,
    /// When the whole reply had left.
    pub left: Instant,
}

/// A proxy to one server. Its threads end with the process.
pub struct Recording {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    first: Option<Instant>,
    requests: u64,
    reads: Vec<Observed>,
}

impl Recording {
    /// Before a port of 127.0.0.1.
    pub fn before(server: u16, plan: Plan) -> Recording {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for (connection, client) in listener.incoming().flatten().enumerate() {
                let server = TcpStream::connect(("127.0.0.1", server)).expect("the server listens");
                let shared = Arc::clone(&shared);
                thread::spawn(move || pass((connection, &client), &server, plan, &shared));
            }
        });
        Recording { port, seen }
    }

    /// All reads in the order in which they came.
    pub fn reads(&self) -> Vec<Observed> {
        let mut reads = self.seen.lock().expect("whole").reads.clone();
        reads.sort_by_key(|read| read.came);
        reads
    }
}

/// One connection, which waits for each answer before it asks again, or is passed on as it is.
fn pass((connection, mut client): (usize, &TcpStream), mut server: &TcpStream, plan: Plan, seen: &Mutex<Seen>) {
    for stream in [client, server] {
        stream.set_nodelay(true).expect("an open stream");
    }
    let mut buffer = vec![0; 1 << 16];
    loop {
        let Ok(count @ 1..) = client.read(&mut buffer) else { return };
        let came = Instant::now();
        let is_read = is_one_read(&buffer[..count]);
        if server.write_all(&buffer[..count]).is_err() {
            return;
        }
        let number = is_read.then(|| {
            let mut seen = seen.lock().expect("whole");
            seen.first.get_or_insert(came);
            seen.requests += 1;
            (seen.requests, seen.first.expect("just set"))
        });
        let Some((number, first)) = number else {
            // Anything else: whatever comes back until the client asks again.
            if pass_freely(client, server).is_none() {
                return;
            }
            continue;
        };
        let mut reply = Vec::new();
        while !is_whole(&reply) {
            let Ok(count @ 1..) = server.read(&mut buffer) else { return };
            reply.extend_from_slice(&buffer[..count]);
        }
        thread::sleep(if number % plan.slow.0 == 0 { plan.slow.1 } else { plan.delay });
        let (from, length) = plan.freeze;
        let frozen = (first + from)..(first + from + length);
        if frozen.contains(&Instant::now()) {
            thread::sleep(frozen.end - Instant::now());
        }
        if client.write_all(&reply).is_err() {
            return;
        }
        seen.lock().expect("whole").reads.push(Observed { connection, came, left: Instant::now() });
    }
}

/// Passes both ways until the client has something to say and the server has not; None when either is gone.
fn pass_freely(client: &TcpStream, mut server: &TcpStream) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    server.set_read_timeout(Some(Duration::from_millis(1))).expect("an open stream");
    let passed = loop {
        match server.read(&mut buffer) {
            Ok(0) => break None,
            Ok(count) => {
                let mut client = client;
                if client.write_all(&buffer[..count]).is_err() {
                    break None;
                }
            }
            Err(_) => {
                client.set_nonblocking(true).expect("an open stream");
                let waiting = client.peek(&mut [0]);
                client.set_nonblocking(false).expect("an open stream");
                match waiting {
                    Ok(0) => break None,
                    Ok(_) => break Some(()),
                    Err(_) => {}
                }
            }
        }
    };
    server.set_read_timeout(None).expect("an open stream");
    passed
}

/// Whether this is one command, a read of a record's fields.
fn is_one_read(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    text.starts_with("*12\r\n$5\r\nHMGET\r\n") && text.matches("HMGET").count() == 1
}

/// Whether a reply of bulk strings is whole: an array that says its length, and each string its own (RESP2).
fn is_whole(reply: &[u8]) -> bool {
    let line = |from: usize| -> Option<(i64, usize)> {
        let end = from + reply.get(from..)?.windows(2).position(|pair| pair == b"\r\n")?;
        Some((std::str::from_utf8(&reply[from + 1..end]).ok()?.parse().ok()?, end + 2))
    };
    let Some((count, mut at)) = line(0) else { return false };
    for _ in 0..count {
        let Some((length, start)) = line(at) else { return false };
        at = start + if length < 0 { 0 } else { length as usize + 2 };
    }
    at == reply.len()
}
