//! A PgBouncer in front of a PostgreSQL server of ours. One that is missing fails the test.

use std::fs::Permissions;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stopped when it is dropped.
pub struct PgBouncer {
    /// As the server's, with its user and password.
    pub address: String,
    /// How many connections to the server it makes.
    pub pool_size: usize,
    child: Child,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// A pool of connections to the server at this address, `postgres://user:password@127.0.0.1:port/database`.
    /// `settings` are lines of its configuration.
    pub fn start(server: &str, pool_size: usize, settings: &str) -> PgBouncer {
        let (credentials, place) = server.trim_start_matches("postgres://").split_once('@').expect("a user");
        let (user, password) = credentials.split_once(':').expect("a password");
        let server_port = place.split([':', '/']).nth(1).expect("a port");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgbouncer.ini");
        let ini = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user={user} password={password}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             default_pool_size = {pool_size}\nmax_client_conn = 100\n{settings}\n"
        );
        std::fs::write(&file, ini).expect("written");
        // Where Debian has it, which is not in everybody's PATH.
        let debian = "/usr/sbin/pgbouncer";
        let mut command = Command::new(if Path::new(debian).exists() { debian } else { "pgbouncer" });
        if nix::unistd::geteuid().is_root() {
            // It does not run as root, and has to read its file as somebody else.
            std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
            command.args(["-u", "nobody"]);
        }
        let started = command.arg("-q").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = started.expect("these tests need PgBouncer: apt install pgbouncer");
        let address = server.replace(&format!(":{server_port}/"), &format!(":{port}/"));
        let mut pooler = PgBouncer { address, pool_size, child, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(pooler.child.try_wait().expect("its state").is_none(), "PgBouncer ended");
            assert!(Instant::now() < deadline, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        pooler
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
