//! PostgreSQL's protocol (version 3) as far as a prepared read needs it, on a blocking socket. SCRAM is computed by the
//! crate that has it.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use drivers::server::Server;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use super::peer::Connection;

/// A connection with a prepared read, and the keys of the records that the suite left.
pub struct Client {
    stream: BufReader<TcpStream>,
    keys: Vec<String>,
    message: Vec<u8>,
}

impl Connection for Client {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
        stream.set_nodelay(true).expect("an open stream");
        let mut client = Client { stream: BufReader::new(stream), keys: Vec::new(), message: Vec::new() };
        client.sign_in(server.address.split(['@', ':']).nth(2).expect("postgres://postgres:password@host"));
        let table = client.query(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables \
             WHERE table_name = 'usertable' AND table_schema LIKE 'storebench%'",
        );
        let key = client.query(&format!(
            "SELECT quote_ident(attname) FROM pg_attribute, pg_index WHERE indrelid = '{}'::regclass AND indisprimary \
             AND attrelid = indrelid AND attnum = indkey[0]",
            table[0]
        ));
        client.keys = client.query(&format!("SELECT {} FROM {}", key[0], table[0]));
        assert_eq!(client.keys.len() as u64, super::super::RECORDS, "records that the suite has loaded");
        let read = format!("SELECT * FROM {} WHERE {} = $1", table[0], key[0]);
        client.send(&[(b'P', [b"read\0", read.as_bytes(), b"\0\0\0"].concat()), (b'S', Vec::new())]);
        client.until_ready();
        client
    }

    fn read(&mut self, at: usize) {
        let key = self.keys[at].as_bytes();
        let length = (key.len() as u32).to_be_bytes();
        // The unnamed portal of `read`: one parameter, as text, and all columns as text.
        let bind = [b"\0read\0\0\0\0\x01", &length[..], key, b"\0\0"].concat();
        self.send(&[(b'B', bind), (b'E', b"\0\0\0\0\0".to_vec()), (b'S', Vec::new())]);
        assert_eq!(self.until_ready().len(), 1, "one record");
    }

    fn records(&self) -> usize {
        self.keys.len()
    }
}

impl Client {
    fn sign_in(&mut self, password: &str) {
        let parameters = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
        let length = (parameters.len() as u32 + 4).to_be_bytes();
        self.stream.get_mut().write_all(&[&length, &parameters[..]].concat()).expect("sent");
        self.expect(b'R');
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let first = scram.message().to_vec();
        let length = (first.len() as u32).to_be_bytes();
        self.send(&[(b'p', [SCRAM_SHA_256.as_bytes(), b"\0", &length, &first].concat())]);
        self.expect(b'R');
        scram.update(&self.message[4..]).expect("a challenge");
        let second = scram.message().to_vec();
        self.send(&[(b'p', second)]);
        self.expect(b'R');
        scram.finish(&self.message[4..]).expect("the server knows the password");
        self.until_ready();
    }

    /// The first column of all rows of a simple query.
    fn query(&mut self, sql: &str) -> Vec<String> {
        self.send(&[(b'Q', [sql.as_bytes(), b"\0"].concat())]);
        let rows = self.until_ready();
        let first = |row: Vec<u8>| {
            let length = u32::from_be_bytes(row[2..6].try_into().expect("four bytes")) as usize;
            String::from_utf8(row[6..6 + length].to_vec()).expect("text")
        };
        rows.into_iter().map(first).collect()
    }

    fn send(&mut self, messages: &[(u8, Vec<u8>)]) {
        let mut bytes = Vec::new();
        for (kind, body) in messages {
            bytes.push(*kind);
            bytes.extend((body.len() as u32 + 4).to_be_bytes());
            bytes.extend(body);
        }
        self.stream.get_mut().write_all(&bytes).expect("sent");
    }

    /// The rows until the server is ready for the next query.
    fn until_ready(&mut self) -> Vec<Vec<u8>> {
        let mut rows = Vec::new();
        loop {
            match self.receive() {
                b'D' => rows.push(self.message.clone()),
                b'E' => panic!("the server says {}", String::from_utf8_lossy(&self.message)),
                b'Z' => return rows,
                _ => {}
            }
        }
    }

    fn expect(&mut self, kind: u8) {
        let received = self.receive();
        assert_eq!(received, kind, "the server says {}", String::from_utf8_lossy(&self.message));
    }

    fn receive(&mut self) -> u8 {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).expect("a message");
        let length = u32::from_be_bytes(head[1..].try_into().expect("four bytes")) as usize - 4;
        self.message.resize(length, 0);
        self.stream.read_exact(&mut self.message).expect("a message");
        head[0]
    }
}
