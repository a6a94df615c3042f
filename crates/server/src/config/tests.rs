//! The sources, their order, and the sentence for each way to get them wrong.

use super::*;
use std::{fs, path::Path};

fn env(vars: &[(&str, &str)]) -> Sources {
    let environment = vars.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

fn refused(sources: &Sources) -> String {
    Config::load(sources).expect_err("the configuration is refused").to_string()
}

/// Loads a file with this text, under a folder whose name is cut from errors.
fn with_file(text: &str) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plaza.toml");
    fs::write(&path, text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    Config::load(&Sources { file: Some(path), ..Sources::default() })
        .map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn the_defaults_hold_and_are_the_chats_own() {
    let loaded = Config::load(&Sources::default()).unwrap();
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(loaded.config.store.durability, Durability::Full);
    assert_eq!(loaded.config.chat, plaza_chat::Settings::default());
}

#[test]
fn every_key_is_documented_above_it() {
    let lines: Vec<_> = DEFAULTS.lines().collect();
    for (at, line) in
        lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'))
    {
        let above = lines[..at].iter().rev().find(|line| !line.is_empty()).unwrap();
        let rates = line.contains("_burst") || line.contains("_per_minute");
        assert!(rates || above.starts_with("# "), "{line} has no documentation");
    }
}

#[test]
fn every_key_is_in_the_documents_with_its_default() {
    let text = include_str!("../../../../docs/configuration.md");
    let every = text.split_once("## Every key").unwrap().1.split_once("\n## ").unwrap().0;
    for line in Config::load(&Sources::default()).unwrap().describe() {
        let (key, default) = line.split_once(" = ").unwrap();
        let (section, name) = key.rsplit_once('.').unwrap();
        let told = |row: &str| row.starts_with('|') && row.contains(&format!("`{default}`"));
        // Rates stand in one table, a section a row.
        let rate = section.starts_with("limits.");
        let rows = |named: &str| every.lines().any(|row| told(row) && row.contains(named));
        let there = if rate { rows(&format!("`[{section}]`")) } else { rows(&format!("`{name}`")) };
        assert!(there || rows(&format!("`{key}`")), "docs/configuration.md does not tell of {line}");
    }
}

#[test]
fn the_example_files_hold() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/examples");
    let mut proven = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let file = Some(entry.unwrap().path());
        Config::load(&Sources { file: file.clone(), ..Sources::default() })
            .unwrap_or_else(|error| panic!("{file:?}: {error}"));
        proven += 1;
    }
    assert!(proven >= 3);
}

#[test]
fn the_environment_of_deployed_nodes_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/env");
    let variables = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        // Secrets are where the containers are; that these are settings of files is told by the name of the key.
        let here = lines.filter(|line| !line.contains("_FILE="));
        here.map(|line| line.split_once('=').unwrap())
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .collect()
    };
    let node: Vec<_> = variables("node.env");
    for bus in ["redis.env", "cluster.env", "shards.env"] {
        let url = ("PLAZA_STORE__URL".to_owned(), "postgres://plaza:secret@postgres:5432/plaza".to_owned());
        let password = ("PLAZA_BUS__PASSWORD".to_owned(), "secret".to_owned());
        let environment = [node.clone(), variables(bus), vec![url, password]].concat();
        let loaded = Config::load(&Sources { environment, ..Sources::default() });
        assert!(loaded.is_ok(), "{bus}: {}", loaded.unwrap_err());
    }
}

#[test]
fn flags_stand_above_the_environment_above_the_file_above_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plaza.toml");
    fs::write(&file, "[server]\ngrace_ms = 1\nheader_timeout_ms = 101\nlisten = \"127.0.0.1:1\"").unwrap();
    let mut sources =
        env(&[("PLAZA_SERVER__HEADER_TIMEOUT_MS", "102"), ("PLAZA_SERVER__LISTEN", "127.0.0.1:2")]);
    sources.file = Some(file);
    sources.flags = vec![("server.listen", "127.0.0.1:3".into())];
    let server = Config::load(&sources).unwrap().config.server;
    assert_eq!(
        (server.listen.port(), server.header_timeout_ms, server.grace_ms, server.request_timeout_ms),
        (3, 102, 1, 30_000)
    );
}

