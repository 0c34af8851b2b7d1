//! Lines of the log, on standard error.

use kelpgate_shard::Level;
use tracing::level_filters::LevelFilter;

/// Starts to log. `format` is "text" or "json", `level` the least severe that is written.
pub(crate) fn start(format: &str, level: &str) {
    let filter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    if format == "json" {
        builder.json().flatten_event(true).init();
    } else {
        builder.init();
    }
}

/// Writes what a shard says.
pub(crate) fn from_shard(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!("{text}"),
        Level::Warn => tracing::warn!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Debug => tracing::debug!("{text}"),
    }
}
