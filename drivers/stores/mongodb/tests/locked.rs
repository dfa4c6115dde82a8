//! Servers that storebench does not start: one that requires authentication, with users that may do little, and a full
//! one.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::support::disk::scratch_folder;

/// A server with options of its own.
pub(super) struct Other {
    pub(super) host: String,
    process: Child,
    _folder: TempDir,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Other {
    /// Starts it in a set of its own, whose name is `other`.
    pub(super) async fn start(options: &[&str]) -> Other {
        let folder = tempfile::Builder::new().prefix("storebench-").tempdir_in(scratch_folder()).expect("a folder");
        let key = folder.path().join("key");
        std::fs::write(&key, "c3RvcmViZW5jaA==").expect("a key");
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o400)).expect("only ours");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a port").port().to_string();
        let mut command = Command::new(Mongodb::PROGRAM.expect("a program").find().expect("these tests need mongod"));
        command.current_dir(folder.path()).args(["--dbpath", ".", "--replSet", "other", "--quiet", "--nounixsocket"]);
        command.args(["--port", &port, "--bind_ip", "127.0.0.1"]).args(options);
        let process = command.stdout(Stdio::null()).spawn().expect("started");
        let other = Other { host: format!("127.0.0.1:{port}"), process, _folder: folder };
        let members = doc! { "_id": "other", "members": [{ "_id": 0, "host": &other.host }] };
        let admin = other.client("").await.database("admin");
        admin.run_command(doc! { "replSetInitiate": members }).await.expect("a set");
        let hello = || async { admin.run_command(doc! { "hello": 1 }).await.expect("a word") };
        while !hello().await.get_bool("isWritablePrimary").expect("a flag") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        other
    }

    /// Until there is a user, everybody on the same machine may make the first one.
    async fn let_in(&self) {
        let admin = self.client("").await.database("admin");
        admin.run_command(doc! { "createUser": "root", "pwd": "r00t", "roles": ["root"] }).await.expect("a user");
        let admin = self.client("root:r00t@").await.database("admin");
        for (user, database) in [("ada", "storebench_small"), ("bob", "elsewhere")] {
            let roles = vec![doc! { "role": "readWrite", "db": database }];
            let made = admin.run_command(doc! { "createUser": user, "pwd": "hunter2", "roles": roles }).await;
            made.expect("a user");
        }
    }

    pub(super) async fn client(&self, user: &str) -> Client {
        let config = Config::direct(format!("mongodb://{user}{}", self.host));
        let options = config.client_options(Duration::from_secs(5)).await.expect("options");
        for _ in 0..500 {
            match connect(&options).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("mongod does not answer");
    }

    /// Its address for a user, or for nobody.
    pub(super) fn address(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        format!("mongodb://{user}{at}{}/?authSource=admin", self.host)
    }
}

#[tokio::test]
async fn who_may_not_is_denied_and_who_may_little_can_do_it_all_in_its_own_database() {
    let locked = Other::start(&["--keyFile", "key"]).await;
    locked.let_in().await;
    for user in ["ada:wrong-pa55", "nobody:hunter2"] {
        let failure = open(&locked.address(user), "small", Durability::Durable).await.err().expect("denied");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        assert!(!failure.message.contains("pa55") && !failure.message.contains("hunter2"), "{failure}");
    }
    let bob = open(&locked.address("bob:hunter2"), "small", Durability::Durable).await.expect("opened");
    assert_eq!(bob.reset().await.expect_err("not allowed").kind, FailureKind::Denied);

    let ada = open(&locked.address("ada:hunter2"), "small", Durability::Durable).await.expect("opened");
    ada.reset().await.expect("reset");
    let description = ada.describe().await.expect("a description");
    assert_eq!(description.guarantees.durability, Durability::Durable, "{}", description.guarantees.because);
    assert_eq!(description.settings["cache_bytes"], "unknown");
    assert_eq!(description.settings["members"], "at least 1", "there may be hidden ones");
    let shown = format!("{description:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let mut session = ada.session().await.expect("a session");
    let transact = Op::Transact(vec![account(1, 1), increment(1, 1, None)]);
    session.execute(&transact, &mut Rows::default()).await.expect("applied");
    ada.after_load().await.expect("after the load");
    assert!(ada.footprint().await.expect("a footprint").disk_bytes.is_some());
    ada.close(false).await.expect("closed");

    let address = format!("{}&series=timeseries", locked.address("ada:hunter2"));
    let ada = open(&address, "small", Durability::Durable).await.expect("opened");
    ada.reset().await.expect("reset");
    let mut session = ada.session().await.expect("a session");
    let points = vec![Point { entity: 1, at_ms: 5, metrics: vec![0.5, 1.5] }];
    session.execute(&Op::InsertPoints { series: 0, points }, &mut Rows::default()).await.expect("inserted");
    ada.after_load().await.expect("after the load");
    assert!(ada.footprint().await.expect("a footprint").disk_bytes.is_some());
    ada.reset().await.expect("again");
    ada.close(false).await.expect("closed");
    let left = locked.client("root:r00t@").await.database("storebench_small").list_collection_names().await;
    assert_eq!(left.expect("a list"), ["system.views"], "an empty list, which only others may drop");
}

#[tokio::test]
async fn a_server_without_room_for_another_connection_is_overloaded() {
    let full = Other::start(&["--maxConns", "8"]).await;
    let store = open(&format!("mongodb://{}/?directConnection=true", full.host), "full", Durability::Memory).await;
    let store = store.expect("opened");
    let mut sessions = Vec::new();
    let failure = loop {
        match store.session().await {
            Ok(session) => sessions.push(session),
            Err(failure) => break failure,
        }
        assert!(sessions.len() < 9);
    };
    assert_eq!(failure.kind, FailureKind::Overload, "{failure}");
}
