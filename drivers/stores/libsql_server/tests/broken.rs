//! Servers that are not there, are something else, die, or answer by halves.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::config::OwnOptions;
use super::*;
use crate::seam::failure::LONGEST_REPLY_BYTES;

#[tokio::test]
async fn who_does_not_answer_is_unavailable_at_once() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let silent = free.expect("a port that nobody listens on");
    let started = Instant::now();
    let failure = open(&format!("http://{silent}"), "one").await.err().expect("nobody there");
    assert!(failure.kind == FailureKind::Unavailable && failure.message.contains(&silent.to_string()), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(1));
    let hangs = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let failure = open(&format!("http://{}", hangs.local_addr().expect("its address")), "one").await;
    assert_eq!(failure.err().expect("nothing is said").kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_server_of_something_else_is_told_apart() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let answer = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        assert!(connection.read(&mut [0; 1024]).await.expect("a request") > 0);
        connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.expect("answered");
    };
    let (opened, ()) = tokio::join!(open(&address, "one"), answer);
    let failure = opened.err().expect("refused");
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("Hrana"), "{failure}");
}

#[tokio::test]
async fn a_killed_server_fails_what_is_under_way_at_once() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &user("a", "a")).await.expect("inserted");
    let mut blocker = store.connect().await.expect("a stream");
    blocker.run("BEGIN IMMEDIATE", &[]).await.expect("the write lock");
    let kill = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pid = nix::unistd::Pid::from_raw(server.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
        Instant::now()
    };
    let insert = user("b", "b");
    let (ended, killed) = tokio::join!(run(&mut session, &insert), kill);
    assert_eq!(ended.expect_err("cut off").kind, FailureKind::Unavailable);
    assert!(killed.elapsed() < Duration::from_secs(1));
    assert_eq!(run(&mut session, &insert).await.expect_err("gone").kind, FailureKind::Unavailable);
    assert_eq!(store.session().await.err().expect("gone").kind, FailureKind::Unavailable);
}

/// Passes bytes on between a client and a server, and from the server no more than so many.
async fn cut_after(server: &str, bytes: usize) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let server = server.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a client");
        let server = tokio::net::TcpStream::connect(server).await.expect("the server");
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let up = tokio::io::copy(&mut from_client, &mut to_server);
        let mut some = from_server.take(bytes as u64);
        let down = tokio::io::copy(&mut some, &mut to_client);
        tokio::select! { _ = up => (), _ = down => () }
    });
    address
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_answer() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &user("a", &"long ".repeat(100))).await.expect("inserted");
    for bytes in [0, 10, 100, 200, 300, 500] {
        let cut = cut_after(&server.address, bytes).await;
        let config = Config { own: OwnOptions { location: Some(cut), ..OwnOptions::default() }, ..Config::default() };
        let endpoint = Arc::new(Endpoint::new(&config, Duration::from_secs(2)).expect("an endpoint"));
        let cut = LibsqlServer { endpoint, layout: store.layout.clone() };
        let ended = match cut.session().await {
            Ok(mut session) => run(&mut session, &read(0, Key::Text("a".into()))).await.err(),
            Err(failure) => Some(failure),
        };
        let failure = ended.unwrap_or_else(|| panic!("{bytes} bytes were enough"));
        assert_eq!(failure.kind, FailureKind::Unavailable, "{bytes}: {failure}");
    }
}

/// What the sockets of both sides hold.
const ON_THE_WAY_BYTES: usize = 32 << 20;

/// Answers one connection with a head, and then with bytes for as long as they are taken.
async fn endless(head: &'static [u8]) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let sent = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a client");
        assert!(connection.read(&mut [0; 4096]).await.expect("a request") > 0);
        let mut sent = 0;
        let mut next = head.to_vec();
        while connection.write_all(&next).await.is_ok() {
            sent += next.len();
            next = vec![b'x'; 1 << 20];
        }
        sent
    });
    (address, sent)
}

#[tokio::test]
async fn a_reply_without_an_end_is_cut_off_before_it_takes_the_memory() {
    let (address, sent) = endless(b"HTTP/1.0 200 OK\r\n\r\n").await;
    let config = Config { own: OwnOptions { location: Some(address), ..OwnOptions::default() }, ..Config::default() };
    let endpoint = Endpoint::new(&config, Duration::from_secs(60)).expect("an endpoint");
    let failure = endpoint.ask("GET", "version", "").await.expect_err("too long");
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("longer than 67108864"), "{failure}");
    assert!(sent.await.expect("ended") < LONGEST_REPLY_BYTES + ON_THE_WAY_BYTES);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_whole_or_in_parts() {
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    use tokio_tungstenite::tungstenite::http::HeaderValue;
    // RFC 6455, section 5.2: a frame of 1 GiB, and the first of many of 1 MiB, each followed by its like.
    let whole = [&[0x82, 127][..], &(1_u64 << 30).to_be_bytes()].concat();
    let part = |opcode: u8| [&[opcode, 127][..], &(1_u64 << 20).to_be_bytes(), &[b'x'; 1 << 20]].concat();
    for (first, next) in [(whole, vec![b'x'; 1 << 20]), (part(0x02), part(0x00))] {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let sent = tokio::spawn(async move {
            let (connection, _) = listener.accept().await.expect("a client");
            #[expect(clippy::result_large_err, reason = "the type of the callback is the crate's")]
            let upgrade = |_: &Request, mut response: Response| {
                let protocol = HeaderValue::from_static(hrana::SUBPROTOCOL);
                response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(connection, upgrade).await.expect("upgraded");
            let (mut sent, mut next, rest) = (0, first, next);
            while socket.get_mut().write_all(&next).await.is_ok() {
                sent += next.len();
                next.clone_from(&rest);
            }
            sent
        });
        let failure = open_in(&address, "one", Duration::from_secs(60)).await.err().expect("too long");
        assert!(failure.kind == FailureKind::Broken && failure.message.contains("longer than 67108864"), "{failure}");
        assert!(sent.await.expect("ended") < LONGEST_REPLY_BYTES + ON_THE_WAY_BYTES);
    }
}
