//! Addresses as providers, poolers and drivers print them: each is taken, or refused with what to write instead. Nothing is
//! connected to.

use drivers::{Address, Durability, Store, Visitor};

/// Taken, in the spelling of the provider.
const TAKEN: &[&str] = &[
    // Neon, Supabase, RDS, Heroku, Aiven, Cloud SQL, Azure, CockroachDB, Timescale, Railway, Render, DigitalOcean, Crunchy.
    "postgresql://neondb_owner:npg_x@ep-cool-a1.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
    "postgres://u:p@ep-cool-a1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&options=endpoint%3Dep-cool-a1",
    "postgresql://postgres.abcdefgh:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true&connection_limit=1",
    "postgres://postgres.abcdefgh:p@aws-0-us-east-1.pooler.supabase.com:5432/postgres?sslmode=require&supa=base-pooler.x",
    "postgresql://postgres:p@db.abcdefgh.supabase.co:5432/postgres",
    "postgres://admin:p@db1.abc.eu-west-1.rds.amazonaws.com:5432/app?sslmode=prefer&connect_timeout=10",
    "postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d0abc",
    "postgres://avnadmin:AVNS_x@pg-1-acme.aivencloud.com:12691/defaultdb?sslmode=require",
    "postgres://u:p@/app?host=/cloudsql/project:region:instance",
    "postgres://u:p@acme.postgres.database.azure.com:5432/app?sslmode=require&application_name=app",
    "postgresql://u:p@acme-1.abc.cockroachlabs.cloud:26257/defaultdb?sslmode=prefer&options=--cluster%3Dacme-1",
    "postgres://tsdbadmin:p@abc.tsdb.cloud.timescale.com:33333/tsdb?sslmode=require",
    "postgresql://postgres:p@roundhouse.proxy.rlwy.net:12345/railway",
    "postgres://u:p@dpg-abc-a.frankfurt-postgres.render.com/app",
    "postgresql://doadmin:p@db-1.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
    "postgres://u:p@h:5432/app?schema=public&pool_timeout=0&statement_cache_size=0",
    "postgres://u:p@a:5432,b:5433/app?target_session_attrs=read-write&load_balance_hosts=disable",
    "postgres:///app?host=/var/run/postgresql&user=ada",
    "postgres://%2Fvar%2Frun%2Fpostgresql/app",
    "postgres://u@db.example/app?hostaddr=192.0.2.1&keepalives=1&keepalives_idle=30&gssencmode=disable",
    "postgres://u@[2001:db8::1]:5432/app?sslmode=allow",
    "postgres://u:p@h/app?ssl=true&ApplicationName=app&currentSchema=public",
    "postgres://u:p@h/app?uselibpqcompat=true&sslmode=require",
    // Atlas, DocumentDB, Cosmos DB, FerretDB, DigitalOcean, a set of one's own.
    "mongodb+srv://u:p@cluster0.abcde.mongodb.net/?retryWrites=true&w=majority&appName=Cluster0",
    "mongodb://u:p@a.mongodb.net:27017,b.mongodb.net:27017/app?ssl=true&replicaSet=atlas-1-shard-0&authSource=admin",
    "mongodb://u:p@docdb-1.eu-west-1.docdb.amazonaws.com:27017/?replicaSet=rs0&readPreference=primary&retryWrites=false",
    "mongodb://a:k%3D%3D@a.mongo.cosmos.azure.com:10255/?ssl=true&replicaSet=globaldb&retrywrites=false&maxIdleTimeMS=120000",
    "mongodb://u:p@ferret:27017/app?authMechanism=SCRAM-SHA-256",
    "mongodb+srv://doadmin:p@db-1.mongo.ondigitalocean.com/admin?tls=true&authSource=admin&replicaSet=db-1",
    "mongodb://localhost:27017/?directConnection=true&serverSelectionTimeoutMS=2000&appName=mongosh+2.0",
    "mongodb://u:p@a,b,c/?replicaSet=rs0&w=majority&journal=true&readConcernLevel=local&compressors=zstd,snappy",
    "mongodb://[::1]:27017/?maxPoolSize=20&minPoolSize=5&uuidRepresentation=standard",
    // Upstash, ElastiCache, Redis Cloud, Heroku, Aiven, MemoryDB, and clients.
    "rediss://default:p@eu1-abc-12345.upstash.io:6379",
    "redis://default:p@redis-12345.c1.eu-west-1-1.ec2.cloud.redislabs.com:12345",
    "rediss://acme.abc.0001.euw1.cache.amazonaws.com:6379",
    "rediss://:p@ec2-1-2-3-4.compute-1.amazonaws.com:6380#insecure",
    "rediss://default:AVNS_x@redis-1-acme.aivencloud.com:12691/0",
    "valkey://localhost:6379/0",
    "valkeys://default:p@valkey-1-acme.aivencloud.com:12691",
    "redis://localhost?protocol=3",
    "redis+unix:///run/redis/redis.sock?db=1",
    "unix:///run/redis/redis.sock?pass=p&user=ada",
    "redis://[::1]:6379/1?socket_timeout=5&max_connections=10",
    // Turso and sqld.
    "libsql://app-acme.turso.io?authToken=eyJ.x.y",
    "libsql://127.0.0.1:8080?tls=0",
    "https://app-acme.aws-eu-west-1.turso.io?authToken=eyJ.x.y",
    "wss://app-acme.turso.io?authToken=eyJ.x.y",
    "ws://127.0.0.1:8080",
    "http://[::1]:8080",
];