#[test]
fn environment_values_are_read_as_their_keys_types() {
    let config = Config::load(&env(&[
        ("PLAZA_SERVER__NODE", "007"),
        ("PLAZA_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__LOGIN__NAME_BURST", "3"),
        ("PLAZA_AUTH__SECRET", "12345678901234567890123456789012"),
        ("PLAZA_STORE__DURABILITY", "none"),
        ("PLAZA_CHAT__RETENTION__ROOMS", "lobby=7, archive=0"),
        ("PLAZA_PORT", "tcp://10.0.0.1:3000"),
        ("HOME", "/root"),
    ]))
    .unwrap()
    .config;
    assert_eq!(config.server.node, "007");
    assert!(config.server.trusted_proxies.contains("10.1.2.3".parse().unwrap()));
    assert!(!config.limits.exempt_loopback);
    assert_eq!(config.limits.login.name_burst, 3);
    assert_eq!(config.chat.token_secret.unwrap().expose(), "12345678901234567890123456789012");
    assert_eq!(config.store.durability, Durability::None);
    let kept: Vec<_> =
        config.chat.retention.rooms.iter().map(|room| (room.room.as_str(), room.days)).collect();
    assert_eq!(kept, [("lobby", 7), ("archive", 0)]);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known() {
    assert_eq!(
        with_file("[server]\nlisten_on = \"x\"").unwrap_err(),
        "plaza.toml: unknown key server.listen_on; did you mean server.listen?"
    );
    assert_eq!(
        with_file("[sevrer]\nlisten = \"x\"").unwrap_err(),
        "plaza.toml: unknown key sevrer.listen; did you mean server.listen?"
    );
    assert_eq!(with_file("[quantum]\nflux = 1").unwrap_err(), "plaza.toml: unknown key quantum.flux");
    assert_eq!(
        refused(&env(&[("PLAZA_LOG__LEVLE", "debug")])),
        "the environment: unknown key PLAZA_LOG__LEVLE; did you mean PLAZA_LOG__LEVEL?"
    );
}

#[test]
fn wrong_types_and_bounds_are_one_sentence() {
    for (text, sentence) in [
        ("[server]\ngrace_ms = \"long\"", "plaza.toml: server.grace_ms must be a number, not text in quotes"),
        ("server = 1", "plaza.toml: server must be a section, not a number"),
        ("[server]\ngrace_ms = 600001", "server.grace_ms must be 0 to 600000, not 600001"),
        (
            "[server]\nnode = \"a_b\"",
            "server.node must have at most 32 of a-z 0-9 -, not \"a_b\": a proxy tells nodes apart by it",
        ),
        ("[limits.login]\nname_burst = 0", "limits.login.name_burst must be 1 to 1000000, not 0"),
        ("[chat]\nlog_batch = 0", "chat.log_batch is 0, and must be from 1 to 4096"),
        ("[server\n", "plaza.toml, line 1: invalid table header, expected `.`, `]`"),
    ] {
        assert_eq!(with_file(text).unwrap_err(), sentence);
    }
    for (text, part) in [
        ("[server]\ngrace_ms = -1", "plaza.toml: server.grace_ms is a number out of all bounds"),
        (
            "[server]\nlisten = \"localhost\"",
            "plaza.toml: server.listen must be an address and a port, such as",
        ),
        ("[server]\ntrusted_proxies = [\"nginx\"]", "\"nginx\" is neither an address nor a network"),
        ("[server]\nallowed_origins = [\"https://a.example/\"]", "which is no origin"),
        (
            "[store]\ndurability = \"some\"",
            "plaza.toml: store.durability must be \"full\" or \"none\", not \"some\"",
        ),
        (
            "[log]\nlevel = \"info,lout\"",
            "\"lout\" must be error, warn, info, debug or trace, or MODULE=LEVEL",
        ),
        ("[log]\nlevel = \"a=b=c\"", "log.level is \"a=b=c\", which is no level"),
    ] {
        let error = with_file(text).unwrap_err();
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
    }
    assert_eq!(
        refused(&env(&[("PLAZA_SERVER__GRACE_MS", "1s")])),
        "the environment: PLAZA_SERVER__GRACE_MS must be a whole number"
    );
    let missing = Sources { file: Some("/nonexistent/plaza.toml".into()), ..Sources::default() };
    assert!(refused(&missing).starts_with("cannot read /nonexistent/plaza.toml: No such file"));
}

#[test]
fn the_secret_comes_from_the_environment_or_its_file_and_is_never_shown() {
    let secret = "a-secret-of-more-than-thirty-two-bytes";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, format!("{secret}\n")).unwrap();
    let from_file = env(&[("PLAZA_AUTH__SECRET_FILE", path.to_str().unwrap())]);
    for sources in [env(&[("PLAZA_AUTH__SECRET", secret)]), from_file] {
        assert!(!format!("{sources:?}").contains(secret), "the debug form shows it");
        let loaded = Config::load(&sources).unwrap();
        assert_eq!(loaded.config.chat.token_secret.as_ref().unwrap().expose(), secret);
        assert!(!loaded.describe().join("\n").contains(secret));
        assert!(!format!("{loaded:?}").contains(secret), "the debug form shows it");
    }

    let error = with_file(&format!("[auth]\nsecret = \"{secret}\"")).unwrap_err();
    assert!(error.contains("auth.secret belongs in the environment") && !error.contains(secret), "{error}");
    let error = refused(&env(&[("PLAZA_AUTH__SECRET", "short")]));
    assert_eq!(error, "auth.secret must have at least 32 bytes, not 5");
    let both = env(&[("PLAZA_AUTH__SECRET", secret), ("PLAZA_AUTH__SECRET_FILE", path.to_str().unwrap())]);
    assert!(refused(&both).contains("not both"));
    fs::write(&path, "\n").unwrap();
    assert!(refused(&env(&[("PLAZA_AUTH__SECRET_FILE", path.to_str().unwrap())])).contains("is empty"));
}

