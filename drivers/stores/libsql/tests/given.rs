//! The file of somebody: a refused run and `check` leave every byte of it, and a run sets back what it has changed.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, symlink};

use super::*;

/// Everything in a folder: names, where links lead, and the bytes of files.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let content = |path: &Path| {
        let kind = path.symlink_metadata().expect("its kind").file_type();
        match kind {
            _ if kind.is_symlink() => path.read_link().expect("its target").into_os_string().into_encoded_bytes(),
            _ if kind.is_file() => std::fs::read(path).expect("its bytes"),
            _ => Vec::new(),
        }
    };
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.clone(), content(&path))).collect()
}

async fn at(file: &Path, durability: Durability) -> Result<Libsql, Failure> {
    let config = Config { location: Some(file.to_owned()), busy_timeout_ms: Some(1), ..Config::default() };
    Libsql::open(config, Opening::new(dataset("one"), durability)).await
}

/// A database with a table in which nothing of ours is, with these statements carried out at last.
async fn database(file: &Path, statements: &str) -> Connection {
    let database = Builder::new_local(file).build().await.expect("a database");
    let connection = database.connect().expect("a connection");
    let made = "CREATE TABLE mine (key INTEGER PRIMARY KEY, value TEXT); INSERT INTO mine VALUES (1, 'precious')";
    connection.execute_batch(&format!("{statements}; {made}")).await.expect("made");
    connection
}

