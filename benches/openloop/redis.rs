//! The Redis protocol (RESP2) as far as reading hashes needs it, on a blocking socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use drivers::server::Server;

use super::peer::Connection;

/// A connection, and the keys of the hashes that the suite left.
pub struct Client {
    stream: BufReader<TcpStream>,
    keys: Vec<String>,
}

impl Connection for Client {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
        stream.set_nodelay(true).expect("an open stream");
        let mut client = Client { stream: BufReader::new(stream), keys: Vec::new() };
        let password = server.address.split(['@', ':']).nth(2).expect("redis://:password@host");
        client.ask(&["AUTH", password]);
        let hashes = client.ask(&["SCAN", "0", "MATCH", "storebench:*:user*", "COUNT", "100000", "TYPE", "hash"]);
        // A cursor and a list: the first line is the cursor.
        client.keys = hashes.into_iter().skip(1).collect();
        assert_eq!(client.keys.len() as u64, super::super::RECORDS, "records that the suite has loaded");
        client
    }

    fn read(&mut self, at: usize) {
        let key = std::mem::take(&mut self.keys[at]);
        let fields = self.ask(&["HGETALL", &key]);
        assert_eq!(fields.len(), 20, "ten fields with their names");
        self.keys[at] = key;
    }

    fn records(&self) -> usize {
        self.keys.len()
    }
}

impl Client {
    /// Sends a command and waits for its reply, flattened to its texts.
    fn ask(&mut self, words: &[&str]) -> Vec<String> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(command.as_bytes()).expect("sent");
        let mut texts = Vec::new();
        self.reply(&mut texts);
        texts
    }

    fn reply(&mut self, texts: &mut Vec<String>) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a reply");
        let (kind, rest) = line.trim_end().split_at(1);
        let count = || rest.parse::<usize>().expect("a length");
        match kind {
            "+" | ":" => texts.push(rest.to_owned()),
            "$" => {
                let mut text = vec![0; count() + 2];
                self.stream.read_exact(&mut text).expect("a text");
                text.truncate(text.len() - 2);
                texts.push(String::from_utf8_lossy(&text).into_owned());
            }
            "*" => (0..count()).for_each(|_| self.reply(texts)),
            _ => panic!("the server says {line}"),
        }
    }
}
