//! The durability of a server, as its settings and INFO show it.

use super::*;

#[tokio::test]
async fn each_tier_is_set_and_read_back() {
    for (tier, appendonly, appendfsync) in [
        (Durability::Memory, "no", "everysec"),
        (Durability::Relaxed, "yes", "everysec"),
        (Durability::Durable, "yes", "always"),
    ] {
        let server = start_server(tier).await;
        let store = open(&server.address, "one").await.expect("opened");
        let description = store.describe().await.expect("a description");
        assert_eq!(description.guarantees.durability, tier, "{}", description.guarantees.because);
        let setting = |name: &str| description.settings[name].as_str();
        assert_eq!((setting("appendonly"), setting("appendfsync")), (appendonly, appendfsync));
        assert_eq!((setting("save"), setting("client_tcp_nodelay"), setting("client_protocol")), ("", "true", "RESP2"));
        assert_eq!(setting("client_response_timeout_ms"), "5000");
        assert!(description.version.starts_with(|c: char| c.is_ascii_digit()), "{}", description.version);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_whose_files_lie_in_memory_is_not_called_durable() {
    let folder = crate::support::files::folder_in_memory();
    let server = launch::start_in::<Redis>(Durability::Durable, folder).await.expect("started");
    let store = open(&server.address, "one").await.expect("opened");
    crate::support::files::assert_in_memory(&store.describe().await.expect("a description"));
}

#[tokio::test]
async fn a_server_that_is_set_weaker_is_called_weaker() {
    let server = start_server(Durability::Durable).await;
    let store = open(&server.address, "one").await.expect("opened");
    for (setting, tier) in [
        ("no-appendfsync-on-rewrite yes", Durability::Relaxed),
        ("appendfsync no", Durability::Relaxed),
        ("maxmemory-policy allkeys-lru", Durability::Relaxed),
        ("maxmemory 1gb", Durability::Memory),
        ("maxmemory-policy volatile-lru", Durability::Relaxed),
        ("appendonly no", Durability::Memory),
    ] {
        let _: () = run_command(&server, &format!("CONFIG SET {setting}")).await;
        let guarantees = store.describe().await.expect("a description").guarantees;
        assert_eq!(guarantees.durability, tier, "{setting}: {}", guarantees.because);
    }
}

#[tokio::test]
async fn unreadable_settings_promise_nothing() {
    let server = start_server(Durability::Durable).await;
    let _: () = run_command(&server, "ACL SETUSER guest on >hunter2 ~storebench:* +@all -config").await;
    let guest = address_for(&server, "guest:hunter2");
    let store = open(&guest, "one").await.expect("opened");
    let guarantees = store.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Memory);
    assert!(guarantees.because.contains("does not let us read"), "{}", guarantees.because);
    store.reset().await.expect("all else is allowed");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    store.close(false).await.expect("closed");
}

/// A server whose append-only file is not in force until its first rewrite has saved some keys, with a delay for each.
async fn rewriting(keys: u32, delay_us: u32) -> Server {
    let server = start_server(Durability::Memory).await;
    let pairs: Vec<String> = (0..keys).map(|key| format!("other:{key} x")).collect();
    let _: () = run_command(&server, &format!("MSET {}", pairs.join(" "))).await;
    let delay = format!("rdb-key-save-delay {delay_us}");
    for setting in ["appendfsync always", &delay, "appendonly yes"] {
        let _: () = run_command(&server, &format!("CONFIG SET {setting}")).await;
    }
    server
}

#[tokio::test]
async fn a_file_that_is_not_in_force_yet_keeps_nothing() {
    // The first rewrite takes 100 s: until it has ended, what is written is in no file that a restart reads.
    let server = rewriting(5000, 20_000).await;
    let store = open_for(&server.address, "one", Duration::from_millis(500)).await.expect("opened");
    let guarantees = store.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Memory, "{}", guarantees.because);
    assert!(guarantees.because.contains("aof_rewrite_in_progress=1"), "{}", guarantees.because);
}

#[tokio::test]
async fn a_rewrite_that_ends_soon_is_waited_for() {
    let server = rewriting(300, 1000).await;
    let store = open_for(&server.address, "one", Duration::from_secs(60)).await.expect("opened");
    let guarantees = store.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Durable, "{}", guarantees.because);
    let _: redis::Value = run_command(&server, "BGREWRITEAOF").await;
    store.after_load().await.expect("waited");
    let info: String = run_command(&server, "INFO persistence").await;
    assert!(info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0"), "{info}");
}

#[tokio::test]
async fn a_server_that_hides_info_promises_nothing() {
    let server = start_server(Durability::Durable).await;
    let _: () = run_command(&server, "ACL SETUSER guest on >hunter2 ~storebench:* +@all -info").await;
    let store = open(&address_for(&server, "guest:hunter2"), "one").await.expect("opened");
    let description = store.describe().await.expect("a description");
    assert_eq!(description.version, "unknown");
    let guarantees = description.guarantees;
    assert_eq!(guarantees.durability, Durability::Memory, "{}", guarantees.because);
    assert!(guarantees.because.contains("aof_enabled=unknown"), "{}", guarantees.because);
    assert_eq!(store.footprint().await.expect("a footprint"), Footprint::default());
}

#[tokio::test]
async fn a_replica_keeps_nothing_and_its_primary_promises_for_itself_alone() {
    let [primary, replica] = [start_server(Durability::Durable).await, start_server(Durability::Durable).await];
    let alone = open(&primary.address, "one").await.expect("opened");
    let because = alone.describe().await.expect("a description").guarantees.because;
    assert!(!because.contains("this node alone"), "{because}");
    let _: () = run_command(&replica, "CONFIG SET replica-read-only no").await;
    let password = primary.address.split([':', '@']).nth(2).expect("a password");
    let _: () = run_command(&replica, &format!("CONFIG SET masterauth {password}")).await;
    let _: () = run_command(&replica, &format!("REPLICAOF 127.0.0.1 {}", primary.port())).await;
    while !run_command::<String>(&primary, "INFO replication").await.contains("state=online") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let guarantees = alone.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Durable, "{}", guarantees.because);
    assert!(guarantees.because.contains("of this node alone: 1 replica may lack"), "{}", guarantees.because);
    let store = open(&replica.address, "two").await.expect("opened");
    store.reset().await.expect("it may be written");
    let guarantees = store.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Memory, "{}", guarantees.because);
    assert!(guarantees.because.contains("role=slave"), "{}", guarantees.because);
}

#[tokio::test]
async fn a_sentinel_is_refused_when_it_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("sentinel.conf"), "").expect("written");
    let sentinel = CustomServer::start(folder, |port| {
        ["sentinel.conf", "--sentinel", "--bind", "127.0.0.1", "--port", &port.to_string()].map(str::to_owned).to_vec()
    });
    let refusal = sentinel.open(&format!("redis://127.0.0.1:{}", sentinel.port)).await.err().expect("no data there");
    assert_eq!(refusal.kind, FailureKind::Broken);
    assert!(refusal.message.contains("is a Sentinel") && refusal.message.contains("primary"), "{refusal}");
}