#[test]
fn what_is_in_force_is_described_with_its_source() {
    let lines =
        Config::load(&env(&[("PLAZA_LOG__LEVEL", "debug"), ("PLAZA_SERVER__TRUSTED_PROXIES", "::1")]))
            .unwrap()
            .describe();
    for expected in [
        "server.listen = \"127.0.0.1:3000\"",
        "log.level = \"debug\"  # the environment",
        "server.trusted_proxies = [\"::1\"]  # the environment",
        "limits.exempt_loopback = true",
        "socket.ping_interval_ms = 25000",
        "auth.secret = \"\"",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not in {lines:#?}");
    }
}

/// Several nodes need one.
const SERVER: (&str, &str) = ("PLAZA_STORE__URL", "postgres://plaza@db/plaza");

fn bus(vars: &[(&str, &str)]) -> Result<Bus, String> {
    let vars: Vec<_> = vars.iter().map(|(name, text)| (format!("PLAZA_BUS__{name}"), *text)).collect();
    let mut vars: Vec<_> = vars.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    vars.push(SERVER);
    Config::load(&env(&vars)).map(|loaded| loaded.config.bus).map_err(|error| error.to_string())
}

#[test]
fn a_bus_is_told_which_servers_it_has() {
    use plaza_bus::{Layout, Link};
    let layout = |vars: &[(&str, &str)]| match bus(vars).unwrap().options().unwrap().link {
        Link::Redis(redis) => redis.layout,
        Link::Local(_) => panic!("it is local"),
    };
    assert!(matches!(bus(&[]).unwrap().options().unwrap().link, Link::Local(_)));
    let one = layout(&[("KIND", "redis"), ("URLS", "redis://localhost")]);
    assert!(matches!(one, Layout::One(endpoint) if endpoint.to_string() == "localhost:6379"));
    let seeds = layout(&[("KIND", "cluster"), ("URLS", "redis://a,redis://b"), ("PASSWORD", "p")]);
    assert!(matches!(seeds, Layout::Cluster(seeds) if seeds.len() == 2));
    let pairs = [
        ("KIND", "shards"),
        ("URLS", "redis://localhost:1,redis://localhost:2"),
        ("PAIRS", "redis://localhost:3,-"),
    ];
    let Layout::Shards(shards) = layout(&pairs) else { panic!("no shards") };
    assert_eq!(shards[0].second.as_ref().unwrap().to_string(), "localhost:3");
    assert!(shards[1].second.is_none());
}

#[test]
fn a_bus_that_cannot_work_is_refused() {
    for (vars, expected) in [
        (&[("URLS", "redis://localhost")][..], "uses none"),
        (&[("KIND", "redis")], "needs one server"),
        (&[("KIND", "redis"), ("URLS", "redis://a,redis://b")], "needs one server"),
        (&[("KIND", "redis"), ("URLS", "http://a")], "must begin with redis://"),
        (&[("KIND", "redis"), ("URLS", "redis://a.example")], "no password is set"),
        (&[("KIND", "cluster")], "must name servers"),
        (&[("KIND", "cluster"), ("URLS", "unix:///a")], "by TCP"),
        (&[("KIND", "shards"), ("URLS", "redis://localhost,redis://localhost")], "named twice"),
        (&[("KIND", "shards"), ("URLS", "redis://localhost"), ("PAIRS", "redis://localhost")], "named twice"),
        (&[("KIND", "redis"), ("URLS", "redis://localhost"), ("PAIRS", "redis://localhost:1")], "alone"),
        (&[("KIND", "sentinel")], "must be"),
        (&[("CONNECTIONS", "0")], "bus.connections must be 1 to 64"),
        (&[("CACHE", "true")], "bus.cache keeps copies on Redis"),
    ] {
        let error = bus(vars).expect_err("it is refused");
        assert!(error.contains(expected), "{vars:?}: {error}");
    }
}

#[test]
fn half_a_cluster_is_refused() {
    let vars = [("PLAZA_BUS__KIND", "redis"), ("PLAZA_BUS__URLS", "redis://localhost")];
    let error = Config::load(&env(&vars)).unwrap_err().to_string();
    assert!(error.contains("set store.url"), "{error}");
    let alone = Config::load(&env(&[])).unwrap().config.cluster().unwrap();
    assert!(alone.is_none());
    let on_server = Config::load(&env(&[SERVER])).unwrap().config.cluster().unwrap();
    assert!(on_server.is_some_and(|cluster| cluster.alone));
}

#[test]
fn passwords_of_the_bus_are_never_shown_and_not_read_from_a_file() {
    let vars = [
        ("PLAZA_BUS__KIND", "shards"),
        ("PLAZA_BUS__URLS", "redis://ann:hidden@a,unix:///b?pass=hidden"),
        ("PLAZA_BUS__PASSWORD", "hidden"),
        SERVER,
    ];
    let loaded = Config::load(&env(&vars)).unwrap();
    let shown = format!("{loaded:?} {}", loaded.describe().join("\n"));
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(shown.contains(r#"bus.urls = ["redis://(not shown)@a", "unix:///b?(not shown)"]"#), "{shown}");
    for text in ["[bus]\nurls = [\"redis://:hidden@a\"]", "[bus]\npassword = \"hidden\""] {
        let error = with_file(text).unwrap_err();
        assert!(error.contains("belongs in the environment") && !error.contains("hidden"), "{error}");
    }
}

#[test]
fn a_server_is_named_without_its_password() {
    let url = "postgres://plaza:s3cret@db/plaza?sslmode=verify-full";
    let loaded = Config::load(&env(&[("PLAZA_STORE__URL", url)])).unwrap();
    assert_eq!(loaded.config.store.server().unwrap().unwrap().expose(), url);
    let told = format!("{:?} {}", loaded, loaded.describe().join("\n"));
    assert!(told.contains("postgres://plaza@db/plaza") && !told.contains("s3cret"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    fs::write(&file, format!("{url}\n")).unwrap();
    let from_file = [("PLAZA_STORE__URL_FILE", file.to_str().unwrap())];
    let store = Config::load(&env(&from_file)).unwrap().config.store;
    assert_eq!(store.server().unwrap().unwrap().expose(), url);
    let both = refused(&env(&[from_file[0], ("PLAZA_STORE__URL", url)]));
    assert_eq!(both, "set store.url or store.url_file, not both");

    let open = with_file("[store]\nurl = \"postgres://plaza@db/plaza\"").unwrap();
    assert!(open.config.store.server().unwrap().is_some());
    let secret = with_file(&format!("[store]\nurl = \"{url}\"")).unwrap_err();
    assert!(
        secret.contains("store.url belongs in the environment") && !secret.contains("s3cret"),
        "{secret}"
    );
    let other = refused(&env(&[("PLAZA_STORE__URL", "mysql://plaza:s3cret@db/plaza")]));
    assert_eq!(other, "store.url must be a URL that begins with postgres://");
}