/// Refused, with a part of what is said.
const REFUSED: &[(&str, &str)] = &[
    ("jdbc:postgresql://h:5432/app?user=u&password=hunter2", "write postgres://USER@HOST"),
    ("postgresql+psycopg2://u:hunter2@h/app", "without the name of its driver"),
    ("postgis://u:hunter2@h/app", "postgres:// in its place"),
    ("host=h port=5432 dbname=app user=u password=hunter2", "write postgres://USER@HOST"),
    ("Server=tcp:h;Port=5432;Database=app;User Id=u;Password=hunter2;", "write postgres://USER@HOST"),
    ("psql postgres://u:hunter2@h/app", "its URL alone"),
    ("postgres://u:hunter2@h/app?sslmode=no-verify", "write sslmode=require"),
    ("postgres://u:hunter2@h/app?sslmode=verify-ca", "sslrootcert=FILE"),
    ("postgres://u:hunter2@h/app?sslmode=disable&sslrootcert=/x", "leave out sslrootcert"),
    ("postgres://u:hunter2@h/app?sslcert=/x", "belong together"),
    ("postgres://u:hunter2@h/app?sslaccept=strict", "write sslmode=verify-full"),
    ("postgres://u:hunter2@h/app?sslpassword=hunter2", "not encrypted"),
    ("postgres://u:hunter2@h/app?target_session_attrs=standby", "target_session_attrs=read-write"),
    ("postgres://u:hunter2@h/app?load_balance_hosts=random", "leave it out"),
    ("postgres://u:hunter2@h:abc/app", "not a number"),
    ("postgres://u:hunter2@::1:5432/app", "brackets"),
    ("postgres://u:hunter2@a,b/app?port=1,2,3", "one port"),
    ("postgres://u:hunter2@h/app?host=other", "twice"),
    ("postgres://u:hunter2@h/app?hostaddr=other", "not an address"),
    ("postgres://u:hunter2@h/app?nonsense=1", "nonsense"),
    ("mongodb://u:hunter2@h/?w=2", "--durability"),
    ("mongodb://u:hunter2@h/?w=1", "--durability relaxed"),
    ("mongodb://u:hunter2@h/?journal=false", "--durability memory"),
    ("mongodb://u:hunter2@h/?readConcernLevel=majority", "leave it out"),
    ("mongodb://u:hunter2@h/?readPreference=secondaryPreferred", "leave it out"),
    ("mongodb://u:hunter2@h/?authMechanismProperties=SERVICE_NAME:x", "password or certificate"),
    ("mongodb://u:hunter2@h:0/", "not a number"),
    ("mongodb+srv://u:hunter2@h.example.com:27017/", "without a port"),
    ("mongodb://u@h/", "--password-file"),
    ("mongodb://a:hunter2@a.mongo.cosmos.azure.com:10255/?ssl=true&appName=@a@", "%40"),
    ("acme.redis.cache.windows.net:6380,password=hunter2=,ssl=True,abortConnect=False", "rediss://HOST:6380"),
    ("redis-cli --tls -u redis://default:hunter2@h:6379", "as rediss://"),
    ("redis-sentinel://:hunter2@h:26379/mymaster", "the primary"),
    ("redis://:hunter2@h/abc", "not the number of a database"),
    ("redis://:hunter2@h:99999", "not a number"),
    ("redis://hunter2@h", "redis://:PASSWORD@HOST"),
    ("redis://:hunter2@h#insecure", "rediss:// only"),
    ("redis://:hunter2@a:1,b:2", "give the primary"),
    ("rediss://h?ssl_cert_reqs=none", "#insecure"),
    ("unix://:hunter2@run/redis.sock", "unix:///PATH"),
    ("libsql://u:hunter2@h", "authToken"),
    ("libsql://h?tls=0", "give a port"),
    ("http://h:80?tls=1", "for libsql:// only"),
    ("libsql://h?authToken=hunter2&syncUrl=x", "the primary"),
    ("mysql://u:hunter2@h/app", "no store has URLs of this kind"),
];

/// The refusal of an address, before anything is connected to.
struct Refusal(Address);

impl Visitor for Refusal {
    type Output = Option<String>;

    fn visit<S: Store>(self) -> Option<String> {
        let config = match self.0.config::<S::Config>() {
            Ok(config) => config,
            Err(error) => return Some(error.to_string()),
        };
        S::refuse(&config, Durability::Durable).err().map(|failure| failure.message)
    }
}

fn refusal(text: &str) -> Option<String> {
    match text.parse::<Address>() {
        Err(error) => Some(error.to_string()),
        Ok(address) => drivers::visit(&address.store.clone(), Refusal(address)).expect("a store"),
    }
}

#[test]
fn addresses_are_taken_as_providers_print_them() {
    assert!(TAKEN.len() + REFUSED.len() > 60);
    for text in TAKEN {
        assert_eq!(refusal(text), None, "{text}");
    }
}

#[test]
fn what_is_refused_is_told_in_one_sentence_with_what_to_write_and_without_the_password() {
    let mut wrong = Vec::new();
    for (text, words) in REFUSED {
        let refused = refusal(text).unwrap_or_else(|| "it is taken".to_owned());
        if !refused.contains(words) || refused.contains("hunter2") || refused.contains('\n') {
            wrong.push(format!("{text}\n  should say `{words}`: {refused}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
