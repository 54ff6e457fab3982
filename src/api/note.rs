//! What the API learns about a request that its response does not say, for the access log, metrics and events.

/// What came of one request. The default is that of one which the API never saw.
#[derive(Debug, Default)]
pub struct Note {}
