//! Options of MongoDB's URLs (mongodb.com/docs/manual/reference/connection-string-options), whose names are written in any case.
//!
//! A tier states the write concern of each write (`durability.rs`): an option that says the same is recorded, and one that says
//! something else is refused: the figures would carry the tier of one write concern and be measured with another.

use crate::Notation;
use crate::seam::options::{ForeignOption, Treatment, Treatment::*};

/// What becomes of them.
pub(super) const FOREIGN: &[ForeignOption] = &[
    of("location", ANY, Honoured("location")),
    of("authSource", ANY, Honoured("authSource")),
    of("authMechanism", ANY, Honoured("authMechanism")),
    of("replicaSet", ANY, Honoured("replicaSet")),
    of("directConnection", ANY, Honoured("directConnection")),
    of("connect", &["direct"], Honoured("connect")),
    of("connect", ANY, Refused("write directConnection=true, or replicaSet=NAME")),
    of("appName", ANY, Honoured("appName")),
    of("tls", ANY, Honoured("tls")),
    of("ssl", ANY, Honoured("tls")),
    of("tlsCAFile", ANY, Honoured("tlsCAFile")),
    of("ssl_ca_certs", ANY, Honoured("tlsCAFile")),
    of("tlsCertificateKeyFile", ANY, Honoured("tlsCertificateKeyFile")),
    of("tlsAllowInvalidCertificates", ANY, Honoured("tlsAllowInvalidCertificates")),
    of("tlsInsecure", ANY, Honoured("tlsAllowInvalidCertificates")),
    of("sslVerifyCertificate", &["true"], Recorded("so it is")),
    of("sslVerifyCertificate", ANY, Refused("write tlsAllowInvalidCertificates=true")),
    of("srvServiceName", ANY, Honoured("srvServiceName")),
    of("srvMaxHosts", ANY, Honoured("srvMaxHosts")),
    of("connectTimeoutMS", ANY, Honoured("connectTimeoutMS")),
    // What reads and writes promise.
    of("w", &["majority"], Recorded("what --durability durable asks of each write; another tier asks for 1")),
    of("w", &["1"], Honoured("w")),
    of("w", ANY, Refused("--durability asks for majority or 1 with each write; leave it out")),
    of("journal", &["true"], Recorded("what the tiers durable and relaxed ask of each write")),
    of("journal", ANY, Refused("write --durability memory, which acknowledges before the journal, and leave it out")),
    of("j", &["true"], Recorded("what the tiers durable and relaxed ask of each write")),
    of("j", ANY, Refused("write --durability memory, which acknowledges before the journal, and leave it out")),
    of("wtimeoutMS", ANY, Recorded(LIMITED)),
    of("wtimeout", ANY, Recorded(LIMITED)),
    of("readConcernLevel", &["local"], Recorded("so it is; in transactions across shards it is snapshot")),
    of("readConcernLevel", ANY, Refused("leave it out; reads are of the primary, at read concern local")),
    of("readPreference", &["primary"], Recorded("so it is")),
    of("readPreference", &["primaryPreferred"], Recorded("the primary is read, and a lost one is a failure")),
    of("readPreference", ANY, Refused("leave it out; the primary is measured, and what was written must be read")),
    of("readPreferenceTags", ANY, Refused("leave it out; the primary is measured")),
    of("maxStalenessSeconds", &["-1"], Recorded("so it is")),
    of("maxStalenessSeconds", ANY, Refused("leave it out; the primary is measured")),
    of("retryWrites", ANY, Recorded("nothing is sent twice: what is lost is a failure")),
    of("retryReads", ANY, Recorded("nothing is sent twice: what is lost is a failure")),
    of("loadBalanced", &["false"], Recorded("so it is")),
    of("loadBalanced", ANY, Refused("a load balancer moves sessions between servers; give the servers themselves")),
    of("compressors", ANY, Recorded("messages are not compressed")),
    of("zlibCompressionLevel", ANY, Recorded("messages are not compressed")),
    of("maxPoolSize", ANY, Recorded(OWN_CONNECTION)),
    of("minPoolSize", ANY, Recorded(OWN_CONNECTION)),
    of("maxConnecting", ANY, Recorded(OWN_CONNECTION)),
    of("maxIdleTimeMS", ANY, Recorded(OWN_CONNECTION)),
    of("waitQueueTimeoutMS", ANY, Recorded(OWN_CONNECTION)),
    of("waitQueueMultiple", ANY, Recorded(OWN_CONNECTION)),
    of("timeoutMS", ANY, Recorded(LIMITED)),
    of("socketTimeoutMS", ANY, Recorded(LIMITED)),
    of("serverSelectionTimeoutMS", ANY, Recorded("a primary is looked for for 2 s, and for less if --timeout is less")),
    of("serverSelectionTryOnce", ANY, Recorded("a primary is looked for for 2 s")),
    of("heartbeatFrequencyMS", ANY, Recorded("servers are watched every 10 s")),
    of("serverMonitoringMode", ANY, Recorded("servers are polled")),
    of("localThresholdMS", ANY, Recorded("the primary is measured, however far it is")),
    of("uuidRepresentation", ANY, Recorded("no value is a UUID")),
    of("authMechanismProperties", ANY, Refused("users are shown by password or certificate: SCRAM or MONGODB-X509")),
    of("gssapiServiceName", ANY, Refused("users are shown by password or certificate: SCRAM or MONGODB-X509")),
    of("tlsCertificateKeyFilePassword", ANY, Refused("give tlsCertificateKeyFile a file that is not encrypted")),
    of("tlsAllowInvalidHostnames", &["false"], Recorded("so it is")),
    of(
        "tlsAllowInvalidHostnames",
        ANY,
        Refused("the host's name is checked, or with tlsAllowInvalidCertificates=true nothing"),
    ),
    of("tlsDisableOCSPEndpointCheck", ANY, Recorded("revocation of certificates is not checked")),
    of("tlsDisableCertificateRevocationCheck", ANY, Recorded("revocation of certificates is not checked")),
    of("tlsCRLFile", ANY, Refused("leave it out; lists of revoked certificates are not read")),
    of("proxyHost", ANY, Refused("leave it out; proxies are not used")),
    of("enableOverloadRetargeting", ANY, Recorded("nothing is sent twice")),
];

const ANY: &[&str] = &[];
const OWN_CONNECTION: &str = "each session has one connection of its own";
const LIMITED: &str = "--timeout limits an operation";

const fn of(name: &'static str, values: &'static [&'static str], treatment: Treatment) -> ForeignOption {
    ForeignOption { name, values, treatment }
}

/// How other programs write where a server is.
pub(super) const NOTATIONS: &[Notation] =
    &[Notation { holds: &["mongosh ", "://"], what: "a command of mongosh", instead: "its URL alone" }];
