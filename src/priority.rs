//! Who gives way on a machine that several processes share.

use std::io;

use rustix::process::{getpriority_process, setpriority_process};

/// Gives way to others by `nice`, 0 to 19 (setpriority(2)): for this thread and all that it will start. A process that was
/// started with more stays there.
///
/// # Errors
/// The system's.
pub fn give_way(nice: u8) -> io::Result<()> {
    let nice = i32::from(nice);
    if getpriority_process(None)? < nice {
        setpriority_process(None, nice)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_gives_way_with_all_that_it_starts_and_never_takes_it_back() {
        let here = || getpriority_process(None).expect("a priority");
        let before = here();
        let (first, started, second) = thread::spawn(move || {
            give_way(18).expect("more");
            let (first, started) = (here(), thread::spawn(here).join().expect("a priority"));
            give_way(3).expect("no less");
            (first, started, here())
        })
        .join()
        .expect("priorities");
        assert_eq!((first.max(18), started, second), (first, first, first));
        assert_eq!(here(), before, "others are as they were");
    }
}
