//! SIGTERM and SIGINT.

use std::io;
use std::thread;

use kelpgate_runtime_mio::StopSignal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Asks the node to stop at the first signal, and ends the process at the second.
///
/// # Errors
/// When the system does not let us listen to signals.
pub(crate) fn stop_on_signals(stop: StopSignal) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked {
                tracing::warn!("ended by a second signal; what was not answered may be lost");
                std::process::exit(128 + signal);
            }
            asked = true;
            tracing::info!("stopping: answering what was accepted, then syncing");
            stop.trigger();
        }
    })?;
    Ok(())
}
