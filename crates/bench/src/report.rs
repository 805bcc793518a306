//! What was measured, as Markdown for people and JSON for programs. Nothing is rounded away: every run stands in the JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use aredvi_events::clock::rfc3339;
use serde::Serialize;

use crate::column::cost::Cost;
use crate::community::Sizes;
use crate::load::Outcome;
use crate::raw::memory;

/// An answer that takes longer is one that people notice.
const SLOW_MS: f64 = 100.0;

/// Everything that one call of the program measured.
#[derive(Debug, Serialize)]
pub struct Document {
    /// When it was begun, RFC 3339.
    pub begun: String,
    /// On what.
    pub machine: Machine,
    /// On which community; none where there was none.
    pub community: Option<Sizes>,
    /// One for each report.
    pub sections: Vec<Section>,
}

/// The machine that everything ran on.
#[derive(Debug, Serialize)]
pub struct Machine {
    cores: usize,
    cpu: String,
    memory_gib: f64,
    /// Nanoseconds of a read at a random place of its memory.
    random_read_ns: f64,
    kernel: String,
    /// Processes that wanted to run before it began: a busy machine measures itself.
    load_average: String,
}

/// One report.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its subcommand.
    pub name: &'static str,
    /// What it measures and how, a sentence each.
    pub method: Vec<String>,
    /// What came of it.
    pub figures: Vec<Figure>,
    /// What it cost meanwhile.
    pub costs: Vec<Costly>,
    /// When it was slow.
    pub courses: Vec<Course>,
}

/// When one load was slow.
#[derive(Debug, Serialize)]
pub struct Course {
    /// During what.
    pub during: String,
    /// Of each second the slowest answer to what was due in it, in milliseconds.
    pub slowest_ms: Vec<f64>,
}

/// What one process cost during one load, once in each run.
#[derive(Debug, Serialize)]
pub struct Costly {
    /// During what.
    pub during: String,
    /// Its role or engine.
    pub name: String,
    /// CPU seconds a second.
    pub cores: Vec<f64>,
    /// Resident memory at the end, in MiB.
    pub rss_mib: Vec<f64>,
}

/// One thing measured, once in each run.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What.
    pub what: String,
    /// Its unit.
    pub unit: &'static str,
    /// What it should be.
    pub target: Option<&'static str>,
    /// Each run's value.
    pub runs: Vec<f64>,
}

impl Section {
    /// Without figures yet.
    pub fn new(name: &'static str, method: &[&str]) -> Self {
        Self {
            name,
            method: method.iter().map(|&sentence| sentence.to_owned()).collect(),
            figures: Vec::new(),
            costs: Vec::new(),
            courses: Vec::new(),
        }
    }

    /// Says more of how it was measured.
    pub fn note(&mut self, sentence: String) {
        if !self.method.contains(&sentence) {
            self.method.push(sentence);
        }
    }

    /// One more run of a figure.
    pub fn add(&mut self, what: impl Into<String>, unit: &'static str, value: f64) {
        self.add_to(what.into(), unit, None, value);
    }

    /// One more run of a figure that has a target.
    pub fn aim(&mut self, what: impl Into<String>, unit: &'static str, target: &'static str, value: f64) {
        self.add_to(what.into(), unit, Some(target), value);
    }

