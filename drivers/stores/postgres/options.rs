//! Options of other clients of PostgreSQL: those of libpq that are not ours (postgresql.org/docs/current/libpq-connect.html), and
//! what poolers, mappers and providers write into URLs.

use crate::Notation;
use crate::seam::options::{ForeignOption, Treatment, Treatment::*};

/// What becomes of them.
pub(super) const FOREIGN: &[ForeignOption] = &[
    // libpq: what holds here in any case, or bears on nothing.
    of("sslnegotiation", &["postgres"], Recorded("so it is")),
    of("sslnegotiation", ANY, Refused("leave it out; connections ask for TLS as before PostgreSQL 17")),
    of("sslsni", &["1"], Recorded("so it is")),
    of("sslsni", ANY, Refused("leave it out; SNI is always sent")),
    of("sslcompression", &["0"], Recorded("so it is")),
    of("sslcompression", ANY, Refused("leave it out; TLS compresses nothing")),
    of("sslcertmode", &["allow"], Recorded("so it is")),
    of(
        "sslcertmode",
        ANY,
        Refused("leave it out; sslcert and sslkey give a certificate, and without them none is sent"),
    ),
    of(
        "ssl_min_protocol_version",
        &["TLSv1", "TLSv1.1", "TLSv1.2"],
        Recorded("versions before TLSv1.2 are never used"),
    ),
    of(
        "ssl_min_protocol_version",
        ANY,
        Refused("leave it out; TLSv1.2 and TLSv1.3 are used, the newest that the server has"),
    ),
    of("ssl_max_protocol_version", &["TLSv1.3"], Recorded("so it is")),
    of(
        "ssl_max_protocol_version",
        ANY,
        Refused("leave it out; TLSv1.2 and TLSv1.3 are used, the newest that the server has"),
    ),
    of("gssencmode", &["disable", "prefer"], Recorded("there is no encryption by GSSAPI")),
    of("gssencmode", ANY, Refused("leave it out; there is no encryption by GSSAPI, sslmode=verify-full encrypts")),
    of("client_encoding", &["UTF8", "utf8", "UTF-8", "utf-8", "auto"], Recorded("UTF8")),
    of("client_encoding", ANY, Refused("leave it out; texts are sent in UTF8")),
    of("load_balance_hosts", &["disable"], Recorded("so it is")),
    of(
        "load_balance_hosts",
        ANY,
        Refused("leave it out; hosts are tried in their order, so that all sessions meet the same one"),
    ),
    of("keepalives", ANY, Recorded(NO_KEEPALIVE)),
    of("keepalives_idle", ANY, Recorded(NO_KEEPALIVE)),
    of("keepalives_interval", ANY, Recorded(NO_KEEPALIVE)),
    of("keepalives_count", ANY, Recorded(NO_KEEPALIVE)),
    of("tcp_user_timeout", ANY, Recorded(NO_KEEPALIVE)),
    of(
        "target_session_attrs",
        &["read-only", "standby", "prefer-standby"],
        Refused("a run writes; write target_session_attrs=read-write, or leave it out"),
    ),
    of("sslmode", &["no-verify"], Refused("write sslmode=require, which encrypts without checking the certificate")),
    // libpq: what would promise something that is not kept.
    of("sslcrl", ANY, Refused(NO_REVOCATION)),
    of("sslcrldir", ANY, Refused(NO_REVOCATION)),
    of("sslpassword", ANY, Refused("give sslkey a file that is not encrypted")),
    of("requirepeer", ANY, Refused("leave it out; the user of a server behind a socket is not looked up")),
    of("require_auth", ANY, Refused("leave it out; channel_binding=require has a password sent to this server alone")),
    of("krbsrvname", ANY, Refused(NO_KERBEROS)),
    of("gsslib", ANY, Refused(NO_KERBEROS)),
    of("gssdelegation", ANY, Refused(NO_KERBEROS)),
    of("replication", ANY, Refused("leave it out; a connection of replication runs no workload")),
    // Prisma, and Supabase and others that print URLs for it.
    of(
        "pgbouncer",
        ANY,
        Recorded("a pooler is found by asking, and one that lends connections for a transaction is refused"),
    ),
    of("connection_limit", ANY, Recorded(OWN_CONNECTION)),
    of("pool_timeout", ANY, Recorded(OWN_CONNECTION)),
    of("statement_cache_size", ANY, Recorded("each session prepares each of its statements once")),
    of("socket_timeout", ANY, Recorded("--timeout limits an operation")),
    of("schema", ANY, Recorded(OWN_SCHEMA)),
    of("sslaccept", &["strict"], Refused("write sslmode=verify-full")),
    of("sslaccept", ANY, Refused("write sslmode=require")),
    of("sslidentity", ANY, Refused("write sslcert= and sslkey=, both files of PEM")),
    // node-postgres, Vercel, SQLAlchemy, pgx, JDBC, ActiveRecord, Npgsql.
    of("uselibpqcompat", ANY, Recorded("sslmode means what it means in libpq")),
    of("supa", ANY, Recorded("it tells Supabase where its URL was copied")),
    of("workaround", ANY, Recorded("it tells Supabase's pooler who calls")),
    of("pool", ANY, Recorded(OWN_CONNECTION)),
    of("pool_size", ANY, Recorded(OWN_CONNECTION)),
    of("max_overflow", ANY, Recorded(OWN_CONNECTION)),
    of("pool_max_conns", ANY, Recorded(OWN_CONNECTION)),
    of("pool_min_conns", ANY, Recorded(OWN_CONNECTION)),
    of("pool_max_conn_lifetime", ANY, Recorded(OWN_CONNECTION)),
    of("pool_max_conn_idle_time", ANY, Recorded(OWN_CONNECTION)),
    of("reaping_frequency", ANY, Recorded(OWN_CONNECTION)),
    of("encoding", &["utf8", "unicode", "UTF8"], Recorded("UTF8")),
    of(
        "prepared_statements",
        ANY,
        Refused("leave it out; statements are prepared, and through a pooler that cannot have it so, a run is refused"),
    ),
    of("prepareThreshold", ANY, Refused("leave it out; each statement is prepared once a session")),
    of("default_query_exec_mode", ANY, Refused("leave it out; statements are prepared once a session")),
    of("ApplicationName", ANY, Honoured("application_name")),
    of("currentSchema", ANY, Recorded(OWN_SCHEMA)),
    of("search_path", ANY, Recorded(OWN_SCHEMA)),
    of("statement_timeout", ANY, Refused("leave it out; --timeout limits an operation, on the server too")),
];

