//! Options of other clients of Redis, and how providers write where a server is.

use crate::Notation;
use crate::seam::options::{ForeignOption, Treatment, Treatment::*};

/// What becomes of them.
pub(super) const FOREIGN: &[ForeignOption] = &[
    of("pass", ANY, Honoured("password")),
    of("username", ANY, Honoured("user")),
    of("database", ANY, Honoured("db")),
    // The crate redis, go-redis, redis-py, Lettuce.
    of("protocol", &["2", "resp2"], Recorded("RESP2 is spoken")),
    of("protocol", &["3", "resp3"], Recorded("RESP2 is spoken: replies are the same, and nothing is pushed")),
    of("ssl_cert_reqs", &["required", "CERT_REQUIRED"], Recorded("so it is")),
    of("ssl_cert_reqs", ANY, Refused("write rediss://HOST#insecure to accept any certificate")),
    of("ssl_ca_certs", ANY, Honoured("tls_ca")),
    of("ssl_certfile", ANY, Honoured("tls_cert")),
    of("ssl_keyfile", ANY, Honoured("tls_key")),
    of("skip_verify", ANY, Refused("write rediss://HOST#insecure to accept any certificate")),
    of("client_name", ANY, Recorded("a connection has no name, which costs a command")),
    of("clientName", ANY, Recorded("a connection has no name, which costs a command")),
    of("decode_responses", ANY, Recorded("each session decodes its replies")),
    of("family", ANY, Refused("write the address as a number, 127.0.0.1 or [::1]")),
    of("timeout", ANY, Recorded(LIMITED)),
    of("socket_timeout", ANY, Recorded(LIMITED)),
    of("socket_connect_timeout", ANY, Recorded(LIMITED)),
    of("dial_timeout", ANY, Recorded(LIMITED)),
    of("read_timeout", ANY, Recorded(LIMITED)),
    of("write_timeout", ANY, Recorded(LIMITED)),
    of("health_check_interval", ANY, Recorded(OWN_CONNECTION)),
    of("max_connections", ANY, Recorded(OWN_CONNECTION)),
    of("max_retries", ANY, Recorded("nothing is sent twice")),
    of("pool_size", ANY, Recorded(OWN_CONNECTION)),
    of("min_idle_conns", ANY, Recorded(OWN_CONNECTION)),
];

const ANY: &[&str] = &[];
const OWN_CONNECTION: &str = "each session has one connection of its own";
const LIMITED: &str = "--timeout limits an operation";

const fn of(name: &'static str, values: &'static [&'static str], treatment: Treatment) -> ForeignOption {
    ForeignOption { name, values, treatment }
}

/// How other programs write where a server is.
pub(super) const NOTATIONS: &[Notation] = &[
    Notation {
        holds: &[",password=", "ssl=true"],
        what: "a connection string of StackExchange.Redis",
        instead: "rediss://HOST:6380, and the password with --password-file",
    },
    Notation {
        holds: &[",password="],
        what: "a connection string of StackExchange.Redis",
        instead: "redis://HOST:6379, and the password with --password-file",
    },
    Notation {
        holds: &["redis-cli ", "--tls", "://"],
        what: "a command of redis-cli",
        instead: "its URL alone, as rediss://",
    },
    Notation { holds: &["redis-cli ", "://"], what: "a command of redis-cli", instead: "its URL alone" },
    Notation {
        holds: &["redis-sentinel://"],
        what: "the URL of a Sentinel, which holds no data",
        instead: "redis:// and the primary that it watches",
    },
    Notation { holds: &["redis-socket://"], what: "a socket's URL of Lettuce", instead: "unix:///PATH" },
    Notation { holds: &["redis+socket://"], what: "a socket's URL of Celery", instead: "unix:///PATH" },
    Notation {
        holds: &["redis+cluster://"],
        what: "the URL of a cluster, which is not spoken to",
        instead: "redis:// and a server that is alone",
    },
];
