//! How far long work is: a bar on a terminal, else a line now and then.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// How much further work must be, in per cent, for another line where there is no terminal.
const STEP: u64 = 10;

/// The progress of one view's work, on stderr.
pub struct Progress {
    view: String,
    bar: Option<ProgressBar>,
    said: (String, u64),
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(view: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} {msg} [{bar:40}] {percent:>3} %  {per_sec}  {eta}");
            let style = style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
            ProgressBar::new(0).with_style(style).with_prefix(view.to_owned())
        });
        Self { view: view.to_owned(), bar, said: (String::new(), 0) }
    }

    /// Shows where it is: events `done` of `total`, or rows compared.
    pub fn show(&mut self, stage: &str, done: Option<u64>, total: Option<u64>, rows: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_message(rows.map_or_else(|| stage.to_owned(), |rows| format!("{stage} {rows} rows")));
            bar.set_length(total.unwrap_or(0));
            bar.set_position(done.unwrap_or(0));
            return;
        }
        let percent = done.zip(total).map_or(0, |(done, total)| done.saturating_mul(100) / total.max(1));
        let step = percent / STEP;
        if self.said != (stage.to_owned(), step) {
            self.said = (stage.to_owned(), step);
            match (done, total) {
                (Some(done), Some(total)) => eprintln!("{}: {stage}, {done} of {total} events", self.view),
                (Some(_) | None, _) => eprintln!("{}: {stage}", self.view),
            }
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