/// A run as far as the file knows it.
async fn run(file: &Path, rows: usize) -> Libsql {
    let store = at(file, Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    let users = (0..rows).map(|row| user(&format!("{row:08}"), &"name ".repeat(20))).collect();
    session.load(&Op::Batch(users)).await.expect("loaded");
    session.finish_load().await.expect("loaded");
    store.after_load().await.expect("settled");
    session.execute(&user("after", "the load"), &mut Rows::default()).await.expect("inserted");
    store
}

#[tokio::test]
async fn a_refused_run_leaves_every_byte_and_nothing_beside_it() {
    let folder = tempfile::tempdir_in(disk::scratch_folder()).expect("a folder");
    let file = |name: &str| folder.path().join(name);
    for (name, statements) in
        [("rollback.db", ""), ("wal.db", "PRAGMA journal_mode = WAL"), ("small.db", "PRAGMA page_size = 512")]
    {
        let theirs = database(&file(name), statements).await;
        theirs.execute("CREATE TABLE EVENTS (precious TEXT)", ()).await.expect("a table of our name");
    }
    drop(database(&file("free.db"), "").await);
    let whole = std::fs::read(file("free.db")).expect("a database");
    let patched = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    for (name, bytes) in [
        ("text.db", b"no database, and longer than the hundred bytes of a header".repeat(3)),
        ("short.db", b"SQLite format 3\0".to_vec()),
        ("cut.db", whole[..4096].to_vec()),
        ("page-size.db", patched(16, 77)),
        ("damaged.db", patched(100, 77)),
        ("encrypted.db", whole.iter().map(|byte| byte ^ 0x5a).collect()),
    ] {
        std::fs::write(file(name), bytes).expect("written");
    }
    let holder = database(&file("locked.db"), "").await;
    holder.execute("BEGIN EXCLUSIVE", ()).await.expect("the lock");
    let reader = database(&file("reading.db"), "").await;
    reader.execute_batch("BEGIN; SELECT * FROM mine").await.expect("a reader");
    let mut rows = reader.query("SELECT * FROM mine", ()).await.expect("a reader");
    rows.next().await.expect("a row");

    let before = snapshot(folder.path());
    for (name, words) in [
        ("rollback.db", "already holds a `events`"),
        ("wal.db", "already holds a `events`"),
        ("small.db", "already holds a `events`"),
        ("text.db", "not a SQLite database"),
        ("short.db", "not a SQLite database"),
        ("cut.db", "malformed"),
        ("page-size.db", "not a database"),
        ("damaged.db", "malformed"),
        ("encrypted.db", "or an encrypted one"),
        ("locked.db", "locked"),
        ("reading.db", "locked"),
    ] {
        let refusal = match at(&file(name), Durability::Memory).await {
            Err(refusal) => refusal,
            Ok(store) => {
                let refusal = store.reset().await.expect_err(name);
                assert_eq!(store.clean_up().await.expect("nothing to remove"), [""; 0], "{name}");
                store.close(false).await.expect("nothing to remove");
                refusal
            }
        };
        assert!(refusal.message.contains(words), "{name}: {refusal}");
        assert!(snapshot(folder.path()) == before, "{name} was touched");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_tier_that_the_file_cannot_have_is_refused_before_it_is_changed() {
    let folder = tempfile::tempdir_in(files::folder_in_memory()).expect("a folder");
    let file = folder.path().join("theirs.db");
    drop(database(&file, "").await);
    let before = snapshot(folder.path());
    let store = at(&file, Durability::Durable).await.expect("opened");
    let refusal = store.reset().await.expect_err("it lies in memory").message;
    assert!(refusal.contains("lie in memory") && refusal.contains("--durability memory"), "{refusal}");
    store.close(false).await.expect("closed");
    assert!(snapshot(folder.path()) == before);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_and_a_folder_that_cannot_be_written_are_refused() {
    // Of sysfs and procfs, where not even root may.
    let file = at(Path::new("/sys/kernel/uevent_seqnum"), Durability::Memory).await.err().expect("read only");
    assert!(file.kind == FailureKind::Denied && file.message.contains("cannot be written"), "{file}");
    let store = at(Path::new("/proc/new.db"), Durability::Memory).await.expect("opened");
    let folder = store.reset().await.expect_err("no place for files");
    assert!(folder.message.contains("/proc/new.db"), "{folder}");
    store.close(false).await.expect("nothing was made");
}

#[tokio::test]
async fn a_check_leaves_every_byte_and_nothing_beside_it() {
    let folder = tempfile::tempdir_in(disk::scratch_folder()).expect("a folder");
    let file = |name: &str| folder.path().join(name);
    drop(database(&file("rollback.db"), "PRAGMA page_size = 1024").await);
    drop(database(&file("wal.db"), "PRAGMA journal_mode = WAL").await);
    std::fs::write(file("empty.db"), "").expect("an empty file");
    let in_use = database(&file("in-use.db"), "PRAGMA journal_mode = WAL").await;
    assert!(file("in-use.db-wal").exists());
    let before = snapshot(folder.path());
    for (name, page_size) in
        [("rollback.db", "1024"), ("wal.db", "4096"), ("empty.db", "4096"), ("in-use.db", "4096"), ("new.db", "4096")]
    {
        let store = at(&file(name), Durability::Relaxed).await.expect("opened");
        let description = store.rehearse().await.expect(name);
        store.close(false).await.expect("closed");
        let settings = ["journal_mode", "synchronous", "page_size"].map(|name| description.settings[name].as_str());
        assert_eq!(settings, ["wal", "1", page_size], "{name}");
        let after = snapshot(folder.path());
        let index = file("in-use.db-shm");
        let same = |(path, bytes): (&PathBuf, &Vec<u8>)| *path == index || before.get(path) == Some(bytes);
        assert!(after.len() == before.len() && after.iter().all(same), "{name}");
    }
    drop(in_use);
}

/// What a run must not leave changed: modes, and the tables with the rows of statistics.
async fn kept(file: &Path) -> Vec<String> {
    let database = Builder::new_local(file).build().await.expect("a database");
    let connection = database.connect().expect("a connection");
    let mut kept = Vec::new();
    for statement in [
        "PRAGMA journal_mode",
        "PRAGMA auto_vacuum",
        "PRAGMA page_size",
        "PRAGMA freelist_count",
        "PRAGMA integrity_check",
        "SELECT name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name",
        "SELECT value FROM mine",
    ] {
        kept.extend(texts(&connection, statement, ()).await.expect(statement));
    }
    if kept.iter().any(|name| name.starts_with("sqlite_stat1")) {
        kept.extend(texts(&connection, "SELECT tbl || ' ' || stat FROM sqlite_stat1", ()).await.expect("statistics"));
    }
    kept
}

#[tokio::test]
async fn after_a_run_beside_tables_of_others_their_file_is_as_before_or_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, statements) in [
        ("plain", ""),
        ("wal", "PRAGMA journal_mode = WAL"),
        ("full", "PRAGMA auto_vacuum = FULL"),
        ("incremental", "PRAGMA auto_vacuum = INCREMENTAL"),
        ("analyzed", "CREATE TABLE known (a); INSERT INTO known VALUES (1); CREATE INDEX i ON known (a); ANALYZE"),
    ] {
        let file = folder.path().join(name);
        drop(database(&file, statements).await);
        let (before, files) = (kept(&file).await, snapshot(folder.path()).len());
        let store = run(&file, 2000).await;
        assert!(store.footprint().await.expect("a footprint").disk_bytes > Some(200_000));
        let changed = store.clean_up().await.expect("cleaned up");
        store.close(false).await.expect("closed");
        let (mut after, free_pages) = (kept(&file).await, 3);
        match name {
            "full" | "incremental" => assert_eq!(changed, [""; 0], "{name}"),
            _ => {
                let free = std::mem::replace(&mut after[free_pages], before[free_pages].clone());
                let words = format!("holds {free} free pages");
                assert!(changed.len() == 1 && changed[0].contains(&words), "{name}: {changed:?} {words}");
            }
        }
        assert_eq!(after, before, "{name}");
        assert_eq!(snapshot(folder.path()).len(), files, "{name}: nothing beside it");
    }
}

#[tokio::test]
async fn what_a_run_did_not_set_back_the_next_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("theirs.db");
    drop(database(&file, "PRAGMA auto_vacuum = INCREMENTAL").await);
    let before = kept(&file).await;
    drop(run(&file, 100).await);
    assert_eq!(kept(&file).await[0], "wal", "as a run that was killed leaves it");
    let store = run(&file, 100).await;
    assert_eq!(store.clean_up().await.expect("cleaned up"), [""; 0]);
    assert_eq!(kept(&file).await, before);

    run(&file, 100).await.close(true).await.expect("kept");
    at(&file, Durability::Memory).await.expect("opened").close(false).await.expect("removed without another load");
    assert_eq!(kept(&file).await, before);
}

#[tokio::test]
async fn a_file_that_another_program_has_open_stays_in_wal_mode_and_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("theirs.db");
    drop(database(&file, "PRAGMA auto_vacuum = INCREMENTAL").await);
    let store = run(&file, 100).await;
    let other = Builder::new_local(&file).build().await.expect("a database").connect().expect("a connection");
    text(&other, "SELECT value FROM mine").await.expect("a row");
    let changed = store.clean_up().await.expect("cleaned up");
    assert!(changed.len() == 1 && changed[0].contains("stays in WAL mode"), "{changed:?}");
    assert_eq!(tables(&other).await, ["mine"]);
}