const ANY: &[&str] = &[];
const OWN_CONNECTION: &str = "each session has one connection of its own";
const OWN_SCHEMA: &str = "data goes into a schema of its own, storebench_WORKLOAD";
const NO_KEEPALIVE: &str = "--timeout finds a connection that is dead";
const NO_REVOCATION: &str = "leave it out; lists of revoked certificates are not read";
const NO_KERBEROS: &str = "leave it out; who a user is, is shown by password or certificate, and not by Kerberos";

const fn of(name: &'static str, values: &'static [&'static str], treatment: Treatment) -> ForeignOption {
    ForeignOption { name, values, treatment }
}

const URL: &str = "postgres://USER@HOST:5432/DATABASE, and the password with --password-file";

/// How other programs write where a server is.
pub(super) const NOTATIONS: &[Notation] = &[
    Notation { holds: &["jdbc:postgresql:"], what: "a URL of JDBC", instead: URL },
    Notation {
        holds: &["postgresql+", "://"],
        what: "a URL of SQLAlchemy",
        instead: "postgres:// without the name of its driver",
    },
    Notation {
        holds: &["postgres+", "://"],
        what: "a URL of SQLAlchemy",
        instead: "postgres:// without the name of its driver",
    },
    Notation { holds: &["postgis://"], what: "a URL of GeoDjango", instead: "postgres:// in its place" },
    Notation { holds: &["cockroachdb://"], what: "a URL of SQLAlchemy", instead: "postgres:// in its place" },
    Notation { holds: &["psql ", "://"], what: "a command of psql", instead: "its URL alone" },
    Notation { holds: &["host=", "user="], what: "a connection string of libpq", instead: URL },
    Notation { holds: &["host=", "dbname="], what: "a connection string of libpq", instead: URL },
    Notation { holds: &["host=", "database="], what: "a connection string of Npgsql", instead: URL },
    Notation { holds: &["server=", "database="], what: "a connection string of ADO.NET", instead: URL },
];
