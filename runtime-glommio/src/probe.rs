use std::time::Duration;

use kelpgate_runtime::RuntimeError;
use rustix::io::Errno;
use rustix::io_uring::io_uring_params;
use rustix::process::{Resource, getrlimit};

/// glommio refuses to start below this.
const LOCKED_MEMORY_MIN: u64 = 512 * 1024;

/// The first kernel with every operation that glommio asks for (`IORING_FEAT_FAST_POLL` and 5.8's polling for accept).
const KERNEL_MIN: (u32, u32) = (5, 8);

/// Locked memory of a process that has just ended is given back a little late.
const GIVEN_BACK_WITHIN: Duration = Duration::from_millis(100);

const USE_MIO: &str = "or use the mio runtime";

pub(crate) fn probe() -> Result<(), RuntimeError> {
    check_kernel(&rustix::system::uname().release().to_string_lossy())?;
    // None means unlimited.
    check_locked_memory(getrlimit(Resource::Memlock).current)?;
    match make_ring() {
        Err(Errno::NOMEM) => {
            std::thread::sleep(GIVEN_BACK_WITHIN);
            make_ring()
        }
        made => made,
    }
    .map_err(|errno| explain(errno, &Facts::gather()))
}

#[allow(unsafe_code)]
fn make_ring() -> Result<(), Errno> {
    let mut params = io_uring_params::default();
    // SAFETY: the parameters are zeroed but for what the kernel writes, and the ring is closed at once, never mapped.
    unsafe { rustix::io_uring::io_uring_setup(4, &mut params) }.map(drop)
}

fn check_kernel(release: &str) -> Result<(), RuntimeError> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= KERNEL_MIN {
        return Ok(());
    }
    let (major, minor) = KERNEL_MIN;
    Err(RuntimeError::Unavailable {
        cause: format!("the glommio runtime needs Linux {major}.{minor} and this is {release}"),
        remedy: format!("update the kernel, {USE_MIO}"),
    })
}

fn check_locked_memory(limit: Option<u64>) -> Result<(), RuntimeError> {
    match limit {
        Some(limit) if limit < LOCKED_MEMORY_MIN => Err(RuntimeError::Unavailable {
            cause: format!(
                "the limit on locked memory is {} KiB and io_uring needs {} KiB",
                limit / 1024,
                LOCKED_MEMORY_MIN / 1024
            ),
            remedy: format!("raise it (`ulimit -l`, LimitMEMLOCK= of systemd), {USE_MIO}"),
        }),
        Some(_) | None => Ok(()),
    }
}

/// What the system says about itself, to tell why it refused.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// `/proc/sys/kernel/io_uring_disabled`, absent before Linux 6.6.
    disabled: Option<String>,
    /// The line `Seccomp:` of `/proc/self/status`: 2 when a filter decides about system calls.
    seccomp: Option<String>,
    locked_memory: Option<u64>,
}

impl Facts {
    fn gather() -> Facts {
        let read = |path| std::fs::read_to_string(path).ok();
        let disabled = read("/proc/sys/kernel/io_uring_disabled").map(|text| text.trim().to_owned());
        let status = read("/proc/self/status").unwrap_or_default();
        let seccomp = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        let seccomp = seccomp.map(|value| value.trim().to_owned());
        Facts { disabled, seccomp, locked_memory: getrlimit(Resource::Memlock).current }
    }
}

fn explain(errno: Errno, facts: &Facts) -> RuntimeError {
    let filtered = facts.seccomp.as_deref() == Some("2");
    let (cause, remedy) = match (errno, facts.disabled.as_deref()) {
        (Errno::PERM, Some("2")) => (
            "io_uring is switched off on this system (sysctl kernel.io_uring_disabled=2)".to_owned(),
            "set it to 0".to_owned(),
        ),
        (Errno::PERM, Some("1")) => (
            "io_uring is kept to a group of users on this system (sysctl kernel.io_uring_disabled=1)".to_owned(),
            "set it to 0 or put this user into the group of kernel.io_uring_group".to_owned(),
        ),
        (Errno::PERM | Errno::ACCESS | Errno::NOSYS, _) if filtered => (
            format!("a seccomp filter denies io_uring to this process ({errno})"),
            "run the container with a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register"
                .to_owned(),
        ),
        (Errno::PERM | Errno::ACCESS, _) => (
            format!("the system denies io_uring to this process ({errno})"),
            "ask for the security module's policy to allow it".to_owned(),
        ),
        (Errno::NOSYS, _) => {
            ("this kernel is built without io_uring".to_owned(), "use another kernel".to_owned())
        }
        (Errno::NOMEM, _) => {
            let limit = facts.locked_memory.map_or("unlimited".to_owned(), |limit| format!("{} KiB", limit / 1024));
            (
                format!("no memory for an io_uring; the limit on locked memory, shared by all processes of this user, is {limit}"),
                "raise it (`ulimit -l`, LimitMEMLOCK= of systemd)".to_owned(),
            )
        }
        (Errno::MFILE | Errno::NFILE, _) => (
            format!("no descriptor for an io_uring ({errno})"),
            "raise the limit on open files (`ulimit -n`, LimitNOFILE= of systemd)".to_owned(),
        ),
        (other, _) => (format!("io_uring cannot be set up ({other})"), "look into the kernel's log".to_owned()),
    };
    RuntimeError::Unavailable { cause, remedy: format!("{remedy}, {USE_MIO}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(disabled: Option<&str>, seccomp: &str) -> Facts {
        Facts {
            disabled: disabled.map(str::to_owned),
            seccomp: Some(seccomp.to_owned()),
            locked_memory: Some(8 << 20),
        }
    }

    fn told(error: RuntimeError) -> (String, String) {
        match error {
            RuntimeError::Unavailable { cause, remedy } => (cause, remedy),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_refusal_has_its_cause_and_its_remedy() {
        let table = [
            (Errno::PERM, facts(Some("2"), "0"), "io_uring_disabled=2", "set it to 0"),
            (Errno::PERM, facts(Some("1"), "0"), "io_uring_disabled=1", "io_uring_group"),
            (Errno::PERM, facts(Some("0"), "2"), "seccomp", "profile"),
            (Errno::NOSYS, facts(None, "2"), "seccomp", "profile"),
            (Errno::NOSYS, facts(None, "0"), "without io_uring", "kernel"),
            (Errno::PERM, facts(None, "0"), "denies", "policy"),
            (Errno::NOMEM, facts(Some("0"), "0"), "8192 KiB", "ulimit -l"),
            (Errno::MFILE, facts(Some("0"), "0"), "descriptor", "ulimit -n"),
            (Errno::INVAL, facts(Some("0"), "0"), "cannot be set up", "log"),
        ];
        for (errno, facts, cause, remedy) in table {
            let told = told(explain(errno, &facts));
            assert!(told.0.contains(cause), "{errno:?} {facts:?}: {told:?}");
            assert!(told.1.contains(remedy) && told.1.contains("mio"), "{errno:?} {facts:?}: {told:?}");
        }
    }

    #[test]
    fn old_kernels_and_low_limits_are_refused() {
        for (release, good) in
            [("5.7.19", false), ("5.8.0-rc1", true), ("6.18.4-arch", true), ("4.19", false)]
        {
            assert_eq!(check_kernel(release).is_ok(), good, "{release}");
        }
        assert!(told(check_locked_memory(Some(64 << 10)).unwrap_err()).0.contains("64 KiB"));
        assert!(check_locked_memory(Some(512 << 10)).is_ok());
        assert!(check_locked_memory(None).is_ok());
    }
}
