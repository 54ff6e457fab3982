//! A unix socket for the client: ureq itself only connects by TCP, so this is its connection and its transport for
//! the rest.

use crate::sys::{self, LocalStream, Timeouts};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// Where nothing else limits the wait the caller does; this only keeps a thread from staying forever.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// Connects to one socket, whatever the URL says.
#[derive(Debug)]
pub struct LocalConnector {
    path: PathBuf,
}

impl LocalConnector {
    /// For the socket at that path.
    pub fn new(path: PathBuf) -> LocalConnector {
        LocalConnector { path }
    }
}

impl Connector for LocalConnector {
    type Out = LocalTransport;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _chained: Option<()>,
    ) -> Result<Option<LocalTransport>, Error> {
        let (input, output) = (
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(LocalTransport {
            stream: LocalStream::connect(&self.path)?,
            buffers: LazyBuffers::new(input, output),
        }))
    }
}

/// A connection to a unix socket.
#[derive(Debug)]
pub struct LocalTransport {
    stream: LocalStream,
    buffers: LazyBuffers,
}

impl LocalTransport {
    fn limit(&self, timeout: NextTimeout) -> io::Result<()> {
        let timeout = timeout.not_zero().map_or(TIMEOUT_MAX, |left| *left);
        self.stream.set_timeouts(timeout, timeout)
    }
}

impl Transport for LocalTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.limit(timeout)?;
        let output = self.buffers.output().split_at(amount).0;
        let sent = (&self.stream).write_all(output);
        sent.map_err(|error| failed(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.limit(timeout)?;
        let count = loop {
            match (&self.stream).read(self.buffers.input_append_buf()) {
                // This process was stopped and goes on. The caller bounds the wait as a whole.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| failed(error, timeout))?,
            }
        };
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// One request is sent and the connection never used again.
    fn is_open(&mut self) -> bool {
        false
    }
}

fn failed(error: io::Error, timeout: NextTimeout) -> Error {
    match sys::is_tick(&error) {
        true => Error::Timeout(timeout.reason),
        false => Error::Io(error),
    }
}