    /// The usual figures of some load; failures by kind where there are any.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn load(&mut self, what: &str, outcome: &Outcome) {
        self.add(format!("{what}: answered"), "/s", outcome.rate());
        self.add(format!("{what}: median"), "ms", outcome.ms(50.0));
        self.add(format!("{what}: p99"), "ms", outcome.ms(99.0));
        let slow = outcome.seconds_slower_than(SLOW_MS);
        self.add(format!("{what}: seconds with an answer slower than {SLOW_MS} ms"), "", slow as f64);
        self.courses.push(Course { during: what.to_owned(), slowest_ms: outcome.slowest_ms.clone() });
        self.add(format!("{what}: failed"), "", outcome.failed() as f64);
        for (kind, count) in &outcome.failures {
            self.add(format!("{what}: failed with {kind}"), "", *count as f64);
        }
    }

    /// What processes cost meanwhile.
    pub fn costs(&mut self, during: &str, costs: &[Cost]) {
        for Cost { name, cores, rss_mib } in costs {
            let known = self.costs.iter_mut().find(|known| known.during == during && known.name == *name);
            if let Some(known) = known {
                known.cores.push(*cores);
                known.rss_mib.push(*rss_mib);
            } else {
                let (cores, rss_mib) = (vec![*cores], vec![*rss_mib]);
                self.costs.push(Costly { during: during.to_owned(), name: name.clone(), cores, rss_mib });
            }
        }
    }

    fn add_to(&mut self, what: String, unit: &'static str, target: Option<&'static str>, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.what == what) {
            Some(figure) => figure.runs.push(value),
            None => self.figures.push(Figure { what, unit, target, runs: vec![value] }),
        }
    }

    fn markdown(&self, text: &mut String) {
        let _ = writeln!(text, "\n## `{}`\n", self.name);
        for sentence in &self.method {
            let _ = writeln!(text, "- {sentence}");
        }
        let _ = writeln!(text, "\n| what | median of runs | least – most | runs | target |\n|---|---|---|---|---|");
        for Figure { what, unit, target, runs } in &self.figures {
            let (least, median, most) = spread(runs);
            let (least, median, most) = (shown(least), shown(median), shown(most));
            let target = target.unwrap_or("");
            let _ = writeln!(text, "| {what} | {median} {unit} | {least} – {most} | {} | {target} |", runs.len());
        }
        let mut during = None;
        for cost in &self.costs {
            if during != Some(&cost.during) {
                during = Some(&cost.during);
                let _ = writeln!(text, "\n| {} | cores | MiB |\n|---|---|---|", cost.during);
            }
            let (cores, rss) = (shown(spread(&cost.cores).1), shown(spread(&cost.rss_mib).1));
            let _ = writeln!(text, "| {} | {cores} | {rss} |", cost.name);
        }
    }
}

impl Document {
    /// Of this machine, now.
    pub fn begin(now_ms: i64, community: Option<Sizes>) -> Self {
        Self { begun: rfc3339(now_ms), machine: Machine::this(), community, sections: Vec::new() }
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let Machine { cores, cpu, memory_gib, random_read_ns, kernel, load_average } = &self.machine;
        let mut text = format!("# Measured\n\nBegun {}, on {cores} cores ({cpu}), {memory_gib:.0} GiB, ", self.begun);
        let _ = writeln!(
            text,
            "of which a read at a random place takes {random_read_ns:.0} ns, Linux {kernel}; load average at the beginning {load_average}."
        );
        if let Some(Sizes { seed, people, leaders, stories, notifications, subscribers }) = &self.community {
            let _ = writeln!(
                text,
                "The community: {people} people with {leaders} leaders on average, {stories} notes, {notifications} notifications, \
                 {subscribers} subscribers of one page; seed {seed}."
            );
        }
        self.sections.iter().for_each(|section| section.markdown(&mut text));
        text
    }

    /// Prints it, and writes it to `file` and beside it as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, file: Option<&Path>) -> anyhow::Result<()> {
        println!("{}", self.markdown());
        let Some(file) = file else { return Ok(()) };
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let json = file.with_extension("json");
        std::fs::write(file, self.markdown()).with_context(|| format!("cannot write {}", file.display()))?;
        std::fs::write(&json, serde_json::to_vec_pretty(self)?).with_context(|| format!("cannot write {}", json.display()))
    }
}

impl Machine {
    fn this() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default().trim().to_owned();
        let memory = read("/proc/meminfo").lines().find_map(|line| {
            let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
            kib.trim().parse::<f64>().ok()
        });
        let cpus = read("/proc/cpuinfo");
        let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.trim().strip_prefix(':'));
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.unwrap_or("of a kind that is not told").trim().to_owned(),
            random_read_ns: memory::random_read_ns(),
            memory_gib: memory.unwrap_or(0.0) / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease"),
            load_average: read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

/// The least, the median and the most.
fn spread(runs: &[f64]) -> (f64, f64, f64) {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let middle = sorted.len() / 2;
    let median =
        if sorted.len().is_multiple_of(2) && middle > 0 { f64::midpoint(at(middle - 1), at(middle)) } else { at(middle) };
    (at(0), median, at(sorted.len().saturating_sub(1)))
}

/// Three digits that count.
fn shown(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_shows_the_median_and_the_spread_of_its_runs() {
        let mut section = Section::new("home", &["Pages are read."]);
        for value in [3.0, 1.0, 20.5] {
            section.aim("a page: p99", "ms", "< 10 ms", value);
        }
        let mut text = String::new();
        section.markdown(&mut text);
        assert!(text.ends_with("| a page: p99 | 3 ms | 1 – 20.5 | 3 | < 10 ms |\n"), "{text}");
        assert_eq!(spread(&[1.0, 2.0]), (1.0, 1.5, 2.0));
    }
}
