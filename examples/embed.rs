//! A registry inside another program, in memory and on a free port: for tests that push and pull without a container.
//!
//!     cargo run --example embed

use registry::config::{Config, ConfigSource};
use registry::logging::Sink;
use registry::server::Registry;
use std::error::Error;
use std::thread;
use std::time::Duration;

const CONFIGURATION: &str = "
version: 0.1
storage: inmemory
http: {addr: '127.0.0.1:0'}
log: {accesslog: {disabled: true}}
";

fn main() -> Result<(), Box<dyn Error>> {
    let (name, text) = ("embedded".to_owned(), CONFIGURATION.to_owned());
    let loaded = Config::load(ConfigSource::Text { name, text }, []);
    let (config, _notices) = loaded.map_err(|errors| format!("{errors:?}"))?;
    let registry = Registry::open(&config, &Sink::default())?;
    let (url, control) = (
        format!("http://{}/v2/", registry.address()),
        registry.control(),
    );
    let serving = thread::spawn(move || registry.run());

    let response = ureq::get(&url).call()?;
    println!("{url} responds with {}", response.status());

    control.shutdown(Duration::from_secs(1));
    serving.join().map_err(|_| "the registry panicked".into())
}