#[tokio::test]
async fn what_lies_beside_a_file_and_is_not_ours_is_never_taken_or_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("some.db");
    for (content, suffix) in
        [(None, "-wal"), (None, "-shm"), (None, "-journal"), (Some(""), "-wal"), (Some(""), "-journal")]
    {
        let leftover = folder.path().join(format!("some.db{suffix}"));
        std::fs::write(&leftover, "somebody's").expect("written");
        content.iter().for_each(|content| std::fs::write(&file, content).expect("written"));
        let before = snapshot(folder.path());
        let refusal = at(&file, Durability::Memory).await.err().expect("refused").message;
        assert!(refusal.contains(leftover.to_str().expect("a name")), "{refusal}");
        assert!(snapshot(folder.path()) == before, "{suffix}");
        std::fs::remove_file(leftover).expect("removed");
        let _ = std::fs::remove_file(&file);
    }
}

#[tokio::test]
async fn the_log_of_a_program_that_crashed_is_read_and_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("crashed.db");
    let alive = database(&folder.path().join("alive.db"), "PRAGMA journal_mode = WAL").await;
    alive.execute("CREATE TABLE users (precious TEXT)", ()).await.expect("a table of our name, in the log only");
    for suffix in ["", "-wal", "-shm"] {
        let from = folder.path().join(format!("alive.db{suffix}"));
        std::fs::copy(from, folder.path().join(format!("crashed.db{suffix}"))).expect("copied");
    }
    let before = snapshot(folder.path());
    let store = at(&file, Durability::Memory).await.expect("opened");
    let refusal = store.reset().await.expect_err("a foreign table").message;
    assert!(refusal.contains("already holds a `users`"), "{refusal}");
    store.close(false).await.expect("closed");
    // The index of a log belongs to who reads it, and holds nothing that is not in the log.
    let index = folder.path().join("crashed.db-shm");
    let after = snapshot(folder.path());
    assert!(after.keys().eq(before.keys()));
    assert!(after.iter().all(|(path, bytes)| *path == index || before[path] == *bytes));
}

#[tokio::test]
async fn a_link_stays_and_what_was_made_behind_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    symlink("data/target.db", folder.path().join("second")).expect("a link");
    symlink(folder.path().join("second"), folder.path().join("first")).expect("a link");
    let (before, target) = (snapshot(folder.path()), folder.path().join("data/target.db"));
    let store = run(&folder.path().join("first"), 10).await;
    assert!(target.exists());
    store.close(false).await.expect("closed");
    assert!(snapshot(folder.path()) == before);
    assert_eq!(snapshot(&folder.path().join("data")).len(), 0);

    drop(database(&target, "").await);
    run(&folder.path().join("first"), 10).await.close(false).await.expect("closed");
    assert!(snapshot(folder.path()) == before && target.exists());
    symlink("loop", folder.path().join("loop")).expect("a link to itself");
    let refusal = at(&folder.path().join("loop"), Durability::Memory).await.err().expect("refused");
    assert!(refusal.message.contains("links without an end"), "{refusal}");
}

