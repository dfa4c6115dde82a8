//! A TCP proxy between storebench and a real server, which misbehaves on demand.

#![allow(dead_code)] // Each test file uses its part of this.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// What it does with the server's replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Manner {
    /// Passes everything on.
    Fair,
    /// Passes nothing on and closes nothing: the connection hangs.
    Silent,
    /// Passes half of the next reply on and closes the connection.
    Cut,
    /// Closes every connection, new ones too.
    Closed,
    /// Passes each reply on after [`DELAY`].
    Slow,
}

/// How late a slow reply is.
pub const DELAY: Duration = Duration::from_millis(250);

/// A proxy to one server. Its threads end with the process.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    manner: Arc<AtomicU8>,
}

impl Proxy {
    /// Before a port of 127.0.0.1.
    pub fn before(server: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let manner = Arc::new(AtomicU8::new(Manner::Fair as u8));
        let shared = Arc::clone(&manner);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let manner = Arc::clone(&shared);
                thread::spawn(move || join(&client, server, &manner));
            }
        });
        Proxy { port, manner }
    }

    /// Behaves so from now on.
    pub fn stay(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    /// Behaves so for a while.
    pub fn be(&self, manner: Manner, length: Duration) {
        self.manner.store(manner as u8, Ordering::SeqCst);
        thread::sleep(length);
        self.manner.store(Manner::Fair as u8, Ordering::SeqCst);
    }
}

fn join(client: &TcpStream, server: u16, current: &Arc<AtomicU8>) {
    let is = |manner: Manner| current.load(Ordering::SeqCst) == manner as u8;
    let server = match TcpStream::connect(("127.0.0.1", server)) {
        Ok(server) if !is(Manner::Closed) => server,
        _ => return drop(client.shutdown(Shutdown::Both)),
    };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
    for stream in [client, &server] {
        stream.set_nodelay(true).expect("an open stream");
    }
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    replies(&server, client, current);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn replies(mut server: &TcpStream, mut client: &TcpStream, current: &Arc<AtomicU8>) {
    let mut buffer = [0; 65_536];
    // So that a connection without traffic notices a change of manner too.
    server.set_read_timeout(Some(Duration::from_millis(20))).expect("an open stream");
    loop {
        let read = match server.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => 0,
            Err(_) => return,
        };
        let manner = current.load(Ordering::SeqCst);
        if manner == Manner::Closed as u8 {
            return;
        }
        if manner == Manner::Cut as u8 && read > 0 {
            let _ = client.write_all(&buffer[..read.div_ceil(2)]);
            return;
        }
        let is_slow = manner == Manner::Slow as u8;
        if is_slow && read > 0 {
            thread::sleep(DELAY);
        }
        // What is read in silence is lost: that connection never answers again.
        if (is_slow || manner == Manner::Fair as u8) && client.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
