//! A TCP proxy that knows no protocol and counts the turns of each conversation: how often the client spoke after the server
//! had, which is how often it waited for an answer. It may hold every answer back, as a longer way would.

#![allow(dead_code)] // Each test file uses its part of this.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A proxy to one server. Its threads end with the process.
pub struct Turns {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    conversations: Arc<Mutex<Vec<Arc<Mutex<Conversation>>>>>,
}

/// What was said on one connection.
#[derive(Default)]
struct Conversation {
    turns: u64,
    said: Vec<u8>,
    has_ended: bool,
}

impl Turns {
    /// Before a port of 127.0.0.1, with every answer so late.
    pub fn before(server: u16, delay: Duration) -> Turns {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let conversations: Arc<Mutex<Vec<Arc<Mutex<Conversation>>>>> = Arc::default();
        let shared = Arc::clone(&conversations);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let conversation: Arc<Mutex<Conversation>> = Arc::default();
                shared.lock().expect("whole").push(Arc::clone(&conversation));
                thread::spawn(move || pass(&client, server, delay, &conversation));
            }
        });
        Turns { port, conversations }
    }

    /// The turns of all conversations until now in which the client said this, and forgets them. What the client says last is
    /// waited for: its process may have ended before it comes here.
    pub fn of_those_that_said(&self, words: &str) -> Vec<u64> {
        let conversations = std::mem::take(&mut *self.conversations.lock().expect("whole"));
        let is_open = |one: &Arc<Mutex<Conversation>>| !one.lock().expect("whole").has_ended;
        for _ in 0..1_000 {
            if !conversations.iter().any(is_open) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let conversations = conversations.iter().map(|conversation| conversation.lock().expect("whole"));
        let said = |said: &[u8]| said.windows(words.len()).any(|window| window == words.as_bytes());
        conversations.filter(|conversation| said(&conversation.said)).map(|conversation| conversation.turns).collect()
    }
}

fn pass(client: &TcpStream, server: u16, delay: Duration, conversation: &Arc<Mutex<Conversation>>) {
    let server = TcpStream::connect(("127.0.0.1", server)).expect("the server listens");
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let has_answered = Arc::new(AtomicBool::new(true));
    let (answered, told) = (Arc::clone(&has_answered), Arc::clone(conversation));
    for stream in [client, &server] {
        stream.set_nodelay(true).expect("an open stream");
    }
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_client.read(&mut buffer) {
            let mut told = told.lock().expect("whole");
            told.turns += u64::from(answered.swap(false, Ordering::SeqCst));
            told.said.extend_from_slice(&buffer[..count]);
            drop(told);
            if to_server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        told.lock().expect("whole").has_ended = true;
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let (mut from_server, mut to_client) = (&server, client);
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from_server.read(&mut buffer) {
        thread::sleep(delay);
        has_answered.store(true, Ordering::SeqCst);
        if to_client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