#[tokio::test]
async fn whatever_a_file_is_called_it_is_that_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["what? #1 100%20 'a' \"b\".db", "file:a.db?mode=memory", ":memory:", "ünï.db", "a&b=c;d\ne.db"] {
        let file = folder.path().join(name);
        run(&file, 10).await.close(false).await.expect("closed");
        assert_eq!(snapshot(folder.path()).len(), 0, "{name}");
        drop(database(&folder.path().join("plain"), "").await);
        std::fs::rename(folder.path().join("plain"), &file).expect("renamed");
        let store = run(&file, 10).await;
        assert!(
            store.file.path == file.canonicalize().expect("a path") && file.metadata().expect("a file").len() > 9000
        );
        store.close(false).await.expect("closed");
        std::fs::remove_file(&file).expect("still there");
        assert_eq!(snapshot(folder.path()).len(), 0, "{name}");
    }
    use std::os::unix::ffi::OsStrExt;
    let bytes = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.db"));
    assert!(at(&bytes, Durability::Memory).await.err().expect("refused").message.contains("not UTF-8"));
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).expect("a socket");
    assert!(folder.path().join("pipe").metadata().expect("a pipe").file_type().is_fifo());
    for file in [folder.path().join("pipe"), folder.path().join("socket"), "/dev/null".into()] {
        let refusal = at(&file, Durability::Memory).await.err().expect("refused");
        assert!(refusal.message.contains("no regular file"), "{refusal}");
    }
    assert_eq!(snapshot(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_in_a_run_is_missed_and_nothing_else_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (is_new, replaced) in [(true, false), (true, true), (false, false), (false, true)] {
        let file = folder.path().join("some.db");
        if !is_new {
            drop(database(&file, "").await);
        }
        let store = run(&file, 10).await;
        let session = store.session().await.expect("a session");
        for suffix in ["", "-wal", "-shm"] {
            std::fs::remove_file(folder.path().join(format!("some.db{suffix}"))).expect("deleted");
        }
        // With a log of its own, which the end of the session must not take for the run's.
        let theirs = if replaced { Some(database(&file, "PRAGMA journal_mode = WAL").await) } else { None };
        let before = snapshot(folder.path());
        let lost = store.session().await.err().expect("not the same file");
        let words = if replaced { "another file than the one" } else { "is gone" };
        assert!(lost.kind == FailureKind::Unavailable && lost.message.contains(words), "{lost}");
        assert_eq!(store.describe().await.expect_err("not the same file").message, lost.message);
        drop(session);
        let reported = store.clean_up().await.expect("nothing to remove");
        assert!(
            reported.len() == 1 && reported[0].contains(words) && reported[0].contains("nothing was removed"),
            "{reported:?}"
        );
        store.close(false).await.expect("closed");
        assert!(snapshot(folder.path()) == before, "{is_new} {replaced}");
        drop(theirs);
        let _ = std::fs::remove_file(&file);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_load_writes_what_it_loads_twice_and_little_more() {
    // Of this thread, in which the engine works: what it wrote to files.
    let written = || {
        let io = std::fs::read_to_string("/proc/thread-self/io").expect("the thread's input and output");
        let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("bytes written");
        line.parse::<u64>().expect("a number")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("loaded.db");
    let store = at(&file, Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    let settings = async |session: &LibsqlSession| {
        let connection = session.connection();
        let mut settings = Vec::new();
        for pragma in ["cache_size", "wal_autocheckpoint", "synchronous", "journal_mode"] {
            settings.push(text(connection, &format!("PRAGMA {pragma}")).await.expect(pragma));
        }
        settings
    };
    let (set, began) = (settings(&session).await, written());
    for batch in 0..60_u64 {
        // Keys in no order, as those of users are.
        let key = |row: u64| format!("{:016x}", (batch * 500 + row).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let users = (0..500).map(|row| user(&key(row), &"name ".repeat(50))).collect();
        session.load(&Op::Batch(users)).await.expect("loaded");
    }
    session.finish_load().await.expect("loaded");
    let (bytes, size) = (written() - began, disk::file_bytes(&file));
    assert!(size > 5_000_000 && bytes < size * 3, "{bytes} bytes written for a file of {size}");
    assert_eq!(settings(&session).await, set);
    let (mut other, mut rows) = (store.session().await.expect("another session"), 0);
    other.export(crate::Part::Table(0), &mut |_| rows += 1).await.expect("exported");
    assert_eq!(rows, 30_000, "other sessions see them");
}
